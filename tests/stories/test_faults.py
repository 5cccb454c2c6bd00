"""Webhooks lost, doubled, late or early; Stripe and the mail server failing: everything still happens once."""

from collections import Counter
from collections.abc import Awaitable, Callable
from datetime import timedelta

import pytest

from tests.harness.lives import CONVERTED, Life

Begin = Callable[..., Awaitable[Life]]
pytestmark = pytest.mark.usefixtures("healed")


async def test_webhooks_that_come_before_the_api_has_answered_change_nothing(begin: Begin) -> None:
    life = await begin(trial_days=0, payment_method="pm_card_visa")
    await life.live(timedelta(minutes=1))

    assert (await life.kinds())["converted"] == 1
    assert await life.mails() == Counter(converted=1, receipt=1)


async def test_doubled_and_disordered_webhooks_renew_once(begin: Begin) -> None:
    life = await begin(payment_method="pm_card_visa")
    await life.live_until_converted()
    await life.product.faults(webhooks={"duplicate": True, "reorder": True})

    await life.live(timedelta(days=63))

    assert (await life.kinds())["renewed"] == 2
    assert await life.mails() == CONVERTED + Counter(receipt=2)
    assert await life.bills() == Counter(paid=3)


async def test_a_renewal_whose_webhook_never_came_is_found_by_asking(begin: Begin) -> None:
    life = await begin(payment_method="pm_card_visa")
    await life.live_until_converted()
    await life.product.faults(webhooks={"drop": True})

    await life.live_until("renew")
    await life.live(timedelta(hours=4))

    renewed = [entry for entry in await life.past() if entry["kind"] == "renewed"]
    assert len(renewed) == 1
    assert renewed[0]["cause"] == {"kind": "timer", "ref": "ask_provider", "actor": ""}
    assert await life.mails() == CONVERTED + Counter(receipt=1)


async def test_a_declined_renewal_whose_webhook_never_came_is_recovered_all_the_same(begin: Begin) -> None:
    life = await begin(payment_method="pm_card_visa")
    await life.live_until_converted()
    await life.product.faults(webhooks={"drop": True})
    await life.live_until_declined("insufficient_funds")

    await life.live(timedelta(hours=4))

    assert await life.status() == ("past_due", "full")
    assert (await life.mails())["payment_failed"] == 1


async def test_a_charge_whose_answer_was_lost_is_made_once(begin: Begin) -> None:
    life = await begin(payment_method="pm_card_visa")
    await life.live(timedelta(days=13))
    await life.product.faults(stripe={"timeout_after_commit": 1})

    await life.live_until("convert")

    assert await life.status() == ("active", "full")
    assert await life.bills() == Counter(paid=1)
    assert await life.mails() == CONVERTED


async def test_a_charge_that_stripe_failed_under_is_made_once_stripe_is_well_again(begin: Begin) -> None:
    life = await begin(payment_method="pm_card_visa")
    await life.live(timedelta(days=13))
    await life.product.faults(stripe={"error_rate": 1, "status": 500})
    await life.live(timedelta(days=1, minutes=10))
    assert await life.status() == ("trialing", "full")

    await life.product.faults()
    await life.live(timedelta(minutes=10))

    assert await life.status() == ("active", "full")
    assert await life.bills() == Counter(paid=1)
    assert await life.mails() == CONVERTED


async def test_a_bill_paid_by_the_link_is_seen_before_the_next_rung_when_its_webhook_never_came(begin: Begin) -> None:
    life = await begin(payment_method="pm_card_visa")
    await life.live_until_converted()
    await life.live_until_declined("lost_card")
    await life.product.faults(webhooks={"drop": True})

    await life.pay_open_bill("pm_card_mastercard")
    await life.live_until("recover")

    assert await life.status() == ("active", "full")
    assert await life.bills() == Counter(paid=2)
    assert "recover" not in await life.ahead()


async def test_mails_wait_for_a_mail_server_that_is_down_and_come_once(begin: Begin) -> None:
    life = await begin()
    await life.live(timedelta(minutes=1))
    await life.product.faults(smtp={"refuse": True})
    await life.live_until("send_reminder")
    assert await life.mails() == Counter(trial_started=1)

    await life.product.faults()
    await life.live(timedelta(minutes=1))

    assert await life.mails() == Counter(trial_started=1, trial_ending=1)


async def test_a_bill_paid_by_the_link_is_kept_when_the_customer_cancels_before_anybody_heard_of_it(
    begin: Begin,
) -> None:
    life = await begin(payment_method="pm_card_visa")
    await life.live_until_converted()
    await life.live_until_declined("lost_card")
    await life.product.faults(webhooks={"drop": True})
    await life.pay_open_bill("pm_card_mastercard")

    stands = await life.command("cancel")

    assert (stands["status"], stands["access"]) == ("active", "full")
    assert stands["cancel_at"] == stands["current_period_end"]
    assert await life.bills() == Counter(paid=2)
    assert (await life.mails())["receipt"] == 2
