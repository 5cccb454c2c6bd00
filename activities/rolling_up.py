"""The roll-up of usage: the activities that tell, sample, sum up and forget."""

from dataclasses import dataclass
from typing import Protocol

from temporalio import activity

from activities.failures import as_temporal_failures
from domain.entitlements.ports import UsageRollUp


class Tells(Protocol):
    """What tells customers of thresholds that their use has crossed."""

    async def tell(self) -> int: ...
    async def send_what_was_left(self) -> int: ...


@dataclass(frozen=True)
class LateTold:
    """What had not been told in time."""

    notices: int = 0
    mails: int = 0
    """Written down before and handed over again."""


class RollUpActivities:
    """The activities of the roll-up; one per worker. Each may be run again at any time."""

    def __init__(self, tells: Tells, book: UsageRollUp) -> None:
        self._tells = tells
        self._book = book

    @activity.defn(name="tell_usage_notices")
    async def tell_usage_notices(self) -> LateTold:
        """Tell of thresholds of which nobody was told when they were crossed. Idempotent by notice and mail."""
        with as_temporal_failures():
            notices = await self._tells.tell()
            return LateTold(notices, await self._tells.send_what_was_left())

    @activity.defn(name="sample_gauges")
    async def sample_gauges(self) -> int:
        """Note how much there is of what is counted as it stands. Idempotent by customer, feature and day."""
        with as_temporal_failures():
            count, cursor = _so_far()
            while True:
                page = await self._book.sample(cursor)
                count, cursor = count + page.gauges, page.next_cursor
                if cursor is None:
                    return count
                activity.heartbeat(count, cursor)

    @activity.defn(name="take_usage_statistics")
    async def take_usage_statistics(self) -> int:
        """Sum up how much is used by plan and feature. Idempotent: what these six hours have already is replaced."""
        with as_temporal_failures():
            return await self._book.take_statistics(alive=activity.heartbeat)

    @activity.defn(name="forget_old_usage")
    async def forget_old_usage(self) -> dict[str, int]:
        """Remove what is too old to be asked for, batch by batch. Idempotent."""
        with as_temporal_failures():
            return await self._book.forget(alive=activity.heartbeat)


def _so_far() -> tuple[int, tuple[str, str, str] | None]:
    """How far an attempt came before this one."""
    details = activity.info().heartbeat_details
    if not details:
        return 0, None
    count, (tenant, customer, feature) = details
    return count, (tenant, customer, feature)
