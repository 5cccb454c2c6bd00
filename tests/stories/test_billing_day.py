"""The billing day: neither a pause of a moment nor a planned change moves it, however short the month."""

from datetime import datetime, timedelta

from domain.catalog.plans import Interval
from domain.subscription.billing_day import boundary
from sandbox.product import Product
from tests.harness.calendar_days import converted_on_a_31st
from tests.harness.lives import A_MINUTE, Life

A_DAY = timedelta(days=1)


async def period_of(life: Life) -> tuple[datetime, datetime]:
    stands = await life.stands()
    return datetime.fromisoformat(stands["current_period_start"]), datetime.fromisoformat(stands["current_period_end"])


async def live_beyond(life: Life, moment: datetime) -> None:
    """Let time go by until whatever follows *moment* is decided."""
    await life.live(moment - life.now + timedelta(hours=3))


async def test_the_billing_day_outlives_a_pause_of_a_moment_and_a_planned_change(product: Product) -> None:
    life = await converted_on_a_31st(product, "billing-day-31")
    anchor, first_end = await period_of(life)
    days = [boundary(anchor, Interval.MONTH, number) for number in range(5)]
    assert first_end == days[1]

    await life.live(10 * A_DAY)
    await life.command("pause")
    await life.live(A_MINUTE)
    stands = await life.command("resume")

    assert datetime.fromisoformat(stands["current_period_end"]) == days[1]
    assert "renew" in await life.ahead(), "the provider bills on, on its day"
    await life.command("change-plan", plan="professional", when="period_end")
    for number in (1, 2, 3):
        await live_beyond(life, days[number])
        assert await period_of(life) == (days[number], days[number + 1])
        assert (await life.bills())["paid"] == number + 1
    assert await life.status() == ("active", "full")
