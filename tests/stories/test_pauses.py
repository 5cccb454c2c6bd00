"""Pauses: nothing is billed, nothing can be used, no paid day is lost."""

from collections import Counter
from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta

from tests.harness.lives import Life

Begin = Callable[..., Awaitable[Life]]

A_DAY = timedelta(days=1)
PAID_START = {"trial_days": 0, "payment_method": "pm_card_visa"}


async def paid_until(life: Life) -> datetime:
    return datetime.fromisoformat((await life.stands())["current_period_end"])


async def test_a_pause_ends_on_its_date_and_gives_the_paid_days_back(begin: Begin) -> None:
    life = await begin(**PAID_START)
    await life.live(10 * A_DAY)
    before, resumes_at = await paid_until(life), life.now + 60 * A_DAY

    stands = await life.command("pause", resumes_at=resumes_at.isoformat())

    assert (stands["status"], stands["access"]) == ("paused", "none")
    assert datetime.fromisoformat(stands["resumes_at"]) == resumes_at.replace(microsecond=0) or stands["resumes_at"]
    assert [one["action"] for one in stands["next_actions"]] == ["resume"]
    paused_at = life.now
    await life.live_until("resume")
    assert await life.status() == ("active", "full")
    assert await life.bills() == Counter(paid=1)
    left = before - paused_at
    assert abs(await paid_until(life) - (resumes_at + left)) < timedelta(minutes=2)
    await life.live_until("begin_period")
    assert await life.status() == ("active", "full")
    assert await life.bills() == Counter(paid=2)
    await life.live_until("renew")
    await life.live(timedelta(hours=2))
    assert await life.bills() == Counter(paid=3)
    assert await life.mails() == Counter(converted=1, paused=1, resumed=1, receipt=3)


async def test_a_pause_at_the_minute_of_renewal_waits_for_the_renewals_own_bill(begin: Begin) -> None:
    life = await begin(**PAID_START)
    await life.live_until("renew")
    assert await life.refused("pause") == (409, "renewal_under_way")
    await life.live(timedelta(hours=2))

    await life.command("pause")

    await life.live(40 * A_DAY)
    await life.command("resume")
    assert await life.status() == ("active", "full")
    assert (await life.bills())["paid"] == 2
    assert await paid_until(life) > life.now + 25 * A_DAY
