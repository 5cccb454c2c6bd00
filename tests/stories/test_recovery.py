"""Recovery of failed payments."""

from collections import Counter
from collections.abc import Awaitable, Callable
from datetime import timedelta

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


async def test_the_next_renewal_is_charged_to_the_card_that_has_paid_the_open_bill(declined: Declined) -> None:
    life = await declined("insufficient_funds")
    page = await life.open_pay_link()

    await life.pay_at(str(page.url), "pm_card_mastercard")
    await life.live(timedelta(minutes=1))

    assert await life.status() == ("active", "full")
    # The card that was on file is still declined.
    await life.live_until("renew")
    await life.live(timedelta(hours=2))
    assert await life.status() == ("active", "full")
    assert await life.bills() == Counter(paid=3)
    replaced = [entry["summary"] for entry in await life.past() if entry["kind"] == "card_replaced"]
    assert replaced == ["Card on file: mastercard ending in 4444"]


async def test_the_ladder_ends_in_cancellation_after_forty_four_days(declined: Declined) -> None:
    life = await declined("insufficient_funds")

    await life.live(timedelta(days=45))

    assert await life.status() == ("canceled", "none")
    assert (await life.stands())["status_reason"] == "nonpayment"
    assert await life.mails() == CONVERTED + Counter(payment_failed=4, suspended=1, canceled=1)
    assert (await life.bills())["paid"] == 1


async def test_the_link_in_a_payment_failed_mail_leads_to_the_open_bill(declined: Declined) -> None:
    life = await declined("insufficient_funds")

    page = await life.open_pay_link()

    assert page.status_code == 200
    assert "49" in page.text


async def test_a_renewal_that_support_has_written_off_and_that_is_paid_all_the_same_is_receipted_once(
    declined: Declined, stack: Stack
) -> None:
    life = await declined("insufficient_funds")
    bill = stack.simulator.write_off_invoice(life.external_id)
    await life.live(A_MINUTE)
    assert (await life.status(), await life.bills()) == (("active", "full"), Counter(paid=1, uncollectible=1))
    await life.product.card_answers(life.external_id, "ok")

    await life.pay_at(str(bill["hosted_invoice_url"]), "pm_card_visa")
    await life.live(A_MINUTE)

    assert (await life.status(), await life.bills()) == (("active", "full"), Counter(paid=2))
    assert (await life.mails())["receipt"] == 2
    assert (await life.kinds())["waived_bill_paid"] == 1


async def test_a_renewal_that_was_written_off_and_is_paid_after_the_end_is_receipted_once(
    declined: Declined, stack: Stack
) -> None:
    life = await declined("insufficient_funds")
    bill = stack.simulator.write_off_invoice(life.external_id)
    await life.live(A_MINUTE)
    await life.command("cancel", at="now")
    await life.product.card_answers(life.external_id, "ok")

    await life.pay_at(str(bill["hosted_invoice_url"]), "pm_card_visa")
    await life.live(A_MINUTE)

    assert (await life.status(), await life.bills()) == (("canceled", "none"), Counter(paid=2))
    assert (await life.mails())["receipt"] == 2
    assert (await life.kinds())["waived_bill_paid"] == 1
