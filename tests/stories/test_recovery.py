"""Recovery of failed payments."""

from collections import Counter
from collections.abc import Awaitable, Callable
from datetime import timedelta
from uuid import uuid4

import pytest

from sandbox.stack import Stack
from tests.harness.lives import A_MINUTE, CONVERTED, Life

Begin = Callable[..., Awaitable[Life]]


@pytest.fixture
async def declined(begin: Begin) -> Callable[[str], Awaitable[Life]]:
    """A paying customer whose renewal is declined."""

    async def declined(code: str) -> Life:
        life = await begin(payment_method="pm_card_visa")
        await life.live_until_converted()
        await life.live_until_declined(code)
        assert (await life.status())[0] == "past_due"
        return life

    return declined


Declined = Callable[[str], Awaitable[Life]]


async def test_a_retry_that_succeeds_ends_the_recovery_before_the_harsher_part(declined: Declined) -> None:
    life = await declined("insufficient_funds")
    for _ in range(2):
        await life.live_until("recover")
    await life.product.card_answers(life.external_id, "ok")

    await life.live_until("recover")  # day 5: retry, else access limited

    assert await life.status() == ("active", "full")
    assert await life.bills() == Counter(paid=2)
    assert await life.mails() == CONVERTED + Counter(payment_failed=2, receipt=1)


async def test_a_new_card_in_mid_ladder_is_charged_at_once_and_the_ladder_ends(declined: Declined) -> None:
    life = await declined("insufficient_funds")
    for _ in range(3):
        await life.live_until("recover")
    assert await life.status() == ("past_due", "limited")

    after = await life.command("payment-method", payment_method="pm_card_mastercard")

    assert (after["status"], after["access"]) == ("active", "full")
    assert "recover" not in await life.ahead()
    before = await life.mails()
    await life.live(timedelta(days=20))
    assert await life.mails() == before
    assert await life.bills() == Counter(paid=2)


async def test_a_card_given_at_the_checkout_in_mid_ladder_is_charged_at_once(declined: Declined) -> None:
    life = await declined("insufficient_funds")

    await life.product.checkout(life.id, "pm_card_mastercard")
    await life.live(timedelta(minutes=1))

    assert await life.status() == ("active", "full")
    assert await life.bills() == Counter(paid=2)


async def test_a_hard_decline_is_never_tried_again_on_the_same_card(declined: Declined, stack: Stack) -> None:
    life = await declined("lost_card")
    (bill,) = (
        b for b in (await life.product.get("/v1/invoices", customer=life.external_id))["data"] if b["status"] == "open"
    )

    await life.live(timedelta(days=13))

    assert [call for call in stack.simulator.call_log() if call[1] == f"/v1/invoices/{bill['id']}/pay"] == []
    assert await life.status() == ("past_due", "limited")
    assert await life.refused("retry-payment") == (409, "card_cannot_be_retried")
    await life.command("payment-method", payment_method="pm_card_visa")
    assert await life.status() == ("active", "full")


async def test_authentication_required_sends_the_customer_a_link_and_no_retry(declined: Declined) -> None:
    life = await declined("authentication_required")

    assert (await life.mails())["action_required"] == 1
    mail = await life.last_mail()
    assert "http" in mail["text"]
    await life.live(timedelta(days=2))
    assert (await life.kinds())["payment_failed"] == 1

    # Tried by hand, it says where the customer confirms; a repeat asks for nothing again.
    key, ahead = str(uuid4()), (await life.stands())["next_actions"]
    url = await life.to_be_confirmed("retry-payment", key=key)
    stands = await life.stands()
    assert (stands["status"], stands["next_actions"]) == ("past_due", ahead)
    assert stands["pending_confirmation"] == {
        "action": "retry_payment",
        "confirmation_url": url,
        "expires_at": next(due["at"] for due in ahead if due["action"] == "cancel"),
    }
    assert await life.to_be_confirmed("retry-payment", key=key) == url
    assert (await life.kinds())["retry_failed"] == 1
    await life.product.card_answers(life.external_id, "ok")
    await life.confirm_at(url)
    await life.live(A_MINUTE)
    assert (await life.product.command(life.id, "retry-payment", key=key))["pending_confirmation"] is None
    assert await life.status() == ("active", "full")
    assert await life.bills() == Counter(paid=2)


async def test_a_customer_who_confirms_the_payment_on_the_banks_page_is_recovered_at_once(declined: Declined) -> None:
    life = await declined("authentication_required")
    mail = await life.last_mail()
    page = next(word for word in mail["text"].split() if word.startswith("http") and "/i/" in word)
    await life.live_until("recover")  # day 1 is a retry, which would be in vain
    assert (await life.kinds())["retry_skipped"] == 1

    await life.confirm_at(page)
    await life.live(timedelta(minutes=1))

    assert await life.status() == ("active", "full")
    assert "recover" not in await life.ahead()
    assert await life.bills() == Counter(paid=2)
    assert await life.mails() == CONVERTED + Counter(action_required=1, receipt=1)
    recovered = next(entry for entry in await life.past() if entry["kind"] == "recovered")
    assert recovered["cause"]["kind"] == "webhook"


async def test_a_payment_nobody_confirms_is_never_retried_and_ends_the_subscription(
    declined: Declined, stack: Stack
) -> None:
    life = await declined("authentication_required")
    (bill,) = (
        b for b in (await life.product.get("/v1/invoices", customer=life.external_id))["data"] if b["status"] == "open"
    )

    await life.live(timedelta(days=45))

    assert await life.status() == ("canceled", "none")
    assert [call for call in stack.simulator.call_log() if call[1] == f"/v1/invoices/{bill['id']}/pay"] == []
    assert await life.mails() == CONVERTED + Counter(action_required=4, suspended=1, canceled=1)


async def test_the_ladder_ends_in_cancellation_after_forty_four_days(declined: Declined) -> None:
    life = await declined("insufficient_funds")

    await life.live(timedelta(days=45))

    assert await life.status() == ("canceled", "none")
    assert (await life.stands())["status_reason"] == "nonpayment"
    assert await life.mails() == CONVERTED + Counter(payment_failed=4, suspended=1, canceled=1)
    assert (await life.bills())["paid"] == 1


async def test_an_operator_brings_a_suspended_payer_back_and_the_ladder_begins_anew(declined: Declined) -> None:
    life = await declined("insufficient_funds")
    await life.live(timedelta(days=15))
    assert await life.status() == ("suspended", "none")

    after = await life.command("reactivate", reason="promised to pay on Friday")

    assert (after["status"], after["access"]) == ("past_due", "full")
    await life.live(timedelta(days=15))
    assert await life.status() == ("suspended", "none")


async def test_nothing_is_billed_anew_while_a_bill_is_owed(declined: Declined) -> None:
    life = await declined("insufficient_funds")
    await life.live(timedelta(days=15))
    await life.command("reactivate", reason="promised to pay")
    await life.live(timedelta(days=8))
    await life.product.card_answers(life.external_id, "ok")

    await life.live(timedelta(days=30))

    # The bill that was owed, two days before its period ended, and then the next period's.
    assert await life.status() == ("active", "full")
    assert await life.bills() == Counter(paid=3)
    assert (await life.mails())["receipt"] == 3


async def test_a_card_that_its_bank_has_barred_is_not_charged_at_the_trials_end(begin: Begin) -> None:
    life = await begin(payment_method="pm_card_visa")
    await life.product.card_answers(life.external_id, "stolen_card")
    assert await life.refused_by_the_bank("convert", when="now") == "payment_declined"

    await life.live(timedelta(days=15))

    assert await life.status() == ("suspended", "none")
    assert await life.bills() == Counter()
    assert (await life.kinds())["charge_declined"] == 1


async def test_a_declined_command_repeated_with_its_key_charges_nothing_again(begin: Begin) -> None:
    life = await begin(payment_method="pm_card_visa")
    await life.product.card_answers(life.external_id, "insufficient_funds", "ok")

    for _ in range(2):
        assert await life.refused_by_the_bank("convert", when="now", key="convert-once") == "payment_declined"

    assert await life.status() == ("trialing", "full")
    assert await life.bills() == Counter()


async def test_a_retry_by_command_takes_the_money(declined: Declined) -> None:
    life = await declined("insufficient_funds")
    await life.product.card_answers(life.external_id, "ok")

    after = await life.command("retry-payment")

    assert after["status"] == "active"
    assert await life.bills() == Counter(paid=2)


async def test_a_retry_with_nothing_owed_is_refused(begin: Begin) -> None:
    life = await begin(payment_method="pm_card_visa")

    assert await life.refused("retry-payment") == (409, "nothing_to_retry")


async def test_the_link_in_a_payment_failed_mail_leads_to_the_open_bill(declined: Declined) -> None:
    life = await declined("insufficient_funds")

    page = await life.open_pay_link()

    assert page.status_code == 200
    assert "49" in page.text
