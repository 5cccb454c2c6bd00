"""Reports usage beyond a plan's limit to Stripe."""

import re

import stripe

from domain.provider.overage_usage import BilledUsage
from gateways.stripe.catalog_meters import CUSTOMER, VALUE
from gateways.stripe.errors import translated

_ALREADY_REPORTED = re.compile(r"already exists with identifier")


class StripeUsage:
    """The port `Metering`: meter events, each under its own identifier."""

    def __init__(self, client: stripe.StripeClient) -> None:
        self._api = client.v1

    async def report_usage(self, use: BilledUsage, *, key: str) -> None:
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
                # Stripe has no error code for a known identifier.
                if not _ALREADY_REPORTED.search(str(error)):
                    raise
