"""The activities of the roll-up: page by page, and from where the previous attempt stopped."""

from dataclasses import dataclass, field, replace

from temporalio.converter import DataConverter
from temporalio.testing import ActivityEnvironment

from activities.rolling_up import LateNotices, RollUpActivities
from domain.entitlements.ports import Advance, Alive, Sampled, StatisticsProgress

Cursor = tuple[str, str, str]
PROGRESS = StatisticsProgress("2026-03-01T12:00:00+00:00", "shop_v1", "free", 2, ("t", "c", "2"))


@dataclass
class Book:
    """Three pages of gauges, and old things of two kinds."""

    asked: list[Cursor | None] = field(default_factory=list)
    begun: list[StatisticsProgress | None] = field(default_factory=list)

    async def sample(self, after: Cursor | None) -> Sampled:
        self.asked.append(after)
        number = int(after[2]) + 1 if after else 1
        return Sampled(10, ("t", "c", str(number)) if number < 3 else None)

    async def compute_statistics(self, *, alive: Advance, begun: StatisticsProgress | None = None) -> int:
        self.begun.append(begun)
        alive(PROGRESS)
        return 4

    async def forget(self, *, alive: Alive) -> dict[str, int]:
        alive()
        return {"events": 7, "samples": 1}


class Teller:
    """Has told three, and handed one over again."""

    async def send_pending(self) -> int:
        return 3

    async def resend_queued(self) -> int:
        return 1


@dataclass
class Sums:
    """The sums of revenue by day."""

    brought_up_to_date: int = 0

    async def roll_up(self, *, alive: Alive) -> None:
        alive()
        self.brought_up_to_date += 1


async def test_all_gauges_are_sampled_with_a_heartbeat_per_page() -> None:
    book, environment, beats = Book(), ActivityEnvironment(), []
    environment.on_heartbeat = lambda *details: beats.append(details)

    assert await environment.run(RollUpActivities(Teller(), book, Sums()).sample_gauges) == 30

    assert book.asked == [None, ("t", "c", "1"), ("t", "c", "2")]
    assert beats == [(10, ("t", "c", "1")), (20, ("t", "c", "2"))]


async def test_another_attempt_continues_where_the_previous_one_stopped() -> None:
    book, environment = Book(), ActivityEnvironment()
    environment.info = replace(environment.info, heartbeat_details=[20, ["t", "c", "2"]])

    assert await environment.run(RollUpActivities(Teller(), book, Sums()).sample_gauges) == 30

    assert book.asked == [("t", "c", "2")]


async def test_long_operations_send_heartbeats() -> None:
    sums = Sums()
    activities, environment, beats = RollUpActivities(Teller(), Book(), sums), ActivityEnvironment(), []
    environment.on_heartbeat = lambda *details: beats.append(details)

    assert await environment.run(activities.forget_old_usage) == {"events": 7, "samples": 1}
    assert await environment.run(activities.compute_usage_statistics) == 4
    assert len(beats) == 4
    assert sums.brought_up_to_date == 1
    assert await ActivityEnvironment().run(activities.send_late_notices) == LateNotices(3, 1)


async def test_another_attempt_of_the_statistics_continues_and_keeps_the_progress_meanwhile() -> None:
    book, environment, beats = Book(), ActivityEnvironment(), []
    environment.on_heartbeat = lambda *details: beats.append(details)
    noted = DataConverter.default.payload_converter
    [details] = noted.from_payloads(noted.to_payloads([PROGRESS]))
    environment.info = replace(environment.info, heartbeat_details=[details])

    await environment.run(RollUpActivities(Teller(), book, Sums()).compute_usage_statistics)

    assert book.begun == [PROGRESS]
    assert beats == [(PROGRESS,)] * 3
