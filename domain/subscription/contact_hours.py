"""Contact hours: when, in the customer's time zone, mails may be sent and cards charged."""

from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from domain.subscription.policy import LadderStep

CLOSING_MARGIN = timedelta(minutes=30)
"""The latest scheduled moment is this long before the hours end, so that delays stay within them."""


@dataclass(frozen=True)
class Hours:
    """A range of the customer's day: from "09:00" to "18:00"."""

    earliest: str
    latest: str


def on_the_day(moment: datetime, days: int, hours: Hours, zone: ZoneInfo) -> datetime:
    """Returns the same time of day, *days* calendar days later (or earlier), moved back into contact hours.

    Never later, so that a promise within that many days is kept. A clock change in between has no effect.
    """
    local = moment.astimezone(zone)
    day, wanted = local.date() + timedelta(days=days), local.time()
    opens, closes = _of_day(day, hours, zone)
    at = datetime.combine(day, wanted, tzinfo=zone)
    if at < opens:
        _, closes = _of_day(day - timedelta(days=1), hours, zone)
    return min(at, closes).astimezone(UTC)


def not_before(moment: datetime, hours: Hours, zone: ZoneInfo) -> datetime:
    """Returns the first moment within contact hours from then on: the same day, or at the start of the next."""
    day = moment.astimezone(zone).date()
    opens, closes = _of_day(day, hours, zone)
    if moment > closes:
        opens, _ = _of_day(day + timedelta(days=1), hours, zone)
    return max(moment, opens).astimezone(UTC)


def _of_day(day: date, hours: Hours, zone: ZoneInfo) -> tuple[datetime, datetime]:
    opens = datetime.combine(day, time.fromisoformat(hours.earliest), tzinfo=zone)
    return opens, datetime.combine(day, time.fromisoformat(hours.latest), tzinfo=zone) - CLOSING_MARGIN


def rungs_for(since: datetime, ladder: tuple[LadderStep, ...], hours: Hours, timezone: str) -> tuple[datetime, ...]:
    """Returns when each step of a recovery that began at *since* is due: in order, the first immediately.

    A step in days is due that many calendar days after the decline, at the same time of day or the last moment of
    contact hours before; a step in hours is due no earlier than that.
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
