"""What customers hear before a renewal: that it comes, and that their card will have expired by then."""

from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from tests.harness.lives import Life

Begin = Callable[..., Awaitable[Life]]

A_DAY = timedelta(days=1)
PAID_START: dict[str, Any] = {"trial_days": 0, "payment_method": "pm_card_visa"}
A_YEAR: dict[str, Any] = {**PAID_START, "interval": "year"}
ZONE = ZoneInfo("America/New_York")


async def renewal(life: Life) -> datetime:
    return datetime.fromisoformat((await life.stands())["current_period_end"])


async def expire_before_renewal(life: Life, *, announced: bool = True) -> None:
    """Let the card on file be good until the month before the renewal's, and no longer."""
    last = (await renewal(life)).replace(day=1) - A_DAY
    await life.product.card_expires(life.external_id, last.month, last.year, announced=announced)
    await life.mails()


async def days_before(life: Life, occasion: str) -> list[int]:
    """On which days before the renewal mails of this occasion came, in the customer's own days.

    Before a renewal in the early morning it is the evening before.
    """
    renews_at = (await renewal(life)).astimezone(ZONE)
    day = renews_at.date() - A_DAY * (renews_at.hour < 9)
    return [(day - at.date()).days for at in await came(life, occasion)]


async def came(life: Life, occasion: str) -> list[datetime]:
    await life.mails()
    mails = await life.product.mails(life.external_id)
    told = [mail for mail in mails if mail["headers"]["X-Tenure-Occasion"] == occasion]
    return [datetime.fromisoformat(mail["received_at"]).astimezone(ZONE) for mail in told]


async def test_a_card_that_will_have_expired_is_told_of_on_each_day_of_the_policy_once(begin: Begin) -> None:
    life = await begin(customer={"timezone": str(ZONE)}, **A_YEAR)
    await expire_before_renewal(life)

    await life.live(await renewal(life) - life.now - A_DAY)

    assert await days_before(life, "card_expiring") == [30, 7]
    assert all(9 <= at.hour < 18 for at in await came(life, "card_expiring"))
    assert (await life.kinds())["card_expiring"] == 2


async def test_only_the_days_that_are_still_ahead_count(begin: Begin) -> None:
    life = await begin(customer={"timezone": str(ZONE)}, **PAID_START)
    await life.live(await renewal(life) - life.now - 10 * A_DAY)
    await expire_before_renewal(life)

    await life.live(9 * A_DAY)

    assert await days_before(life, "card_expiring") == [7]


async def test_a_card_whose_date_nobody_told_us_is_seen_at_the_next_look(begin: Begin) -> None:
    life = await begin(customer={"timezone": str(ZONE)}, **PAID_START)
    await life.product.card_expires(life.external_id, life.now.month, life.now.year)
    await life.live(await renewal(life) - life.now + timedelta(hours=4))

    await life.live(await renewal(life) - life.now - A_DAY)

    assert (await days_before(life, "card_expiring"))[-1] == 7


async def test_a_new_card_ends_the_warnings(begin: Begin) -> None:
    life = await begin(**A_YEAR)
    await expire_before_renewal(life)
    await life.live(await renewal(life) - life.now - 20 * A_DAY)
    assert len(await came(life, "card_expiring")) == 1

    await life.command("payment-method", payment_method="pm_card_mastercard")

    assert "notify" not in await life.ahead()
    await life.live_until("renew")
    assert len(await came(life, "card_expiring")) == 1


async def test_a_card_that_its_bank_renews_ends_the_warnings(begin: Begin) -> None:
    life = await begin(**A_YEAR)
    await expire_before_renewal(life)
    await life.live(await renewal(life) - life.now - 20 * A_DAY)

    await life.product.card_expires(life.external_id, 12, life.now.year + 4, announced=True)
    await life.live_until("renew")
    await life.live(timedelta(hours=4))

    assert len(await came(life, "card_expiring")) == 1
    assert (await life.bills())["paid"] == 2
    replaced = [entry for entry in await life.past() if entry["kind"] == "card_replaced"]
    assert [entry["cause"]["kind"] for entry in replaced] == ["webhook", "webhook"]


async def test_a_yearly_renewal_is_announced_thirty_days_before_it_every_year(begin: Begin) -> None:
    life = await begin(customer={"timezone": str(ZONE)}, **A_YEAR)

    await life.live_until("notify")

    assert await days_before(life, "renewal_ahead") == [30]
    assert all(9 <= at.hour < 18 for at in await came(life, "renewal_ahead"))
    await life.live_until("renew")
    await life.live(timedelta(hours=4))
    assert (await life.ahead())[0] == "notify", "the next year is announced as well"
    assert len(await came(life, "renewal_ahead")) == 1


async def test_a_renewal_is_announced_with_what_will_be_taken_not_with_what_the_plan_costs(begin: Begin) -> None:
    life = await begin(plan="professional", **A_YEAR)
    await life.command("change-plan", plan="starter", when="now")

    await life.live_until("notify")
    await life.mails()

    mail = next(
        mail
        for mail in await life.product.mails(life.external_id)
        if mail["headers"]["X-Tenure-Occasion"] == "renewal_ahead"
    )
    assert "your credit covers it and nothing is charged on" in mail["text"]
    assert "we will charge" not in mail["text"]
    await life.live_until("renew")
    await life.live(timedelta(hours=4))
    newest = (await life.product.get("/v1/invoices", customer=life.external_id))["data"][0]
    assert newest["amount_paid"] == 0


async def test_a_renewal_that_will_not_come_is_not_announced_until_the_cancellation_is_undone(begin: Begin) -> None:
    life = await begin(**A_YEAR)

    assert [one["action"] for one in (await life.command("cancel"))["next_actions"]] == ["cancel"]
    await life.live(300 * A_DAY)
    await life.command("uncancel")

    await life.live(await renewal(life) - life.now - A_DAY)
    assert len(await came(life, "renewal_ahead")) == 1


async def test_a_canceled_year_ends_without_a_word_of_a_renewal(begin: Begin) -> None:
    life = await begin(**A_YEAR)
    await expire_before_renewal(life)
    await life.command("cancel")

    await life.live_until("cancel")

    assert await life.status() == ("canceled", "none")
    assert await came(life, "renewal_ahead") + await came(life, "card_expiring") == []


async def test_a_monthly_renewal_is_not_announced(begin: Begin) -> None:
    life = await begin(**PAID_START)
    assert "notify" not in await life.ahead()

    await life.live_until("renew")

    assert await came(life, "renewal_ahead") == []
