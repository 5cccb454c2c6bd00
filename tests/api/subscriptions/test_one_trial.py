"""One trial per customer, mailbox and card, unless an operator allows another."""

import asyncio
from collections import Counter
from typing import Any

from sandbox.stack import Stack
from storage.access.api_keys import Role
from tests.harness.callers import Caller, at_rest, problem_of, workflows_of, written, written_at_rest

COUNTED = ("customers", "subscriptions", "journal", "mails", "trials")


def mailbox(name: str) -> dict[str, Any]:
    """Another external id with the mailbox of *name*."""
    return {"customer": {"email": f"{name.upper()}+again@Example.com"}}


async def over(caller: Caller, name: str, **more: Any) -> None:
    """A trial of that customer that has ended."""
    made = await caller.signed_up(name, **more)
    assert (await caller.command(made["id"], "cancel", at="now")).status_code == 200


async def trial_start(caller: Caller, subscription: str) -> dict[str, Any]:
    past = (await caller.get(f"/v1/subscriptions/{subscription}/timeline")).json()["past"]
    found: dict[str, Any] = next(entry for entry in past if entry["kind"] == "trial_started")
    return found


async def test_a_second_trial_is_refused_with_the_rule_and_the_ways_on(stack: Stack, admin: Caller, name: str) -> None:
    await over(admin, name)
    before = await written_at_rest(stack, *COUNTED)

    again = problem_of(await admin.sign_up(name), 409, "trial_used")
    other = problem_of(await admin.sign_up(f"{name}-2", **mailbox(name)), 409, "trial_used")

    assert "external_id" in again["detail"]
    assert "mail address" in other["detail"]
    assert all("trial_days 0" in problem["detail"] for problem in (again, other))
    assert await written(stack.engine, *COUNTED) == before


async def test_a_refused_second_trial_changes_nothing_about_the_customer(
    stack: Stack, admin: Caller, name: str
) -> None:
    first = await admin.signed_up(name)
    assert (await admin.command(first["id"], "cancel", at="now")).status_code == 200
    await at_rest(stack)
    calls = len(stack.simulator.call_log())

    answer = await admin.sign_up(name, payment_method="pm_card_visa", customer={"name": "Another", "timezone": "UTC"})

    problem_of(answer, 409, "trial_used")
    assert (await admin.subscription(first["id"]))["customer"] == first["customer"]
    assert len(stack.simulator.call_log()) == calls


async def test_a_customer_who_had_a_trial_may_start_paid(admin: Caller, name: str) -> None:
    await over(admin, name)

    paid = await admin.signed_up(name, trial_days=0, payment_method="pm_card_visa")

    assert paid["status"] == "active"


async def test_a_customer_who_only_ever_paid_may_still_have_a_trial(admin: Caller, name: str) -> None:
    await over(admin, name, trial_days=0, payment_method="pm_card_visa")

    assert (await admin.signed_up(name))["status"] == "trialing"


async def test_an_operator_may_allow_another_trial_and_is_recorded(stack: Stack, admin: Caller, name: str) -> None:
    await over(admin, name)
    async with Caller.of_role(stack, Role.OPERATOR) as operator:
        again = await operator.signed_up(name, allow_another_trial=True)

    assert again["status"] == "trialing"
    start = await trial_start(admin, again["id"])
    assert start["cause"]["actor"].startswith("operator ")
    assert f"another one allowed by {start['cause']['actor']}" in start["summary"]


async def test_a_service_may_not_allow_another_trial(stack: Stack, name: str) -> None:
    before = await written_at_rest(stack, *COUNTED)
    async with Caller.of_role(stack, Role.SERVICE) as service:
        problem = problem_of(await service.sign_up(name, allow_another_trial=True), 403, "forbidden")
        assert "operator" in problem["detail"]
        assert await written(stack.engine, *COUNTED) == before

        assert (await service.sign_up(name, allow_another_trial=False)).status_code == 201


async def test_a_repeat_of_a_sign_up_is_not_a_second_trial(admin: Caller, name: str) -> None:
    first = await admin.sign_up(name, key=name)

    again = await admin.sign_up(name, key=name)

    assert (first.status_code, again.status_code) == (201, 201)
    assert again.json()["id"] == first.json()["id"]


async def test_a_failed_sign_up_uses_up_no_trial(admin: Caller, name: str) -> None:
    assert (await admin.sign_up(name, payment_method="pm_card_nonsense")).status_code == 422
    declined: dict[str, Any] = {"trial_days": 0, "payment_method": "pm_card_chargeCustomerFail"}
    problem_of(await admin.sign_up(name, **declined), 402, "payment_declined")

    assert (await admin.signed_up(name, payment_method="pm_card_visa"))["status"] == "trialing"


async def test_a_refused_sign_up_can_be_corrected_under_its_key(admin: Caller, name: str) -> None:
    await over(admin, name)
    problem_of(await admin.sign_up(name, key=f"{name}-again"), 409, "trial_used")

    mended = await admin.sign_up(name, key=f"{name}-again", allow_another_trial=True)

    assert mended.status_code == 201, mended.text


async def test_another_tenant_may_give_the_same_mailbox_a_trial(admin: Caller, alone: Caller, name: str) -> None:
    await admin.signed_up(name)

    assert (await alone.signed_up(name))["status"] == "trialing"


async def test_one_of_ten_customers_of_one_mailbox_who_sign_up_at_once_has_the_trial(
    stack: Stack, admin: Caller, name: str
) -> None:
    before = await written_at_rest(stack, *COUNTED)
    sent = [
        admin.sign_up(f"{name}-{number}", customer={"email": f"{name}+{number}@example.com"}) for number in range(10)
    ]

    answers = await asyncio.gather(*sent)

    codes = Counter(answer.json().get("code", str(answer.status_code)) for answer in answers)
    assert codes == Counter({"201": 1, "trial_used": 9})
    winner = next(answer.json()["id"] for answer in answers if answer.status_code == 201)
    assert await workflows_of(stack, winner) == ["RUNNING"]
    made = await written(stack.engine, *COUNTED)
    assert {table: made[table] - before[table] for table in COUNTED} == {
        "customers": 1,
        "subscriptions": 1,
        "journal": 1,
        "mails": 1,
        "trials": 2,
    }
