"""Refunds that are asked for here: an activity on the payments queue."""

from temporalio import activity

from activities.failures import as_temporal_failures
from domain.provider.payments import Reversal
from domain.provider.ports import Refunds
from domain.provider.refunds import RefundOrder


class RefundActivities:
    """Gives money back; one per worker."""

    def __init__(self, refunds: Refunds) -> None:
        self._refunds = refunds

    @activity.defn(name="refund")
    async def refund(self, order: RefundOrder) -> tuple[Reversal, ...]:
        """Give back what the order says. Idempotent by its key, however late: it first looks up earlier attempts."""
        with as_temporal_failures():
            return await self._refunds.refund(order)
