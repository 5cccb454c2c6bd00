"""When a trial's reminders are due, in the customer's own day."""

from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from domain.policy import TrialPolicy

CLOSING_MARGIN = timedelta(minutes=30)
"""A reminder is due at the latest this long before the window closes, so that a delay cannot push it out."""


@dataclass(frozen=True)
class Reminder:
    """One rung of the ladder before a trial's end."""

    days: int
    at: datetime


def reminders_for(ends_at: datetime, policy: TrialPolicy, timezone: str, *, now: datetime) -> tuple[Reminder, ...]:
    """Return the reminders still ahead, earliest first; rungs that are already past are left out.

    A rung is at the end's wall-clock time, that many calendar days earlier, moved back into the window if it
    falls outside: never later, so that at least so many days remain. A clock change in between moves nothing.
    """
    zone = ZoneInfo(timezone)
    ladder = (
        Reminder(days, _in_window(ends_at, days, policy, zone)) for days in sorted(set(policy.reminders), reverse=True)
    )
    return tuple(rung for rung in ladder if rung.at > now)


def _in_window(ends_at: datetime, days: int, policy: TrialPolicy, zone: ZoneInfo) -> datetime:
    local = ends_at.astimezone(zone)
    day, wanted = local.date() - timedelta(days=days), local.time()
    opens, closes = time.fromisoformat(policy.earliest), _before(time.fromisoformat(policy.latest))
    if wanted < opens:
        day, wanted = day - timedelta(days=1), closes
    elif wanted > closes:
        wanted = closes
    return datetime.combine(day, wanted, tzinfo=zone).astimezone(UTC)


def _before(closing: time) -> time:
    return (datetime.combine(date(2000, 1, 1), closing) - CLOSING_MARGIN).time()
