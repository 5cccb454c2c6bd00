"""Telling Stripe what was used beyond a plan's limit."""

import re

import stripe

from domain.provider.overage_use import BilledUse
from gateways.stripe.base import StripeAccount
from gateways.stripe.catalog_meters import CUSTOMER, VALUE
from gateways.stripe.errors import translated

_KNOWN = re.compile(r"already exists with identifier")


class StripeUse(StripeAccount):
    """Events of Stripe's meters, each under an identifier of its own."""

    async def report_use(self, use: BilledUse, *, key: str) -> None:
        with translated():
            try:
                await self._api.billing.meter_events.create_async(
                    {
                        "event_name": use.counted_as,
                        "payload": {CUSTOMER: use.customer_ref, VALUE: str(use.quantity)},
                        "identifier": use.report_key,
                        "timestamp": int(use.at.timestamp()),
                    },
                    {"idempotency_key": key},
                )
            except stripe.InvalidRequestError as error:
                # It has no code of its own for what got through before.
                if not _KNOWN.search(str(error)):
                    raise
