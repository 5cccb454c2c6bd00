"""When a trial's reminders are due, in the customer's own day."""

from dataclasses import dataclass
from datetime import datetime
from zoneinfo import ZoneInfo

from domain.subscription.contact_hours import Hours, on_the_day
from domain.subscription.policy import TrialPolicy


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
    zone, hours = ZoneInfo(timezone), Hours(policy.earliest, policy.latest)
    ladder = (
        Reminder(days, on_the_day(ends_at, -days, hours, zone)) for days in sorted(set(policy.reminders), reverse=True)
    )
    return tuple(rung for rung in ladder if rung.at > now)
