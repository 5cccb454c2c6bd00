"""The roll-up: activities that send late notices, sample gauges, sum up revenue and usage, and remove old data."""

from dataclasses import dataclass

from temporalio import activity
from temporalio.converter import value_to_type

from activities.failures import as_temporal_failures
from domain.entitlements.ports import StatisticsProgress, UsageNoticeSender, UsageRollUp
from domain.revenue.ports import RevenueRollUp


@dataclass(frozen=True)
class LateNotices:
    """What had not been sent in time."""

    notices: int = 0
    mails: int = 0
    """Stored before and dispatched again."""


class RollUpActivities:
    """The activities of the roll-up; one per worker. Each is safe to repeat at any time."""

    def __init__(self, notices: UsageNoticeSender, roll_up: UsageRollUp, revenue: RevenueRollUp) -> None:
        self._notices = notices
        self._roll_up = roll_up
        self._revenue = revenue

    @activity.defn(name="tell_usage_notices")
    async def send_late_notices(self) -> LateNotices:
        """Send notices of thresholds that were not sent when they were crossed. Idempotent by notice and mail."""
        with as_temporal_failures():
            notices = await self._notices.send_pending()
            return LateNotices(notices, await self._notices.resend_queued())

    @activity.defn(name="sample_gauges")
    async def sample_gauges(self) -> int:
        """Record the current amount of every gauge. Idempotent by customer, feature and day."""
        with as_temporal_failures():
            count, cursor = _progress()
            while True:
                page = await self._roll_up.sample(cursor)
                count, cursor = count + page.gauges, page.next_cursor
                if cursor is None:
                    return count
                activity.heartbeat(count, cursor)

    @activity.defn(name="take_usage_statistics")
    async def compute_usage_statistics(self) -> int:
        """Sum up revenue by day, and usage by plan and feature. Idempotent: replaces what is stored of the same time.

        Both are in one activity, so that runs which began before revenue was recorded replay. Usage goes on from the
        page where the previous attempt stopped.
        """
        with as_temporal_failures():
            begun = _statistics_so_far()
            known = () if begun is None else (begun,)
            await self._revenue.roll_up(alive=lambda: activity.heartbeat(*known))
            activity.heartbeat(*known)
            return await self._roll_up.compute_statistics(alive=activity.heartbeat, begun=begun)

    @activity.defn(name="forget_old_usage")
    async def forget_old_usage(self) -> dict[str, int]:
        """Remove expired data in batches. Idempotent."""
        with as_temporal_failures():
            return await self._roll_up.forget(alive=activity.heartbeat)


def _progress() -> tuple[int, tuple[str, str, str] | None]:
    """How far the previous attempt came."""
    details = activity.info().heartbeat_details
    if not details:
        return 0, None
    count, (tenant, customer, feature) = details
    return count, (tenant, customer, feature)


def _statistics_so_far() -> StatisticsProgress | None:
    """How far the previous attempt came; None if it came to no page."""
    details = activity.info().heartbeat_details
    if not details:
        return None
    noted: StatisticsProgress = value_to_type(StatisticsProgress, details[0])
    return noted
