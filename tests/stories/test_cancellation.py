"""Cancellation in every status, and holds by operators."""

from collections import Counter
from collections.abc import Awaitable, Callable
from datetime import timedelta

import pytest

from tests.harness.lives import CONVERTED, TRIAL, Life

Begin = Callable[..., Awaitable[Life]]


async def _trialing(_life: Life) -> None:
    return


async def _active(life: Life) -> None:
    await life.live_until_converted()


async def _past_due(life: Life) -> None:
    await life.live_until_converted()
    await life.live_until_declined("insufficient_funds")


async def _nonpayment(life: Life) -> None:
    await _past_due(life)
    await life.live(timedelta(days=15))


async def _held(life: Life) -> None:
    await life.live_until_converted()
    await life.command("suspend", reason="chargeback under investigation")


STATUSES = {
    "trialing": _trialing,
    "active": _active,
    "past_due": _past_due,
    "suspended": _nonpayment,
    "suspended by an operator": _held,
}


@pytest.mark.parametrize("status", STATUSES)
async def test_canceling_now_ends_it_whatever_its_status_and_nothing_follows(begin: Begin, status: str) -> None:
    life = await begin(payment_method="pm_card_visa")
    await STATUSES[status](life)
    assert (await life.status())[0] == status.split(maxsplit=1)[0]

    after = await life.command("cancel", at="now", reason="no longer needed")

    assert (after["status"], after["access"]) == ("canceled", "none")
    assert after["next_actions"] == []
    await life.live(timedelta(minutes=1))
    mails, paid = await life.mails(), (await life.bills())["paid"]
    assert mails["canceled"] == 1
    await life.live(timedelta(days=60))
    assert await life.mails() == mails
    assert (await life.bills())["paid"] == paid
    assert await life.refused("cancel", at="now") == (409, "subscription_canceled")


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


async def test_a_cancellation_undone_lets_the_renewal_happen(begin: Begin) -> None:
    life = await begin(payment_method="pm_card_visa")
    await life.live_until_converted()
    await life.command("cancel")

    after = await life.command("uncancel")

    assert after["cancel_at"] is None
    await life.live(timedelta(days=32))
    assert await life.status() == ("active", "full")
    assert await life.bills() == Counter(paid=2)
    assert await life.refused("uncancel") == (409, "no_cancellation_scheduled")


async def test_a_trial_canceled_at_its_end_is_not_converted(begin: Begin) -> None:
    life = await begin(payment_method="pm_card_visa")
    await life.command("cancel")

    await life.live(timedelta(days=15))

    assert await life.status() == ("canceled", "none")
    assert await life.bills() == Counter()
    assert await life.mails() == Counter(trial_started=1, cancellation_scheduled=1, canceled=1)


async def test_a_canceled_customer_may_sign_up_again(begin: Begin) -> None:
    life = await begin(payment_method="pm_card_visa")
    await life.command("cancel", at="now")

    again = await life.product.sign_up(life.external_id, trial_days=0, payment_method="pm_card_visa")

    assert again["id"] != life.id
    assert again["status"] == "active"


async def test_an_operators_hold_stops_the_clock_of_a_trial_and_gives_its_days_back(begin: Begin) -> None:
    life = await begin()
    await life.live(timedelta(days=2))
    await life.command("suspend", reason="fraud check")
    assert await life.status() == ("suspended", "none")
    await life.live(timedelta(days=30))
    assert await life.status() == ("suspended", "none")

    after = await life.command("reactivate", reason="all is well")

    assert after["status"] == "trialing"
    await life.live_until("expire_trial")
    assert await life.mails() == TRIAL + Counter(suspended=1, reactivated=1, trial_expired=1)


async def test_an_operators_hold_over_a_renewal_bills_a_new_period_when_it_ends(begin: Begin) -> None:
    life = await begin(payment_method="pm_card_visa")
    await life.live_until_converted()
    await life.command("suspend", reason="fraud check")
    await life.live(timedelta(days=50))
    assert (await life.bills())["paid"] == 1

    await life.command("reactivate", reason="all is well")
    await life.live(timedelta(hours=2))

    assert await life.status() == ("active", "full")
    assert (await life.bills())["paid"] == 2


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


async def test_suspending_twice_and_reactivating_what_is_active_are_refused(begin: Begin) -> None:
    life = await begin()

    assert await life.refused("reactivate", reason="why not") == (409, "not_suspended")
    await life.command("suspend", reason="fraud check")
    assert await life.refused("suspend", reason="again") == (409, "already_suspended")
    assert await life.refused("convert", payment_method="pm_card_visa") == (409, "suspended_by_operator")
