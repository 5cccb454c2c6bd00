"""Attempts that another release began with other parameters."""

from collections.abc import Awaitable, Callable

from domain.errors import GatewayRefused
from domain.provider.attempt_keys import key_for_other_parameters
from domain.provider.payments import KEY_IS_TAKEN, Charge


async def with_any_parameters(attempt: Callable[[str], Awaitable[Charge]], key: str) -> Charge:
    """Makes an attempt under a key, even if an earlier release began it with other parameters.

    *attempt* itself first looks up what was done then; the rest is done under another key.
    """
    try:
        return await attempt(key)
    except GatewayRefused as error:
        if error.code != KEY_IS_TAKEN:
            raise
    return await attempt(key_for_other_parameters(key))
