"""How long tests wait: until something is so. Only what is broken makes them wait as long as this."""

import asyncio
import inspect
from collections.abc import Awaitable, Callable

PATIENT = 180.0
"""Seconds: many times what a busy machine needs, and longer than the minute after which what was left is swept up."""
LOOK = 0.02


async def until(is_so: Callable[[], Awaitable[object] | object]) -> None:
    """Return once *is_so* answers something true; for what nobody tells of when it comes about.

    Raises:
        TimeoutError: it was not so in all that time; the message says what was waited for, and the last answer.
    """
    found: object = None
    try:
        async with asyncio.timeout(PATIENT):
            while True:
                found = is_so()
                found = await found if inspect.isawaitable(found) else found
                if found:
                    return
                await asyncio.sleep(LOOK)
    except TimeoutError:
        raise TimeoutError(f"waited {PATIENT:g} s for: {_in_words(is_so)}; the last answer was {found!r}") from None


def _in_words(is_so: Callable[[], object]) -> str:
    """What is asked, as it is written."""
    try:
        return " ".join(inspect.getsource(is_so).split())
    except (OSError, TypeError):  # a built-in one, or a bound object
        return repr(is_so)
