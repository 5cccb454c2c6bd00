"""Tries that were begun by another release, in other words than ours."""

from collections.abc import Awaitable, Callable

from domain.errors import GatewayRefused
from domain.provider.attempt_keys import asked_otherwise
from domain.provider.payments import KEY_IS_TAKEN, Charge


async def in_any_words(ask: Callable[[str], Awaitable[Charge]], key: str) -> Charge:
    """What *ask* comes to under a key, also when an earlier release has begun it in other words.

    What was done then is looked for first, by *ask* itself; the rest goes on under a key for these words.
    """
    try:
        return await ask(key)
    except GatewayRefused as error:
        if error.code != KEY_IS_TAKEN:
            raise
    return await ask(asked_otherwise(key))
