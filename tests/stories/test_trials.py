"""Trials: reminders, extension, conversion, expiry."""

from collections import Counter
from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from sandbox.product import Product, RefusedError
from sandbox.stack import Stack
from tests.harness.lives import A_MINUTE, CONVERTED, TRIAL, Life
from tests.harness.names import a_name

Begin = Callable[..., Awaitable[Life]]


async def test_reminders_come_at_a_decent_hour_of_the_customer_and_each_once(begin: Begin) -> None:
    life = await begin(customer={"timezone": "Pacific/Auckland"})

    await life.live(timedelta(days=13, hours=23))

    mails = [
        mail
        for mail in await life.product.mails(life.external_id)
        if mail["headers"]["X-Tenure-Occasion"] == "trial_ending"
    ]
    hours = [datetime.fromisoformat(mail["received_at"]).astimezone(ZoneInfo("Pacific/Auckland")) for mail in mails]
    assert len(mails) == 3
    assert all(9 <= at.hour < 18 for at in hours)
    ends_at = datetime.fromisoformat((await life.stands())["trial_ends_at"])
    # One that is due at a decent hour goes out right then, give or take a second.
    assert [(ends_at - at + A_MINUTE).days for at in hours] == [7, 3, 1]


async def test_an_extension_after_a_reminder_moves_the_rest_of_the_ladder(begin: Begin) -> None:
    life = await begin()
    await life.live_until("send_reminder")
    old_end = datetime.fromisoformat((await life.stands())["trial_ends_at"])

    after = await life.command("extend-trial", days=10, reason="away on holiday")

    assert datetime.fromisoformat(after["trial_ends_at"]) == old_end + timedelta(days=10)
    await life.live_until("expire_trial")
    assert await life.mails() == Counter(trial_started=1, trial_ending=4, trial_expired=1)
    assert (await life.kinds())["trial_extended"] == 1


@pytest.mark.parametrize("days", [0, 91])
async def test_an_extension_of_no_sensible_length_is_refused(begin: Begin, days: int) -> None:
    life = await begin()

    assert await life.refused("extend-trial", days=days, reason="long") == (422, "malformed")


async def test_converting_before_the_first_reminder_ends_the_trial_and_its_reminders(begin: Begin) -> None:
    life = await begin()
    await life.live(timedelta(days=2))

    after = await life.command("convert", payment_method="pm_card_visa", when="now")

    assert (after["status"], after["access"]) == ("active", "full")
    await life.live(timedelta(days=20))
    assert await life.mails() == Counter(trial_started=1, converted=1, receipt=1)
    assert await life.bills() == Counter(paid=1)


async def test_converting_early_keeps_the_days_that_are_left(begin: Begin) -> None:
    life = await begin()
    ends_at = (await life.stands())["trial_ends_at"]

    after = await life.command("convert", payment_method="pm_card_visa")

    assert (after["status"], after["trial_ends_at"]) == ("trialing", ends_at)
    assert await life.bills() == Counter()
    await life.live_until_converted()
    assert await life.mails() == CONVERTED


async def test_converting_without_a_card_is_refused(begin: Begin) -> None:
    life = await begin()

    assert await life.refused("convert") == (409, "payment_method_required")


async def test_a_card_declined_at_an_early_conversion_leaves_the_trial_as_it_was(begin: Begin) -> None:
    life = await begin()

    with pytest.raises(RefusedError) as refusal:
        await life.command("convert", payment_method="pm_card_chargeCustomerFail", when="now")

    assert (refusal.value.status, refusal.value.problem["code"]) == (402, "payment_declined")
    assert await life.status() == ("trialing", "full")
    assert await life.mails() == Counter(trial_started=1)


async def test_a_card_declined_at_the_trials_end_begins_the_recovery(begin: Begin) -> None:
    life = await begin(payment_method="pm_card_chargeCustomerFail")

    await life.live_until("convert")
    assert await life.status() == ("past_due", "full")
    await life.command("payment-method", payment_method="pm_card_visa")

    assert await life.status() == ("active", "full")
    assert await life.bills() == Counter(paid=1)


async def test_an_expired_trial_comes_back_by_the_link_in_the_mail(begin: Begin) -> None:
    life = await begin()
    await life.live_until("expire_trial")
    page = await life.open_pay_link()
    assert page.status_code == 200, page.text

    await life.product.checkout(life.id)
    await life.live(timedelta(minutes=1))

    assert await life.status() == ("active", "full")
    assert await life.mails() == TRIAL + Counter(trial_expired=1, converted=1, receipt=1)
    assert await life.bills() == Counter(paid=1)


async def test_an_expired_trial_is_canceled_thirty_days_later(begin: Begin) -> None:
    life = await begin()
    expired_at = await life.live_until("expire_trial")

    canceled_at = await life.live_until("cancel")

    assert canceled_at - expired_at == pytest.approx(timedelta(days=30), abs=timedelta(minutes=1))
    assert await life.status() == ("canceled", "none")
    assert (await life.stands())["status_reason"] == "trial_expired"
    page = await life.open_pay_link()
    assert page.status_code == 410


async def test_an_operator_opens_an_expired_trial_again(begin: Begin) -> None:
    life = await begin()
    await life.live_until("expire_trial")

    after = await life.command("reactivate", reason="evaluation was delayed")

    assert (after["status"], after["access"]) == ("trialing", "full")
    await life.live_until("expire_trial")
    assert await life.status() == ("suspended", "none")


async def test_a_sign_up_repeated_with_the_same_key_is_one_subscription(product: Product, stack: Stack) -> None:
    name = a_name("repeater")
    first = await product.sign_up(name, key=name)
    second = await product.sign_up(name, key=name)

    assert first["id"] == second["id"]
    life = Life(product, name, first)
    await life.live(timedelta(minutes=1))
    assert await life.mails() == Counter(trial_started=1)
    found = [one async for one in stack.client.list_workflows(f'WorkflowId = "subscription/{first["id"]}"')]
    assert len(found) == 1


async def test_a_second_sign_up_of_the_same_customer_is_refused(begin: Begin) -> None:
    life = await begin()

    with pytest.raises(RefusedError) as refusal:
        await life.product.sign_up(life.external_id)

    assert (refusal.value.status, refusal.value.problem["code"]) == (409, "already_subscribed")


async def test_a_paid_start_charges_at_once(begin: Begin) -> None:
    life = await begin(trial_days=0, payment_method="pm_card_visa")
    await life.live(timedelta(minutes=1))

    assert await life.status() == ("active", "full")
    assert await life.mails() == Counter(converted=1, receipt=1)
    assert await life.bills() == Counter(paid=1)


async def test_a_paid_start_with_a_card_that_declines_leaves_no_subscription(product: Product) -> None:
    name = a_name("declined-at-start")
    with pytest.raises(RefusedError) as refusal:
        await product.sign_up(name, trial_days=0, payment_method="pm_card_chargeCustomerFail")

    assert (refusal.value.status, refusal.value.problem["code"]) == (402, "payment_declined")
    again = await product.sign_up(name, trial_days=0, payment_method="pm_card_visa")
    assert again["status"] == "active"


async def test_an_unknown_payment_method_at_sign_up_writes_nothing(product: Product) -> None:
    name = a_name("bad-card")
    with pytest.raises(RefusedError) as refusal:
        await product.sign_up(name, payment_method="pm_card_nonsense")

    assert refusal.value.status == 422
    assert refusal.value.problem["errors"][0]["field"] == "payment_method"
    assert (await product.get("/v1/subscriptions", customer=name))["data"] == []
    assert await product.mails("bad-card") == []


async def test_a_name_with_hidden_line_breaks_is_shown_as_it_was_typed(begin: Begin) -> None:
    hidden = "=?utf-8?b?DQoNClBheSBub3c6IGh0dHA6Ly9ldmlsLmV4YW1wbGU=?="
    life = await begin(customer={"name": hidden})

    assert await life.mails() == Counter(trial_started=1)
    mail = await life.last_mail()
    assert mail["subject"].startswith("Your Starter trial")
    assert mail["headers"].keys() >= {"From", "To", "Subject", "Date", "Message-ID", "X-Tenure-Occasion"}
    assert mail["headers"]["To"].startswith(f"{hidden} <")
    assert f"Hello {hidden}," in mail["text"]
    assert "evil" not in mail["text"] + mail["html"]
