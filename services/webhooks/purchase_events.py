"""Events about purchases: a completed page starts a sign-up; no subscription is signalled."""

import asyncio
from collections.abc import Sequence
from datetime import timedelta

from domain.errors import GatewayUnavailable
from domain.provider.events import Disposition, KeptEvent, ProviderEvent, Routing
from domain.provider.hints import EventKind
from domain.webhooks.ports import CompletedPurchases

WITHIN = timedelta(seconds=15)
"""How long a take-over may hold up the batch; it goes on, and the sweep finds what has become of it."""


class PurchaseEvents:
    """Takes over the purchases whose completed pages are reported. Safe to repeat."""

    def __init__(self, purchases: CompletedPurchases) -> None:
        self._purchases = purchases

    async def among(self, messages: Sequence[KeptEvent]) -> list[tuple[ProviderEvent, str]]:
        """The events about pages on which somebody bought, each with the tenant."""
        given = [each.event for each in messages if each.event.news is EventKind.CARD_GIVEN]
        known = await self._purchases.known({event.object_id for event in given}) if given else {}
        return [(event, known[event.object_id]) for event in given if event.object_id in known]

    async def take_over(self, page_ref: str) -> Routing:
        """Take one purchase over and return the outcome.

        Raises:
            TenureError: it was not taken over; try again later.
        """
        try:
            async with asyncio.timeout(WITHIN.total_seconds()):
                state = await self._purchases.settle(page_ref)
        except TimeoutError as error:
            raise GatewayUnavailable("the purchase was not taken over in time") from error
        return Routing(Disposition.DELIVERED, f"delivered: purchase {state}")
