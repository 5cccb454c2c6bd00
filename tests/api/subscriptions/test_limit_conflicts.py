"""Plan changes that current usage does not fit are rejected with what to do, unless an operator accepts."""

from typing import Any

import httpx

from sandbox.stack import Stack
from storage.access.api_keys import Role
from tests.harness.callers import Caller, fields_of, problem_of

PAID = {"trial_days": 0, "payment_method": "pm_card_visa"}


async def use(caller: Caller, customer: str, feature: str, quantity: int) -> None:
    body = {"feature": feature, "quantity": quantity, "key": f"{customer}-{feature}-{quantity}"}
    answer = await caller.post(f"/v1/customers/{customer}/consume", body)
    assert answer.status_code == 200, answer.text


async def change(caller: Caller, made: dict[str, Any], **body: Any) -> httpx.Response:
    return await caller.command(made["id"], "change-plan", **body)


async def test_a_downgrade_below_what_is_in_use_is_refused_with_what_to_remove(admin: Caller, name: str) -> None:
    made = await admin.signed_up(name, plan="professional", **PAID)
    await use(admin, name, "users", 12)
    await use(admin, name, "storage_gb", 11)

    refused = problem_of(await change(admin, made, plan="starter"), 409, "usage_does_not_fit")
    preview = (await admin.command(made["id"], "preview-change", plan="starter")).json()

    told = [(one["feature"], one["used"], one["limit"], one["excess"]) for one in refused["misfits"]]
    assert told == [("users", 12, 3, 9), ("storage_gb", 11, 10, 1)]
    assert fields_of(refused) == {"users", "storage_gb"}
    assert "remove 9 first" in refused["detail"]
    assert preview["misfits"] == refused["misfits"]
    assert preview["change"]["plan"] == "starter"
    stands = await admin.subscription(made["id"])
    assert (stands["plan"], stands["pending_change"]) == ("professional", None)


async def test_a_downgrade_succeeds_once_enough_is_released(admin: Caller, name: str) -> None:
    made = await admin.signed_up(name, plan="professional")
    await use(admin, name, "users", 4)
    problem_of(await change(admin, made, plan="starter"), 409, "usage_does_not_fit")

    await admin.post(f"/v1/customers/{name}/release", {"feature": "users", "key": name})

    assert (await change(admin, made, plan="starter")).json()["plan"] == "starter"


async def test_an_operator_may_accept_it_and_nothing_is_lost(stack: Stack, admin: Caller, name: str) -> None:
    made = await admin.signed_up(name, plan="professional")
    await use(admin, name, "users", 12)
    async with Caller.of_role(stack, Role.SERVICE) as service, Caller.of_role(stack, Role.OPERATOR) as operator:
        problem_of(await change(service, made, plan="starter", accept_misfits=True), 403, "forbidden")
        problem_of(await change(operator, made, plan="starter"), 409, "usage_does_not_fit")
        assert (await change(operator, made, plan="starter", accept_misfits=True)).json()["plan"] == "starter"

    users = (await admin.get(f"/v1/customers/{name}/usage")).json()["usage"]["users"]
    assert (users["used"], users["limit"], users["level"]) == (12, 3, "reached")


async def test_fewer_seats_and_add_ons_are_checked_as_well(shop: Caller, name: str) -> None:
    made = await shop.signed_up(name, plan="pro", quantity=2, add_ons={"seats": 1})
    await use(shop, name, "seats", 7)

    seats = problem_of(await change(shop, made, quantity=1), 409, "usage_does_not_fit")
    add_ons = problem_of(await change(shop, made, add_ons={}), 409, "usage_does_not_fit")

    assert [(one["limit"], one["excess"]) for one in (*seats["misfits"], *add_ons["misfits"])] == [(5, 2), (6, 1)]
    assert (await change(shop, made, quantity=3, add_ons={})).status_code == 200, "seats in place of add-ons"


async def test_usage_of_the_period_matters_to_an_immediate_change(shop: Caller, name: str) -> None:
    made = await shop.signed_up(name, plan="scale")
    await use(shop, name, "runs", 500)

    problem = problem_of(await change(shop, made, plan="pro"), 409, "usage_does_not_fit")

    assert [(one["feature"], one["excess"], one["window"]) for one in problem["misfits"]] == [("runs", 400, "month")]
    assert "it resets at" in problem["detail"]


async def test_usage_of_the_period_does_not_block_a_change_at_its_end(paid_shop: Caller, name: str) -> None:
    """The subscription's own policy decides when; gauges must fit in either case."""
    made = await paid_shop.signed_up(name, plan="pro", **PAID)
    await use(paid_shop, name, "runs", 50)

    now = problem_of(await change(paid_shop, made, plan="free", when="now"), 409, "usage_does_not_fit")
    preview = (await paid_shop.command(made["id"], "preview-change", plan="free")).json()
    await use(paid_shop, name, "seats", 3)
    then = problem_of(await change(paid_shop, made, plan="free"), 409, "usage_does_not_fit")
    await paid_shop.post(f"/v1/customers/{name}/release", {"feature": "seats", "quantity": 2, "key": name})
    changed = await change(paid_shop, made, plan="free")

    assert [one["feature"] for one in now["misfits"]] == ["runs"]
    assert (preview["when"], preview["misfits"]) == ("period_end", [])
    assert [one["feature"] for one in then["misfits"]] == ["seats"]
    assert changed.json()["pending_change"]["plan"] == "free", changed.text


async def test_an_upgrade_is_never_refused(admin: Caller, name: str) -> None:
    made = await admin.signed_up(name)
    await use(admin, name, "users", 3)
    await use(admin, name, "storage_gb", 11)

    preview = (await admin.command(made["id"], "preview-change", plan="professional")).json()

    assert preview["misfits"] == []
    assert (await change(admin, made, plan="professional")).json()["plan"] == "professional"


async def test_a_change_of_a_canceled_subscription_is_rejected_as_canceled(admin: Caller, name: str) -> None:
    made = await admin.signed_up(name, plan="professional")
    await use(admin, name, "users", 12)
    await admin.command(made["id"], "cancel", at="now")

    problem_of(await change(admin, made, plan="starter"), 409, "subscription_canceled")


async def test_accepting_conflicts_must_be_explicit(admin: Caller, name: str) -> None:
    made = await admin.signed_up(name)
    refused = await change(admin, made, plan="professional", accept_misfits="yes")
    assert fields_of(problem_of(refused, 422, "malformed")) == {"accept_misfits"}
