"""Answers of the payment provider that the delivery of an event waits for."""

import asyncio
from collections.abc import Awaitable
from datetime import timedelta
from typing import TypeVar

from domain.errors import GatewayUnavailable

T = TypeVar("T")

ANSWER_TIMEOUT = timedelta(seconds=5)
"""How long the provider may take to return an object."""


async def in_time(answer: Awaitable[T], what: str) -> T:
    """Return the provider's answer; *what* names it in the message of an error.

    Raises:
        GatewayUnavailable: it did not come in time.
    """
    try:
        async with asyncio.timeout(ANSWER_TIMEOUT.total_seconds()):
            return await answer
    except TimeoutError as error:
        raise GatewayUnavailable(f"the provider did not return {what} in time") from error
