"""What customers receive before a renewal: that it comes, and that their card will have expired by then."""

from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from tests.workflows.conftest import Begin
from tests.workflows.world.life import A_DAY, Life

ZONE = ZoneInfo("America/New_York")
PAID_START: dict[str, Any] = {"trial_days": 0, "payment_method": "visa", "timezone": str(ZONE)}
A_YEAR: dict[str, Any] = {**PAID_START, "interval": "year"}


def renewal(life: Life) -> datetime:
    assert life.subscription.period_end is not None
    return life.subscription.period_end


async def expires_before_renewal(life: Life) -> None:
    """The card on file is good until the month before the renewal's, which the provider reports."""
    last = renewal(life).replace(day=1) - A_DAY
    await life.card_expires(last.month, last.year)


def came(life: Life, occasion: str) -> list[datetime]:
    return [mail.at.astimezone(ZONE) for mail in life.sent if mail.occasion == occasion]


def days_before(life: Life, occasion: str) -> list[int]:
    """On which days before the renewal mails of this occasion came, in the customer's own days.

    Before a renewal in the early morning it is the evening before.
    """
    renews_at = renewal(life).astimezone(ZONE)
    day = renews_at.date() - A_DAY * (renews_at.hour < 9)
    return [(day - at.date()).days for at in came(life, occasion)]


async def test_a_card_that_will_have_expired_is_announced_on_each_day_of_the_policy_once(begin: Begin) -> None:
    life = await begin(**A_YEAR)
    await expires_before_renewal(life)

    await life.until(renewal(life) - A_DAY)

    assert days_before(life, "card_expiring") == [30, 7]
    assert all(9 <= at.hour < 18 for at in came(life, "card_expiring"))
    assert life.kinds["card_expiring"] == 2


async def test_only_the_days_that_are_still_ahead_count(begin: Begin) -> None:
    life = await begin(**PAID_START)
    await life.until(renewal(life) - 10 * A_DAY)
    await expires_before_renewal(life)

    await life.live(9 * A_DAY)

    assert days_before(life, "card_expiring") == [7]


async def test_a_card_whose_date_was_not_reported_is_seen_at_the_next_renewal(begin: Begin) -> None:
    life = await begin(**PAID_START)
    await life.card_expires(life.now.month, life.now.year, is_reported=False)
    await life.live_until("renew")

    await life.until(renewal(life) - A_DAY)

    assert days_before(life, "card_expiring")[-1] == 7


async def test_a_new_card_ends_the_warnings(begin: Begin) -> None:
    life = await begin(**A_YEAR)
    await expires_before_renewal(life)
    await life.until(renewal(life) - 20 * A_DAY)
    assert len(came(life, "card_expiring")) == 1

    await life.command("payment-method", payment_method="mastercard")

    assert "notify" not in life.ahead
    await life.live_until("renew")
    assert len(came(life, "card_expiring")) == 1


async def test_a_card_that_its_bank_renews_ends_the_warnings(begin: Begin) -> None:
    life = await begin(**A_YEAR)
    await expires_before_renewal(life)
    await life.until(renewal(life) - 20 * A_DAY)

    await life.card_expires(12, life.now.year + 4)
    await life.live_until("renew")

    assert len(came(life, "card_expiring")) == 1
    assert life.bills["paid"] == 2
    causes = [entry.cause.kind for entry in life.journal if entry.kind == "card_replaced"]
    assert causes == ["webhook", "webhook"]


async def test_a_yearly_renewal_is_announced_thirty_days_before_it_every_year(begin: Begin) -> None:
    life = await begin(**A_YEAR)

    await life.live_until("notify")

    assert days_before(life, "renewal_ahead") == [30]
    assert all(9 <= at.hour < 18 for at in came(life, "renewal_ahead"))
    await life.live_until("renew")
    assert life.ahead[0] == "notify", "the next year is announced as well"
    assert len(came(life, "renewal_ahead")) == 1


async def test_a_renewal_is_announced_with_what_will_be_charged_and_not_with_what_the_plan_costs(
    begin: Begin,
) -> None:
    life = await begin(plan="professional", **A_YEAR)
    await life.command("change-plan", plan="starter", when="now")

    await life.live_until("notify")

    [announced] = [mail for mail in life.sent if mail.occasion == "renewal_ahead"]
    assert announced.facts["amount_due"] == "0"
    await life.live_until("renew")
    assert life.invoices[-1].period_end == renewal(life)
    assert life.invoices[-1].amount == 0


async def test_a_renewal_that_will_not_come_is_not_announced_until_the_cancellation_is_undone(begin: Begin) -> None:
    life = await begin(**A_YEAR)

    await life.command("cancel")
    assert life.ahead == ["cancel"]
    await life.live(300 * A_DAY)
    await life.command("uncancel")

    await life.until(renewal(life) - A_DAY)
    assert len(came(life, "renewal_ahead")) == 1


async def test_a_canceled_year_ends_without_a_notice_of_its_renewal(begin: Begin) -> None:
    life = await begin(**A_YEAR)
    await expires_before_renewal(life)
    await life.command("cancel")

    await life.live_until("cancel")

    assert life.status == ("canceled", "none")
    assert came(life, "renewal_ahead") + came(life, "card_expiring") == []


async def test_a_monthly_renewal_is_not_announced(begin: Begin) -> None:
    life = await begin(**PAID_START)
    assert "notify" not in life.ahead

    await life.live_until("renew")

    assert came(life, "renewal_ahead") == []
