"""Cancellation in every status, and holds by operators."""

from collections import Counter
from collections.abc import Awaitable, Callable
from datetime import timedelta

from tests.harness.lives import CONVERTED, Life

Begin = Callable[..., Awaitable[Life]]


async def _past_due(life: Life) -> None:
    await life.live_until_converted()
    await life.live_until_declined("insufficient_funds")


async def test_canceling_at_the_period_end_keeps_access_until_then_and_bills_no_more(begin: Begin) -> None:
    life = await begin(payment_method="pm_card_visa")
    await life.live_until_converted()

    after = await life.command("cancel", reason="too expensive")

    assert (after["status"], after["access"]) == ("active", "full")
    assert after["cancel_at"] == after["current_period_end"]
    assert [one["action"] for one in after["next_actions"]] == ["cancel"]
    assert await life.refused("cancel") == (409, "cancellation_scheduled")
    await life.live_until("cancel")
    assert await life.status() == ("canceled", "none")
    await life.live(timedelta(days=40))
    assert await life.bills() == Counter(paid=1)
    assert await life.mails() == CONVERTED + Counter(cancellation_scheduled=1, canceled=1)


async def test_a_canceled_customer_may_sign_up_again(begin: Begin) -> None:
    life = await begin(payment_method="pm_card_visa")
    await life.command("cancel", at="now")

    again = await life.product.sign_up(life.external_id, trial_days=0, payment_method="pm_card_visa")

    assert again["id"] != life.id
    assert again["status"] == "active"


async def test_a_bill_paid_while_an_operator_holds_gives_no_access_and_nothing_more_is_billed(begin: Begin) -> None:
    life = await begin(payment_method="pm_card_visa")
    await _past_due(life)
    await life.command("suspend", reason="chargeback under investigation")
    page = await life.product.get("/v1/invoices", customer=life.external_id)
    (url,) = (bill["url"] for bill in page["data"] if bill["status"] == "open")

    await life.pay_at(url, "pm_card_mastercard")
    await life.live(timedelta(days=65))

    assert await life.status() == ("suspended", "none")
    assert await life.bills() == Counter(paid=2)
    await life.product.card_answers(life.external_id, "ok")
    after = await life.command("reactivate", reason="all is well")
    assert (after["status"], after["access"]) == ("active", "full")
    await life.live(timedelta(hours=2))
    assert await life.bills() == Counter(paid=3)


async def test_a_hold_gives_back_what_access_there_was(begin: Begin) -> None:
    life = await begin(payment_method="pm_card_visa")
    await _past_due(life)
    await life.live(timedelta(days=6))
    assert await life.status() == ("past_due", "limited")
    await life.command("suspend", reason="fraud check")

    after = await life.command("reactivate", reason="all is well")

    assert (after["status"], after["access"]) == ("past_due", "limited")


async def test_the_customers_own_reason_for_leaving_is_kept(begin: Begin) -> None:
    life = await begin(payment_method="pm_card_visa")
    await life.live_until_converted()
    ahead = await life.command("cancel", reason_code="too_expensive", comment="nonpayment")
    assert (ahead["end_kind"], ahead["reason_code"]) == ("operator", "too_expensive"), "the key is an admin's"

    await life.live(timedelta(days=40))

    over = await life.stands()
    assert (over["status_reason"], over["end_kind"], over["reason_code"]) == (
        "nonpayment",
        "operator",
        "too_expensive",
    )
    assert "unpaid" not in (await life.last_mail())["text"], "they had paid, whatever they call it"
