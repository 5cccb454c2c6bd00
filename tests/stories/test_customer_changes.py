"""A customer who is changed, here or at the payment provider: everybody knows, once."""

from collections import Counter
from collections.abc import Awaitable, Callable
from datetime import datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from sandbox.product import RefusedError
from sandbox.stack import Stack
from storage.reconciliation import Reconciliations
from tenure.cli.reconcile import run_now
from tests.harness.lives import A_MINUTE, TRIAL, Life
from tests.harness.patience import until

Begin = Callable[..., Awaitable[Life]]
PAID_START: dict[str, Any] = {"trial_days": 0, "payment_method": "pm_card_visa"}
pytestmark = pytest.mark.usefixtures("healed")


async def changes_told(life: Life) -> list[tuple[str, str]]:
    """What the timeline tells of: which fields, and because of what."""
    past = [entry for entry in await life.past() if entry["kind"] == "customer_changed"]
    return [(entry["details"]["fields"], entry["cause"]["kind"]) for entry in past]


def at_stripe(stack: Stack, life: Life) -> tuple[str, str | None]:
    found = stack.simulator.customer(life.external_id)
    return found["email"], found["name"]


async def mails_to(life: Life, address: str) -> Counter[str]:
    found = await life.product._sandbox.get("/messages", params={"to": address})
    return Counter(mail["subject"] for mail in found.json())


async def test_a_changed_customer_is_told_to_stripe_once_and_mailed_at_the_new_address(
    begin: Begin, stack: Stack
) -> None:
    life = await begin(**PAID_START)
    address = f"{life.external_id}@new.example"

    async def is_receipted() -> bool:
        return (await life.mails())["receipt"] == 1

    await until(is_receipted)
    told = await life.product.change_customer(life.external_id, email=address, name="Ada King", locale="de")
    assert (told["email"], told["name"], told["locale"]) == (address, "Ada King", "de")
    await until(lambda: at_stripe(stack, life) == (address, "Ada King"))

    async def is_told() -> bool:
        return ("email,name,locale", "command") in await changes_told(life)

    await until(is_told)
    await life.live_until("renew")
    await life.live(timedelta(hours=1))
    assert len(await mails_to(life, address)) == 1
    assert await changes_told(life) == [("email,name,locale", "command")], "the echo of Stripe's is no news"


async def test_what_was_changed_at_stripe_is_heard(begin: Begin, stack: Stack) -> None:
    life = await begin(**PAID_START)
    address = f"{life.external_id}@heard.example"

    await life.product.edited_at_stripe(life.external_id, email=address.upper(), name="Ada at Stripe")

    async def is_heard() -> bool:
        return bool((await life.stands())["customer"]["name"] == "Ada at Stripe")

    await until(is_heard)
    customer = (await life.stands())["customer"]
    assert customer["email"].lower() == address

    async def is_told() -> bool:
        return await changes_told(life) == [("email,name", "webhook")]

    await until(is_told)


async def test_an_address_at_stripe_that_is_none_is_listed_and_not_taken(begin: Begin, stack: Stack) -> None:
    life = await begin(**PAID_START)

    await life.product.edited_at_stripe(life.external_id, email="ada at home", name="Ada at Home")

    async def is_heard() -> bool:
        return bool((await life.stands())["customer"]["name"] == "Ada at Home")

    await until(is_heard)
    assert (await life.stands())["customer"]["email"] == f"{life.external_id}@example.com"
    run = (await run_now(stack.client, fix=True)).run
    [found] = [each for each in await Reconciliations(stack.engine).of_run(run) if each.subscription == life.id]
    assert (found.kind, found.outcome) == ("address_unusable", "listed")
    assert "ada at home" not in found.details

    await life.product.change_customer(life.external_id, email=f"{life.external_id}@mended.example")
    await until(lambda: at_stripe(stack, life)[0] == f"{life.external_id}@mended.example")
    run = (await run_now(stack.client, fix=True)).run
    assert [each for each in await Reconciliations(stack.engine).of_run(run) if each.subscription == life.id] == []


@pytest.mark.parametrize("zone", ["Asia/Tokyo", "America/Los_Angeles"])
async def test_reminders_move_to_the_day_of_another_zone_and_each_is_sent_once(begin: Begin, zone: str) -> None:
    life = await begin(customer={"timezone": "Europe/London"})
    await life.live_until("send_reminder")
    await life.product.change_customer(life.external_id, timezone=zone)

    async def is_told() -> bool:
        return await changes_told(life) == [("timezone", "command")]

    await until(is_told)
    due: list[dict[str, Any]] = [
        each for each in (await life.stands())["next_actions"] if each["action"] == "send_reminder"
    ]
    at = [datetime.fromisoformat(each["at"]).astimezone(ZoneInfo(zone)) for each in due]
    assert len(at) == 2
    assert all(9 <= moment.hour < 18 or (moment.hour, moment.minute) == (18, 0) for moment in at), at
    await life.live_until("expire_trial")
    assert (await life.mails())["trial_ending"] == TRIAL["trial_ending"]


async def test_the_steps_of_a_recovery_move_to_the_day_of_another_zone(begin: Begin) -> None:
    life = await begin(customer={"timezone": "Europe/London"}, payment_method="pm_card_chargeCustomerFail")
    await life.live_until("convert")
    before = [each["why"] for each in (await life.stands())["next_actions"]]
    zone = "Pacific/Auckland"
    await life.product.change_customer(life.external_id, timezone=zone)

    async def is_told() -> bool:
        return await changes_told(life) == [("timezone", "command")]

    await until(is_told)
    due = (await life.stands())["next_actions"]
    assert [each["why"] for each in due] == before
    at = [datetime.fromisoformat(each["at"]) for each in due]
    local = [moment.astimezone(ZoneInfo(zone)).time() for moment in at]
    assert all(time(9) <= moment <= time(17, 30) for moment in local), local
    await life.live_until("recover")
    retried = next(entry for entry in await life.past() if entry["kind"] == "retry_failed")
    assert datetime.fromisoformat(retried["at"]) - at[0] < A_MINUTE


async def test_a_change_without_a_wallet_is_known_at_stripe_once_there_is_one(begin: Begin, stack: Stack) -> None:
    life = await begin()
    address = f"{life.external_id}@before.example"
    await life.product.change_customer(life.external_id, email=address)

    await life.product.checkout(life.id)
    await life.live(A_MINUTE)

    assert at_stripe(stack, life)[0] == address


async def test_who_signs_up_again_is_at_stripe_as_they_say_now(begin: Begin, stack: Stack) -> None:
    first = await begin(**PAID_START)
    await first.command("cancel", at="now")
    address = f"{first.external_id}@again.example"

    def default_card() -> Any:
        return stack.simulator.customer(first.external_id)["invoice_settings"]["default_payment_method"]

    had = default_card()
    with pytest.raises(RefusedError, match="payment_declined"):
        await first.product.sign_up(first.external_id, trial_days=0, payment_method="pm_card_chargeCustomerFail")
    assert default_card() == had, "a refused sign-up leaves the card as it was"

    again: Any = {"customer": {"email": address}, "trial_days": 0, "payment_method": "pm_card_mastercard"}
    back = Life(first.product, first.external_id, await first.product.sign_up(first.external_id, **again))

    await until(lambda: at_stripe(stack, first)[0] == address)
    assert default_card() != had
    await back.live(A_MINUTE)
    assert (await back.kinds())["card_replaced"] == 0, "the card is what the provider has as the customer's"
