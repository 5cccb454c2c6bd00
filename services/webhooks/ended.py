"""Steps of subscriptions that are over: no workflow orders them, so that each may find another written meanwhile."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime

from domain.errors import GatewayUnavailable
from domain.subscription.ports import EndedSubscriptions
from domain.subscription.state import Subscription

MAX_ATTEMPTS = 3
"""Attempts to record a step, while others write to the same subscription."""


async def attempts(
    subscriptions: EndedSubscriptions, subscription: str
) -> AsyncIterator[tuple[Subscription, datetime]]:
    """The subscription as it is at each attempt to record a step, and the step's moment; none if it is not over.

    Raises:
        GatewayUnavailable: no attempt was the last; retry later.
    """
    for _ in range(MAX_ATTEMPTS):
        found = await subscriptions.ended(subscription)
        if found is None:
            return
        ended, last = found
        # Never before the latest entry: in the sandbox a subscription's clock is ahead of our own.
        yield ended, max(datetime.now(UTC), last)
    raise GatewayUnavailable(f"subscription {subscription} was written to concurrently", code="busy")
