"""Banks that want their customer to confirm a payment, while the customer is there."""

from collections import Counter
from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest

from sandbox.product import Product, RefusedError
from tests.harness.lives import A_MINUTE, Life
from tests.harness.names import a_name

Begin = Callable[..., Awaitable[Life]]

PAID_START = {"trial_days": 0, "payment_method": "pm_card_visa"}
AUTHENTICATE = "authentication_required"
STARTER, PROFESSIONAL = 4900, 19900


async def asked(life: Life, name: str, *, key: str | None = None, **body: Any) -> dict[str, Any]:
    """The answer to a command whose payment the bank wants confirmed."""
    with pytest.raises(RefusedError) as refusal:
        await life.product.command(life.id, name, key=key, **body)
    problem = refusal.value.problem
    assert (refusal.value.status, problem["code"]) == (402, AUTHENTICATE), problem
    assert problem["subscription"] == life.id
    return problem


async def waiting(begin: Begin, key: str | None = None) -> tuple[Life, dict[str, Any]]:
    """A subscription to Starter whose change to Professional waits, and what was told of it."""
    life = await begin(**PAID_START)
    await life.product.card_answers(life.external_id, AUTHENTICATE, "ok")
    return life, await asked(life, "change-plan", key=key, plan="professional")


async def test_an_upgrade_is_made_once_the_customer_has_confirmed_it(begin: Begin) -> None:
    key = str(uuid4())
    life, told = await waiting(begin, key)
    stands = await life.stands()
    assert (stands["plan"], stands["status"], stands["access"]) == ("starter", "active", "full")
    assert stands["pending_confirmation"] == {
        "action": "change_plan",
        "confirmation_url": told["confirmation_url"],
        "expires_at": told["expires_at"],
    }
    assert {"end_confirmation", "renew"} <= set(await life.ahead())
    assert await asked(life, "change-plan", key=key, plan="professional") == told
    assert await life.bills() == Counter(paid=1, open=1)
    assert (await life.kinds())["payment_failed"] == 0

    await life.confirm_at(told["confirmation_url"])
    await life.live(A_MINUTE)

    stands = await life.stands()
    assert (stands["plan"], stands["status"], stands["pending_confirmation"]) == ("professional", "active", None)
    assert await life.bills() == Counter(paid=2)
    repeated = await life.product.command(life.id, "change-plan", key=key, plan="professional")
    assert repeated["plan"] == "professional"
    assert await life.bills() == Counter(paid=2)
    assert (await life.kinds())["plan_changed"] == 1
    assert await life.mails() == Counter(converted=1, receipt=2, plan_changed=1)


async def test_an_upgrade_that_nobody_confirms_is_as_if_it_had_not_been_asked_for(begin: Begin) -> None:
    key = str(uuid4())
    life, told = await waiting(begin, key)

    await life.live(datetime.fromisoformat(told["expires_at"]) - life.now + A_MINUTE)

    stands = await life.stands()
    assert (stands["plan"], stands["status"], stands["pending_confirmation"]) == ("starter", "active", None)
    assert await life.bills() == Counter(paid=1, void=1)
    assert (await life.kinds())["confirmation_expired"] == 1
    assert await life.refused_by_the_bank("change-plan", key=key, plan="professional") == "payment_not_confirmed"
    # The card is as good as it was: nobody has said that it is not.
    stands = await life.command("change-plan", plan="professional")
    assert stands["plan"] == "professional"
    assert await life.bills() == Counter(paid=2, void=1)


@pytest.mark.parametrize("is_confirmed", [False, True])
async def test_a_cancellation_withdraws_what_waits_or_finds_it_done(begin: Begin, is_confirmed: bool) -> None:
    life, told = await waiting(begin)
    if is_confirmed:
        await life.product.faults(webhooks={"drop": 1.0})
        await life.confirm_at(told["confirmation_url"])

    stands = await life.command("cancel")
    await life.product.faults()

    assert (stands["plan"], stands["pending_confirmation"]) == ("professional" if is_confirmed else "starter", None)
    assert stands["cancel_at"] == stands["current_period_end"]
    assert await life.bills() == (Counter(paid=2) if is_confirmed else Counter(paid=1, void=1))
    await life.live_until("cancel")
    assert await life.status() == ("canceled", "none")


async def test_another_change_takes_the_place_of_one_that_waits(begin: Begin) -> None:
    life, told = await waiting(begin)
    await life.product.card_answers(life.external_id, AUTHENTICATE)

    other = await asked(life, "change-plan", quantity=2)

    assert other["confirmation_url"] != told["confirmation_url"]
    assert await life.bills() == Counter(paid=1, void=1, open=1)
    stands = await life.command("withdraw-change")
    assert (stands["plan"], stands["quantity"], stands["pending_confirmation"]) == ("starter", 1, None)
    assert await life.bills() == Counter(paid=1, void=2)
    assert (await life.kinds())["confirmation_withdrawn"] == 2


async def test_a_decline_on_the_spot_leaves_nothing_open(begin: Begin) -> None:
    life = await begin(**PAID_START)
    await life.product.card_answers(life.external_id, "insufficient_funds", "ok")

    assert await life.refused_by_the_bank("change-plan", plan="professional") == "payment_declined"

    await life.live(A_MINUTE)
    stands = await life.stands()
    assert (stands["plan"], stands["status"], stands["pending_confirmation"]) == ("starter", "active", None)
    assert (await life.command("change-plan", plan="professional"))["plan"] == "professional"
    assert await life.bills() == Counter(paid=2)


async def test_a_planned_change_still_begins_when_the_one_in_its_place_was_not_confirmed(begin: Begin) -> None:
    life = await begin(plan="professional", **PAID_START)
    await life.command("change-plan", plan="starter")
    await life.live(A_MINUTE)
    await life.product.card_answers(life.external_id, AUTHENTICATE, "ok")
    told = await asked(life, "change-plan", plan="enterprise")
    assert (await life.stands())["pending_change"]["plan"] == "starter"

    await life.live(datetime.fromisoformat(told["expires_at"]) - life.now + A_MINUTE)
    await life.live_until("change_plan")
    await life.live(timedelta(hours=2))

    assert (await life.stands())["plan"] == "starter"
    assert await life.bills() == Counter(paid=2, void=1)


@pytest.mark.parametrize("is_confirmed", [True, False])
async def test_a_conversion_happens_once_it_is_confirmed_or_the_trial_goes_on(begin: Begin, is_confirmed: bool) -> None:
    key = str(uuid4())
    life = await begin(payment_method="pm_card_visa")
    await life.product.card_answers(life.external_id, AUTHENTICATE, "ok")

    told = await asked(life, "convert", key=key, when="now")
    stands = await life.stands()
    assert (stands["status"], stands["access"]) == ("trialing", "full")
    assert stands["pending_confirmation"]["action"] == "convert"

    if is_confirmed:
        await life.confirm_at(told["confirmation_url"])
        await life.live(A_MINUTE)
        assert await life.status() == ("active", "full")
        assert (await life.product.command(life.id, "convert", key=key, when="now"))["status"] == "active"
    else:
        await life.live(datetime.fromisoformat(told["expires_at"]) - life.now + A_MINUTE)
        assert await life.status() == ("trialing", "full")
        assert await life.refused_by_the_bank("convert", key=key, when="now") == "payment_not_confirmed"
        await life.live_until_converted()
    assert (await life.stands())["pending_confirmation"] is None
    assert (await life.kinds())["converted"] == 1
    await life.live_until("renew")
    await life.live(timedelta(hours=2))
    assert (await life.bills())["paid"] == 2


async def test_a_conversion_that_was_confirmed_meanwhile_takes_no_other_card(begin: Begin) -> None:
    life = await begin(payment_method="pm_card_visa")
    await life.product.card_answers(life.external_id, AUTHENTICATE, "ok")
    told = await asked(life, "convert", when="now")
    await life.product.faults(webhooks={"drop": 1.0})
    await life.confirm_at(told["confirmation_url"])

    with pytest.raises(RefusedError) as refusal:
        await life.command("convert", when="now", payment_method="pm_card_mastercard")
    await life.product.faults()

    assert (refusal.value.status, refusal.value.problem["code"]) == (409, "already_converted")
    assert await life.status() == ("active", "full")
    assert (await life.kinds())["card_replaced"] == 0


async def test_a_new_card_withdraws_what_waits_where_it_is_tried_itself(begin: Begin) -> None:
    life = await begin()
    await life.live_until("expire_trial")
    await life.command("payment-method", payment_method="pm_card_chargeCustomerFail")
    assert await life.status() == ("suspended", "none")
    await life.product.card_answers(life.external_id, AUTHENTICATE)
    await asked(life, "convert", when="now")

    stands = await life.command("payment-method", payment_method="pm_card_visa")

    assert (stands["status"], stands["access"], stands["pending_confirmation"]) == ("active", "full", None)
    assert (await life.bills())["open"] == 0
    assert (await life.bills())["paid"] == 1


async def test_a_conversion_that_the_bank_wanted_confirmed_at_the_trials_end_can_be_confirmed_on_the_spot(
    begin: Begin,
) -> None:
    life = await begin(payment_method="pm_card_visa")
    await life.product.card_answers(life.external_id, AUTHENTICATE)
    await life.live_until("convert")
    assert (await life.status())[0] == "past_due"

    told = await asked(life, "convert")
    await life.confirm_at(told["confirmation_url"])
    await life.live(A_MINUTE)

    assert await life.status() == ("active", "full")
    assert await life.bills() == Counter(paid=1)


async def signed_up(product: Product, name: str, key: str) -> tuple[Life, dict[str, Any]]:
    """A sign-up without a trial whose first payment waits, and what was told of it."""
    with pytest.raises(RefusedError) as refusal:
        await product.sign_up(name, key=key, trial_days=0, payment_method="pm_card_authenticationRequired")
    problem = refusal.value.problem
    assert (refusal.value.status, problem["code"]) == (402, AUTHENTICATE), problem
    return Life(product, name, {"id": problem["subscription"]}), problem


async def test_a_paid_sign_up_begins_once_it_is_confirmed(product: Product) -> None:
    key, name = str(uuid4()), a_name("to-confirm")
    life, told = await signed_up(product, name, key)
    stands = await life.stands()
    assert (stands["status"], stands["status_reason"], stands["access"]) == (
        "suspended",
        "awaiting_confirmation",
        "none",
    )
    assert stands["pending_confirmation"]["action"] == "sign_up"
    for command in ("convert", "pause", "reactivate", "retry-payment"):
        reason = {"reason": "please"} if command == "reactivate" else {}
        assert await life.refused(command, **reason) == (409, "awaiting_confirmation")
    assert (await signed_up(product, name, key))[1] == told

    await life.confirm_at(told["confirmation_url"])
    await life.live(A_MINUTE)

    assert await life.status() == ("active", "full")
    again = await product.sign_up(name, key=key, trial_days=0, payment_method="pm_card_authenticationRequired")
    assert again["id"] == life.id
    assert await life.bills() == Counter(paid=1)
    assert await life.mails() == Counter(converted=1, receipt=1)


async def test_a_paid_sign_up_that_nobody_confirms_never_began(product: Product) -> None:
    key, name = str(uuid4()), a_name("to-confirm")
    life, told = await signed_up(product, name, key)

    await life.live(datetime.fromisoformat(told["expires_at"]) - life.now + A_MINUTE)

    stands = await life.stands()
    assert (stands["status"], stands["end_kind"], stands["pending_confirmation"]) == ("canceled", "never_began", None)
    assert (await product.get("/v1/invoices", customer=name))["data"][0]["status"] == "void"
    with pytest.raises(RefusedError) as refusal:
        await product.sign_up(name, key=key, trial_days=0, payment_method="pm_card_authenticationRequired")
    assert (refusal.value.status, refusal.value.problem["code"]) == (402, "payment_not_confirmed")
    assert await product.mails(name) == []


async def test_a_new_sign_up_replaces_one_that_waits_and_its_trial_is_not_used_up(product: Product) -> None:
    name = a_name("to-confirm")
    life, _ = await signed_up(product, name, str(uuid4()))

    made = await product.sign_up(name)

    assert (made["status"], made["id"] == life.id) == ("trialing", False)
    replaced = await life.stands()
    assert (replaced["status"], replaced["end_kind"]) == ("canceled", "never_began")
    assert (await product.get("/v1/invoices", customer=name))["data"][0]["status"] == "void"

    # One that is refused itself withdraws nothing: the trial is used up now.
    await Life(product, name, made).command("cancel", at="now")
    waits, _ = await signed_up(product, name, str(uuid4()))
    with pytest.raises(RefusedError) as refusal:
        await product.sign_up(name)
    assert refusal.value.problem["code"] == "trial_used"
    assert (await waits.stands())["status_reason"] == "awaiting_confirmation"


async def test_a_new_sign_up_finds_one_that_was_confirmed_meanwhile(product: Product) -> None:
    name = a_name("to-confirm")
    life, told = await signed_up(product, name, str(uuid4()))
    await product.faults(webhooks={"drop": 1.0})
    await life.confirm_at(told["confirmation_url"])

    with pytest.raises(RefusedError) as refusal:
        await product.sign_up(name, trial_days=0, payment_method="pm_card_visa")
    await product.faults()

    assert (refusal.value.status, refusal.value.problem["code"]) == (409, "already_subscribed")
    assert await life.status() == ("active", "full")
    assert await life.bills() == Counter(paid=1)


async def test_a_sign_up_that_waits_can_be_canceled(product: Product) -> None:
    life, _ = await signed_up(product, a_name("to-confirm"), str(uuid4()))

    stands = await life.command("cancel")

    assert (stands["status"], stands["end_kind"]) == ("canceled", "never_began")
