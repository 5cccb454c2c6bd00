"""To whom invoices are addressed, read at the provider for each page."""

import asyncio
import logging
from collections.abc import Callable
from time import monotonic
from typing import Final

from domain.errors import GatewayRefused, GatewayUnavailable
from domain.provider.ports import CustomerContacts
from domain.provider.purchases import BillingDetails

DEADLINE: Final = 1.0
"""Seconds for which a page waits."""
LEFT_ALONE: Final = 30.0
"""Seconds for which the provider is not asked again after it has not answered in time, so that no page waits for it."""

_log = logging.getLogger("tenure.billing_details")


class BillingDetailsReader:
    """Reads billing details for pages, which do without them while the provider is down."""

    def __init__(
        self, contacts: CustomerContacts, *, deadline: float = DEADLINE, clock: Callable[[], float] = monotonic
    ) -> None:
        self._contacts = contacts
        self._deadline = deadline
        self._clock = clock
        self._ask_from = float("-inf")

    async def of(self, customer_ref: str) -> BillingDetails | None:
        """Return the details; None: the provider has none, does not know the customer, or does not answer for now."""
        if not customer_ref or self._clock() < self._ask_from:
            return None
        try:
            async with asyncio.timeout(self._deadline):
                return await self._contacts.billing_details(customer_ref)
        except (GatewayUnavailable, TimeoutError):
            self._ask_from = self._clock() + LEFT_ALONE
            _log.warning("billing details are left out for %d seconds: the provider does not answer", LEFT_ALONE)
        except GatewayRefused as error:
            _log.warning("billing details cannot be read: %s", error)
        return None
