"""The audit over HTTP: every command of an operator or an admin, refusals included, and nobody's words in a history."""

import asyncio
import csv
from collections.abc import AsyncIterator
from io import StringIO
from typing import Any

import pytest

from domain.names import subscription_workflow_id
from sandbox.stack import Stack
from storage.access.api_keys import Role
from tests.harness.callers import Caller, problem_of


@pytest.fixture
async def operator(stack: Stack) -> AsyncIterator[Caller]:
    async with Caller.of_role(stack, Role.OPERATOR) as caller:
        yield caller


@pytest.fixture
async def service(stack: Stack) -> AsyncIterator[Caller]:
    async with Caller.of_role(stack, Role.SERVICE) as caller:
        yield caller


async def audited(caller: Caller, subscription: str, **params: Any) -> list[dict[str, Any]]:
    answer = await caller.get("/v1/audit", target=subscription, **params)
    assert answer.status_code == 200, answer.text
    found: list[dict[str, Any]] = answer.json()["data"]
    return found


async def history(stack: Stack, subscription: str) -> str:
    handle = stack.client.get_workflow_handle(subscription_workflow_id(subscription))
    return (await handle.fetch_history()).to_json()


async def test_a_suspension_is_noted_with_its_reason_and_no_history_has_it(
    stack: Stack, admin: Caller, operator: Caller, name: str
) -> None:
    made = await admin.signed_up(name, payment_method="pm_card_visa")
    words = f"chargeback of {name}, said on the phone"

    answer = await operator.command(made["id"], "suspend", reason=words)

    assert answer.status_code == 200, answer.text
    [entry] = [one for one in await audited(operator, made["id"]) if one["action"] == "suspendSubscription"]
    assert (entry["outcome"], entry["code"], entry["reason"]) == ("done", None, words)
    assert (entry["actor"]["kind"], entry["actor"]["role"]) == ("key", "operator")
    assert (entry["before"]["status"], entry["after"]["status"]) == ("trialing", "suspended")
    assert entry["request_id"] == answer.headers["X-Request-Id"]
    assert entry["address"]
    past = (await admin.get(f"/v1/subscriptions/{made['id']}/timeline")).json()["past"]
    assert f"Suspended by an operator: {words}" in [line["summary"] for line in past]
    kept = await history(stack, made["id"])
    assert "said on the phone" not in kept


async def test_a_refused_command_is_noted_as_refused_and_names_why(admin: Caller, operator: Caller, name: str) -> None:
    made = await admin.signed_up(name)

    problem_of(await operator.command(made["id"], "reactivate", reason="a mistake"), 409, "not_suspended")
    problem_of(await operator.command(made["id"], "extend-trial", days=0, reason="a mistake"), 422, "malformed")

    found = {one["action"]: one for one in await audited(operator, made["id"])}
    assert (found["reactivateSubscription"]["outcome"], found["reactivateSubscription"]["code"]) == (
        "refused",
        "not_suspended",
    )
    assert found["extendTrial"]["outcome"] == "refused"
    assert found["extendTrial"]["after"] is None


async def test_what_an_operator_may_not_do_is_noted_too(admin: Caller, operator: Caller) -> None:
    problem_of(await operator.post("/v1/api-keys", {"role": "admin", "name": "mine"}), 403, "forbidden")

    tried = (await admin.get("/v1/audit", action="createApiKey")).json()["data"]
    assert [(one["outcome"], one["code"]) for one in tried if one["actor"]["role"] == "operator"][:1] == [
        ("refused", "forbidden")
    ]


async def test_keys_are_noted_with_the_id_of_the_new_one(admin: Caller, name: str) -> None:
    made = (await admin.post("/v1/api-keys", {"role": "read_only", "name": name})).json()
    await admin.post(f"/v1/api-keys/{made['id']}/revoke")

    assert [(one["action"], one["target"]) for one in await audited(admin, made["id"])] == [
        ("revokeApiKey", {"kind": "api_key", "id": made["id"]})
    ]
    created = (await admin.get("/v1/audit", action="createApiKey", limit=100)).json()["data"]
    assert made["id"] in [one["target"]["id"] for one in created]
    assert made["key"] not in str(created)


async def test_a_repeat_under_the_same_key_is_noted_once(admin: Caller, operator: Caller, name: str) -> None:
    made = await admin.signed_up(name)

    for _ in range(2):
        await operator.command(made["id"], "extend-trial", key=f"{name}-again", days=3, reason="holidays")

    assert [one["action"] for one in await audited(operator, made["id"])].count("extendTrial") == 1


async def test_a_products_commands_are_noted_only_for_what_somebody_wrote(
    stack: Stack, service: Caller, operator: Caller, name: str
) -> None:
    made = await service.signed_up(name, payment_method="pm_card_visa")
    assert await audited(operator, made["id"]) == []

    answer = await service.command(made["id"], "cancel", at="now", comment=f"{name} moved to paper")

    assert answer.json()["status_reason"] == f"{name} moved to paper"
    [entry] = await audited(operator, made["id"])
    assert (entry["reason"], entry["actor"]["role"]) == (f"{name} moved to paper", "service")
    assert "moved to paper" not in await history(stack, made["id"])


async def test_a_note_is_kept_in_the_audit_alone_once_and_also_after_the_end(
    stack: Stack, admin: Caller, operator: Caller, name: str
) -> None:
    made = await admin.signed_up(name)
    words = f"{name} called twice\nabout the address"
    notes = [await operator.command(made["id"], "note", key=f"{name}-note", text=words) for _ in range(2)]
    await admin.command(made["id"], "cancel", at="now")
    after = await admin.subscription(made["id"])

    later = await operator.command(made["id"], "note", text="and again after the end")

    assert [answer.status_code for answer in (*notes, later)] == [201] * 3
    found = await audited(operator, made["id"], action="addNote")
    assert [(one["reason"], one["outcome"]) for one in found] == [("and again after the end", "done"), (words, "done")]
    assert [one["id"] for one in reversed(found)] == [notes[0].json()["id"], later.json()["id"]]
    assert notes[1].json() == notes[0].json()
    assert "called twice" not in notes[0].text
    assert await admin.subscription(made["id"]) == after
    assert "called twice" not in await history(stack, made["id"])
    exported = (await admin.get(f"/v1/customers/{name}/export")).json()
    assert words in [one["reason"] for one in exported["tables"]["audit_details"]]
    problem_of(await operator.command(made["id"], "note", text="x" * 2001), 422, "malformed")
    assert (await admin.http.delete(f"/v1/customers/{name}")).status_code == 204
    assert {one["reason"] for one in await audited(admin, made["id"], action="addNote")} == {None}


async def test_a_change_of_a_customer_is_noted_with_its_reason(admin: Caller, operator: Caller, name: str) -> None:
    await admin.signed_up(name)
    known = (await admin.get(f"/v1/customers/{name}")).json()
    body = {"email": f"{name}.new@example.com", "reason": f"{name} asked for it on the phone"}

    answer = await operator.http.patch(f"/v1/customers/{name}", json=body)

    assert answer.status_code == 200, answer.text
    [entry] = await audited(operator, known["id"], action="updateCustomer")
    assert (entry["reason"], entry["outcome"], entry["actor"]["role"]) == (body["reason"], "done", "operator")
    assert (entry["before"]["email"], entry["after"]["email"]) == (known["email"], body["email"])
    alone = await operator.http.patch(f"/v1/customers/{name}", json={"reason": "nothing is changed"})
    problem_of(alone, 422, "malformed")


async def test_a_look_is_no_command(admin: Caller, name: str) -> None:
    made = await admin.signed_up(name)
    before = len(await audited(admin, made["id"]))

    await admin.command(made["id"], "preview-change", plan="professional")
    await admin.get(f"/v1/subscriptions/{made['id']}")

    assert len(await audited(admin, made["id"])) == before


async def test_a_change_of_a_customer_shows_before_and_after_by_our_own_id(admin: Caller, name: str) -> None:
    await admin.signed_up(name, customer={"name": "Ada"})
    known = (await admin.get(f"/v1/customers/{name}")).json()

    answer = await admin.http.patch(f"/v1/customers/{name}", json={"name": "Countess Ada"})

    assert answer.status_code == 200, answer.text
    [entry] = await audited(admin, known["id"])
    assert entry["target"] == {"kind": "customer", "id": known["id"]}
    assert (entry["before"]["name"], entry["after"]["name"]) == ("Ada", "Countess Ada")


async def test_who_may_read_it(stack: Stack, operator: Caller, service: Caller, name: str) -> None:
    problem_of(await service.get("/v1/audit"), 403, "forbidden")
    async with (
        Caller.of_role(stack, Role.READ_ONLY) as reader,
        Caller.of_role(stack, Role.ADMIN, f"tenant-of-{name}"[:60].lower().replace("_", "-")) as elsewhere,
    ):
        assert (await reader.get("/v1/audit")).status_code == 200
        assert (await elsewhere.get("/v1/audit")).json()["data"] == []


async def test_it_is_read_in_pages_and_as_csv(admin: Caller, operator: Caller, name: str) -> None:
    made = await admin.signed_up(name)
    for days in (1, 2, 3):
        await operator.command(made["id"], "extend-trial", days=days, reason=f"=HYPERLINK({days})")

    first = (await admin.get("/v1/audit", target=made["id"], action="extendTrial", limit=2)).json()
    second = (
        await admin.get("/v1/audit", target=made["id"], action="extendTrial", limit=2, cursor=first["next_cursor"])
    ).json()
    file = await admin.get("/v1/audit", target=made["id"], action="extendTrial", limit=2, format="csv")

    assert [one["reason"] for one in (*first["data"], *second["data"])] == [f"=HYPERLINK({days})" for days in (3, 2, 1)]
    rows = list(csv.DictReader(StringIO(file.text)))
    assert [row["reason"] for row in rows] == ["'=HYPERLINK(3)", "'=HYPERLINK(2)"]
    assert 'rel="next"' in file.headers["Link"]


async def test_commands_that_come_at_once_are_each_noted(admin: Caller, operator: Caller, name: str) -> None:
    made = await admin.signed_up(name)

    answers = await asyncio.gather(
        *(operator.command(made["id"], "extend-trial", days=1, reason=f"number {n}") for n in range(5))
    )

    assert {answer.status_code for answer in answers} == {200}
    noted = await audited(operator, made["id"], action="extendTrial")
    assert sorted(one["reason"] for one in noted) == [f"number {n}" for n in range(5)]
