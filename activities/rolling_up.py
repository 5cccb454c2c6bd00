"""The usage roll-up: activities that send late notices, sample gauges, compute statistics and remove old data."""

from dataclasses import dataclass
from typing import Protocol

from temporalio import activity

from activities.failures import as_temporal_failures
from domain.entitlements.ports import UsageRollUp


class Tells(Protocol):
    """Notifies customers of crossed usage thresholds."""

    async def tell(self) -> int: ...
    async def send_what_was_left(self) -> int: ...


@dataclass(frozen=True)
class LateTold:
    """What had not been sent in time."""

    notices: int = 0
    mails: int = 0
    """Stored before and dispatched again."""


class RollUpActivities:
    """The activities of the roll-up; one per worker. Each is safe to repeat at any time."""

    def __init__(self, tells: Tells, book: UsageRollUp) -> None:
        self._tells = tells
        self._book = book

    @activity.defn(name="tell_usage_notices")
    async def tell_usage_notices(self) -> LateTold:
        """Send notices of thresholds that were not sent when they were crossed. Idempotent by notice and mail."""
        with as_temporal_failures():
            notices = await self._tells.tell()
            return LateTold(notices, await self._tells.send_what_was_left())

    @activity.defn(name="sample_gauges")
    async def sample_gauges(self) -> int:
        """Record the current amount of every gauge. Idempotent by customer, feature and day."""
        with as_temporal_failures():
            count, cursor = _progress()
            while True:
                page = await self._book.sample(cursor)
                count, cursor = count + page.gauges, page.next_cursor
                if cursor is None:
                    return count
                activity.heartbeat(count, cursor)

    @activity.defn(name="take_usage_statistics")
    async def take_usage_statistics(self) -> int:
        """Sum up usage by plan and feature. Idempotent: replaces what is stored for these six hours."""
        with as_temporal_failures():
            return await self._book.take_statistics(alive=activity.heartbeat)

    @activity.defn(name="forget_old_usage")
    async def forget_old_usage(self) -> dict[str, int]:
        """Remove expired data in batches. Idempotent."""
        with as_temporal_failures():
            return await self._book.forget(alive=activity.heartbeat)


def _progress() -> tuple[int, tuple[str, str, str] | None]:
    """How far the previous attempt came."""
    details = activity.info().heartbeat_details
    if not details:
        return 0, None
    count, (tenant, customer, feature) = details
    return count, (tenant, customer, feature)
