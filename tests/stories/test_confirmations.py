"""Banks that want their customer to confirm a payment, while the customer is there."""

from collections import Counter
from collections.abc import Awaitable, Callable
from datetime import datetime
from typing import Any
from uuid import uuid4

import pytest

from sandbox.product import Product, RefusedError
from tests.harness.lives import A_MINUTE, Life
from tests.harness.names import a_name

Begin = Callable[..., Awaitable[Life]]

PAID_START = {"trial_days": 0, "payment_method": "pm_card_visa"}
AUTHENTICATE = "authentication_required"


async def to_confirm(life: Life, name: str, *, key: str | None = None, **body: Any) -> dict[str, Any]:
    """The answer to a command whose payment the bank wants confirmed."""
    with pytest.raises(RefusedError) as refusal:
        await life.product.command(life.id, name, key=key, **body)
    problem = refusal.value.problem
    assert (refusal.value.status, problem["code"]) == (402, AUTHENTICATE), problem
    assert problem["subscription"] == life.id
    return problem


async def test_an_upgrade_is_made_once_the_customer_has_confirmed_it(begin: Begin) -> None:
    key = str(uuid4())
    life = await begin(**PAID_START)
    await life.product.card_answers(life.external_id, AUTHENTICATE, "ok")
    problem = await to_confirm(life, "change-plan", key=key, plan="professional")
    stands = await life.stands()
    assert (stands["plan"], stands["status"], stands["access"]) == ("starter", "active", "full")
    assert stands["pending_confirmation"] == {
        "action": "change_plan",
        "confirmation_url": problem["confirmation_url"],
        "expires_at": problem["expires_at"],
    }
    assert {"end_confirmation", "renew"} <= set(await life.ahead())
    again = await to_confirm(life, "change-plan", key=key, plan="professional")
    assert again | {"request_id": problem["request_id"]} == problem
    assert await life.bills() == Counter(paid=1, open=1)
    assert (await life.kinds())["payment_failed"] == 0

    await life.confirm_at(problem["confirmation_url"])
    await life.live(A_MINUTE)

    stands = await life.stands()
    assert (stands["plan"], stands["status"], stands["pending_confirmation"]) == ("professional", "active", None)
    assert await life.bills() == Counter(paid=2)
    repeated = await life.product.command(life.id, "change-plan", key=key, plan="professional")
    assert repeated["plan"] == "professional"
    assert await life.bills() == Counter(paid=2)
    assert (await life.kinds())["plan_changed"] == 1
    assert await life.mails() == Counter(converted=1, receipt=2, plan_changed=1)


async def test_a_conversion_happens_once_the_customer_has_confirmed_it(begin: Begin) -> None:
    key = str(uuid4())
    life = await begin(payment_method="pm_card_visa")
    await life.product.card_answers(life.external_id, AUTHENTICATE, "ok")
    problem = await to_confirm(life, "convert", key=key, when="now")
    stands = await life.stands()
    assert (stands["status"], stands["access"]) == ("trialing", "full")
    assert stands["pending_confirmation"]["action"] == "convert"

    await life.confirm_at(problem["confirmation_url"])
    await life.live(A_MINUTE)

    assert await life.status() == ("active", "full")
    assert (await life.stands())["pending_confirmation"] is None
    assert (await life.product.command(life.id, "convert", key=key, when="now"))["status"] == "active"
    assert (await life.kinds())["converted"] == 1


async def signed_up(product: Product, name: str, key: str) -> tuple[Life, dict[str, Any]]:
    """A sign-up without a trial whose first payment waits, and the problem that said so."""
    with pytest.raises(RefusedError) as refusal:
        await product.sign_up(name, key=key, trial_days=0, payment_method="pm_card_authenticationRequired")
    problem = refusal.value.problem
    assert (refusal.value.status, problem["code"]) == (402, AUTHENTICATE), problem
    return Life(product, name, {"id": problem["subscription"]}), problem


async def test_a_paid_sign_up_begins_once_it_is_confirmed(product: Product) -> None:
    key, name = str(uuid4()), a_name("to-confirm")
    life, problem = await signed_up(product, name, key)
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
    _, again = await signed_up(product, name, key)
    assert again | {"request_id": problem["request_id"]} == problem

    await life.confirm_at(problem["confirmation_url"])
    await life.live(A_MINUTE)

    assert await life.status() == ("active", "full")
    again = await product.sign_up(name, key=key, trial_days=0, payment_method="pm_card_authenticationRequired")
    assert again["id"] == life.id
    assert await life.bills() == Counter(paid=1)
    assert await life.mails() == Counter(converted=1, receipt=1)


async def test_a_new_sign_up_replaces_one_that_waits_unless_it_is_refused_itself(product: Product) -> None:
    key, name = str(uuid4()), a_name("to-confirm")
    life, _ = await signed_up(product, name, str(uuid4()))

    made = await product.sign_up(name)

    assert (made["status"], made["id"] == life.id) == ("trialing", False)
    replaced = await life.stands()
    assert (replaced["status"], replaced["end_kind"]) == ("canceled", "never_began")
    assert (await product.get("/v1/invoices", customer=name))["data"][0]["status"] == "void"

    # Its trial is used up now: another is refused, and withdraws nothing.
    await Life(product, name, made).command("cancel", at="now")
    waits, problem = await signed_up(product, name, key)
    with pytest.raises(RefusedError) as refusal:
        await product.sign_up(name)
    assert refusal.value.problem["code"] == "trial_used"
    assert (await waits.stands())["status_reason"] == "awaiting_confirmation"

    await waits.live(datetime.fromisoformat(problem["expires_at"]) - waits.now + A_MINUTE)
    with pytest.raises(RefusedError) as refusal:
        await product.sign_up(name, key=key, trial_days=0, payment_method="pm_card_authenticationRequired")
    assert (refusal.value.status, refusal.value.problem["code"]) == (402, "payment_not_confirmed")
