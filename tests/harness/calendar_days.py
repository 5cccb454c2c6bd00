"""Days and hours at which a calendar is unkind."""

from calendar import monthrange
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

from sandbox.product import Product
from tests.harness.lives import Life

LONGEST_TRIAL = 90


def days_to_a_31st(today: date) -> int:
    """How many days it is to the next 31st that a shorter month follows."""
    day = today + timedelta(days=1)
    while day.day != 31 or monthrange(day.year, day.month % 12 + 1)[1] == 31:
        day += timedelta(days=1)
    return (day - today).days


def hour_after(moment: datetime) -> datetime:
    """The next full hour, later than a moment."""
    return moment.replace(minute=0, second=0, microsecond=0) + timedelta(hours=1)


def noon_zone() -> str:
    """A zone where it is about noon: nothing that is due now has to wait for a decent hour."""
    ahead = 12 - datetime.now(UTC).hour
    return f"Etc/GMT{-ahead:+d}"  # Such names count westwards.


def days_until_clocks_change(zone: ZoneInfo, now: datetime) -> int:
    """How many days it is to the next change of the clocks there, within a year."""
    offsets = [(now + timedelta(days=number)).astimezone(zone).utcoffset() for number in range(367)]
    return next(number for number in range(1, 367) if offsets[number] != offsets[0])


async def converted_on_a_31st(product: Product, external_id: str) -> Life:
    """A life whose first paid period begins on such a day."""
    life = await Life.begun(product, external_id, trial_days=1, payment_method="pm_card_visa")
    days = days_to_a_31st(life.now.date()) - 1
    while days > 0:
        await life.command("extend-trial", days=min(days, LONGEST_TRIAL), reason="waits for a 31st")
        days -= LONGEST_TRIAL
    await life.live_until_converted()
    return life
