"""Decent hours: moments of the customer's own day at which people may be written to and cards charged."""

from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from zoneinfo import ZoneInfo

from domain.policy import LadderStep
from domain.reminders import CLOSING_MARGIN

_A_DAY = timedelta(days=1)


@dataclass(frozen=True)
class Hours:
    """Between which hours of the customer's day: "09:00" and "18:00"."""

    earliest: str
    latest: str


def on_the_day(moment: datetime, days: int, hours: Hours, zone: ZoneInfo) -> datetime:
    """So many calendar days later (or earlier), at the same time of the day, moved into the hours of that day.

    A clock change in between moves nothing.
    """
    local = moment.astimezone(zone)
    day, wanted = local.date() + timedelta(days=days), local.time()
    opens = datetime.combine(day, time.fromisoformat(hours.earliest), tzinfo=zone)
    closes = datetime.combine(day, time.fromisoformat(hours.latest), tzinfo=zone) - CLOSING_MARGIN
    return min(max(datetime.combine(day, wanted, tzinfo=zone), opens), closes).astimezone(UTC)


def rungs_for(since: datetime, ladder: tuple[LadderStep, ...], hours: Hours, timezone: str) -> tuple[datetime, ...]:
    """When each step of a recovery is due that began at *since*: each after the one before, the first at once."""
    zone = ZoneInfo(timezone)
    rungs: list[datetime] = []
    for step in ladder:
        rung = since if not step.after else on_the_day(since + timedelta(hours=step.hours), step.day, hours, zone)
        while rungs and rung <= rungs[-1]:
            rung = on_the_day(rung + _A_DAY, 0, Hours(hours.earliest, hours.latest), zone)
        rungs.append(rung)
    return tuple(rungs)
