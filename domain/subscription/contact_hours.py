"""Decent hours: moments of the customer's own day at which people may be written to and cards charged."""

from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from domain.subscription.policy import LadderStep

CLOSING_MARGIN = timedelta(minutes=30)
"""The last decent moment is so long before the hours close, so that a delay cannot push anything out of them."""


@dataclass(frozen=True)
class Hours:
    """Between which hours of the customer's day: "09:00" and "18:00"."""

    earliest: str
    latest: str


def on_the_day(moment: datetime, days: int, hours: Hours, zone: ZoneInfo) -> datetime:
    """So many calendar days later (or earlier), at the same time of the day, moved back into decent hours.

    Never later: what is promised within so many days has happened then. A clock change in between moves nothing.
    """
    local = moment.astimezone(zone)
    day, wanted = local.date() + timedelta(days=days), local.time()
    opens, closes = _of_day(day, hours, zone)
    at = datetime.combine(day, wanted, tzinfo=zone)
    if at < opens:
        _, closes = _of_day(day - timedelta(days=1), hours, zone)
    return min(at, closes).astimezone(UTC)


def not_before(moment: datetime, hours: Hours, zone: ZoneInfo) -> datetime:
    """The first decent moment from then on: the same day, or when the hours of the next begin."""
    day = moment.astimezone(zone).date()
    opens, closes = _of_day(day, hours, zone)
    if moment > closes:
        opens, _ = _of_day(day + timedelta(days=1), hours, zone)
    return max(moment, opens).astimezone(UTC)


def _of_day(day: date, hours: Hours, zone: ZoneInfo) -> tuple[datetime, datetime]:
    opens = datetime.combine(day, time.fromisoformat(hours.earliest), tzinfo=zone)
    return opens, datetime.combine(day, time.fromisoformat(hours.latest), tzinfo=zone) - CLOSING_MARGIN


def rungs_for(since: datetime, ladder: tuple[LadderStep, ...], hours: Hours, timezone: str) -> tuple[datetime, ...]:
    """When each step of a recovery is due that began at *since*: each after the one before, the first at once.

    A step of days is due that many calendar days after the decline, at the same time of the day or at the last decent
    moment before; one of hours not before they have passed.
    """
    zone = ZoneInfo(timezone)
    rungs: list[datetime] = []
    for step in ladder:
        rung = _rung(since, step, hours, zone)
        while rungs and rung <= rungs[-1]:
            rung = on_the_day(rung, 1, hours, zone)
        rungs.append(rung)
    return tuple(rungs)


def _rung(since: datetime, step: LadderStep, hours: Hours, zone: ZoneInfo) -> datetime:
    if not step.after:
        return since
    return not_before(since + step.after, hours, zone) if step.hours else on_the_day(since, step.day, hours, zone)
