"""Reports usage, whose timestamps are in real time, to the simulator, where customers' clocks may be ahead."""

from dataclasses import replace

from domain.provider.overage_usage import BilledUsage
from domain.provider.ports import Metering
from sandbox.stripe import StripeSimulator


class MeteringAhead:
    """Reports usage at the customer's own time, which the database does not know."""

    def __init__(self, metering: Metering, simulator: StripeSimulator) -> None:
        self._metering = metering
        self._simulator = simulator

    async def report_usage(self, use: BilledUsage, *, key: str) -> None:
        at = use.at + self._simulator.ahead(use.customer_ref)
        await self._metering.report_usage(replace(use, at=at), key=key)
