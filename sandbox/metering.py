"""Telling the simulator of use, whose moments are real time's, while each customer's clock may be ahead of it."""

from dataclasses import replace

from domain.provider.overage_use import BilledUse
from domain.provider.ports import Metering
from sandbox.stripe import StripeSimulator


class MeteringAhead:
    """Tells of use as if the database had the customer's own clock, which it does not."""

    def __init__(self, metering: Metering, simulator: StripeSimulator) -> None:
        self._metering = metering
        self._simulator = simulator

    async def report_use(self, use: BilledUse, *, key: str) -> None:
        at = use.at + self._simulator.ahead(use.customer_ref)
        await self._metering.report_use(replace(use, at=at), key=key)
