"""A plan change after a planned one builds on it and says what becomes of it."""

from dataclasses import replace
from typing import Any

import pytest

from domain.errors import Rejected
from domain.names import subscription_workflow_id
from domain.subscription import plan_changes
from domain.subscription.state import Subscription
from sandbox.stack import Stack
from services.subscription_client import send_command
from tests.harness.callers import Caller, fields_of, problem_of
from workflows.subscription.messages import ChangePlan
from workflows.subscription.workflow import SubscriptionWorkflow

PAID = {"trial_days": 0, "payment_method": "pm_card_visa"}
STARTER_WITH_TWO_USERS = 5900


async def planning_starter(admin: Caller, name: str, **more: Any) -> dict[str, Any]:
    """On Professional, with Starter planned for the end of the period."""
    made = await admin.signed_up(name, plan="professional", **PAID)
    planned = await admin.command(made["id"], "change-plan", plan="starter", **more)
    assert planned.json()["pending_change"]["plan"] == "starter", planned.text
    return made


async def test_fields_left_out_of_a_later_request_come_from_the_planned_change(admin: Caller, name: str) -> None:
    made = await planning_starter(admin, name)

    preview = (await admin.command(made["id"], "preview-change", add_ons={"users": 2})).json()
    changed = (await admin.command(made["id"], "change-plan", add_ons={"users": 2})).json()

    assert (preview["when"], preview["change"]["plan"], preview["next_amount"]) == (
        "period_end",
        "starter",
        STARTER_WITH_TWO_USERS,
    )
    assert (preview["replaces"]["plan"], preview["replaces"]["add_ons"]) == ("starter", {})
    assert preview["replaces"]["at"] == changed["pending_change"]["at"]
    assert (changed["plan"], changed["amount"]) == ("professional", 19900)
    pending = changed["pending_change"]
    assert (pending["plan"], pending["add_ons"], pending["amount"]) == ("starter", {"users": 2}, STARTER_WITH_TWO_USERS)


async def test_planned_quantity_and_interval_stay_when_only_the_plan_is_given(admin: Caller, name: str) -> None:
    made = await admin.signed_up(name, plan="enterprise", interval="year", **PAID)
    body: dict[str, Any] = {"plan": "professional", "interval": "month", "quantity": 2, "add_ons": {"users": 1}}
    await admin.command(made["id"], "change-plan", **body)

    changed = (await admin.command(made["id"], "change-plan", plan="starter")).json()

    pending = changed["pending_change"]
    assert [pending[part] for part in ("plan", "interval", "quantity", "add_ons")] == [
        "starter",
        "month",
        2,
        {"users": 1},
    ]


async def test_a_preview_without_a_planned_change_replaces_none(admin: Caller, name: str) -> None:
    made = await admin.signed_up(name, **PAID)

    preview = (await admin.command(made["id"], "preview-change", plan="professional")).json()

    assert preview["replaces"] is None


async def test_a_planned_change_can_be_brought_forward(admin: Caller, name: str) -> None:
    made = await planning_starter(admin, name)

    preview = (await admin.command(made["id"], "preview-change", plan="starter", when="now")).json()
    changed = (await admin.command(made["id"], "change-plan", plan="starter", when="now")).json()

    assert preview["replaces"] is None
    assert (changed["plan"], changed["pending_change"]) == ("starter", None)


@pytest.mark.parametrize(("part", "value"), [("add_ons", {"seats": 2}), ("quantity", 2)])
async def test_additions_to_a_planned_free_plan_are_rejected(
    paid_shop: Caller, name: str, part: str, value: Any
) -> None:
    made = await paid_shop.signed_up(name, plan="pro", **PAID)
    await paid_shop.command(made["id"], "change-plan", plan="free")

    problem = problem_of(await paid_shop.command(made["id"], "change-plan", **{part: value}), 422, "free_plan")

    assert fields_of(problem) == {part}
    assert "give the plan to change to" in problem["detail"]
    assert (await paid_shop.subscription(made["id"]))["pending_change"]["plan"] == "free"


async def test_a_change_overtaken_by_another_is_rejected_and_changes_nothing(
    admin: Caller, stack: Stack, name: str
) -> None:
    made = await planning_starter(admin, name)
    worked_out = plan_changes.basis_name(await current(stack, made["id"]))
    overtaking = await admin.command(made["id"], "change-plan", quantity=2)
    to = (await current(stack, made["id"])).selection
    command = ChangePlan("overtaken", "a test", replace(to, quantity=3), is_upgrade=True, basis=worked_out)

    for update in (SubscriptionWorkflow.change_plan, SubscriptionWorkflow.preview_change):
        with pytest.raises(Rejected) as refusal:
            await send_command(stack.client, made["id"], update, command)
        assert refusal.value.code == "changed_meanwhile"

    assert (await admin.subscription(made["id"]))["pending_change"] == overtaking.json()["pending_change"]


async def current(stack: Stack, subscription: str) -> Subscription:
    handle = stack.client.get_workflow_handle(subscription_workflow_id(subscription))
    return await handle.query(SubscriptionWorkflow.current)
