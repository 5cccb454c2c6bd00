"""When a trial's reminders are due, in the customer's time zone."""

from dataclasses import dataclass
from datetime import datetime
from zoneinfo import ZoneInfo

from domain.subscription.contact_hours import Hours, on_the_day
from domain.subscription.policy import TrialPolicy


@dataclass(frozen=True)
class Reminder:
    """One reminder before a trial's end."""

    days: int
    at: datetime


def reminders_for(ends_at: datetime, policy: TrialPolicy, timezone: str, *, now: datetime) -> tuple[Reminder, ...]:
    """Returns the upcoming reminders, earliest first, without those already past.

    A reminder is due at the wall-clock time of the trial's end, that many calendar days earlier, moved back into
    contact hours if needed: never later, so that at least that many days remain. A clock change has no effect.
    """
    zone, hours = ZoneInfo(timezone), Hours(policy.earliest, policy.latest)
    ladder = (
        Reminder(days, on_the_day(ends_at, -days, hours, zone)) for days in sorted(set(policy.reminders), reverse=True)
    )
    return tuple(rung for rung in ladder if rung.at > now)
