"""Bulk runs over HTTP: what is refused and starts nothing, and one run from its preview to its inverse."""

import csv
from collections.abc import Mapping
from io import StringIO
from typing import Any
from uuid import uuid4

import pytest
from sqlalchemy import text
from temporalio.api.common.v1 import WorkflowExecution
from temporalio.api.workflowservice.v1 import DeleteWorkflowExecutionRequest
from temporalio.client import WorkflowHandle
from temporalio.service import RPCError, RPCStatusCode

from domain.audit import Actor, ActorKind, reference_to
from domain.bulk.actions import ActionKind, BulkAction
from domain.bulk.previews import Verdict
from domain.bulk.runs import NewRun
from domain.names import bulk_workflow_id
from sandbox.stack import Stack
from storage.bulk.runs import BulkRuns
from tests.harness.callers import Caller, fields_of, problem_of
from tests.harness.patience import until
from workflows.bulk import STATUS

SUSPEND = {"kind": "suspend"}
WHY = "a test of the outage"


async def started(caller: Caller, body: Mapping[str, Any], *, key: str | None = None) -> dict[str, Any]:
    answer = await caller.post("/v1/bulk", body, key=key)
    assert answer.status_code == 201, answer.text
    run: dict[str, Any] = answer.json()
    assert answer.headers["Location"] == f"/v1/bulk/{run['id']}"
    return run


async def ended(caller: Caller, run: str) -> dict[str, Any]:
    """The run once it is over."""
    found: dict[str, Any] = {}

    async def is_over() -> bool:
        found.update((await caller.get(f"/v1/bulk/{run}")).json())
        return found["state"] in ("finished", "stopped")

    await until(is_over)
    return found


async def test_a_run_suspends_whom_the_preview_counted_and_its_inverse_brings_them_back(
    alone: Caller, stack: Stack, name: str
) -> None:
    made = [await alone.signed_up(f"{name}-{number}") for number in range(4)]
    await alone.command(made[0]["id"], "suspend", reason="before")
    body = {"filter": {"plan": "starter"}, "action": SUSPEND}

    seen = (await alone.post("/v1/bulk/preview", body)).json()
    assert (seen["chosen"], seen["would_be_done"], seen["refused"]) == (4, 3, {"already_suspended": 1})
    assert seen["by_status"] == {
        "suspended": {"would_be_done": 0, "refused": 1},
        "trialing": {"would_be_done": 3, "refused": 0},
    }
    assert seen["inverse"]["kind"] == "reactivate"

    start = body | {"reason": WHY, "expected": 3, "rate": 50}
    run = await started(alone, start, key=f"{name}-once")
    again = await alone.post("/v1/bulk", start, key=f"{name}-once")
    assert (again.json()["id"], again.headers["Idempotency-Replayed"]) == (run["id"], "true")
    done = await ended(alone, run["id"])

    assert (done["state"], done["reason"], done["actor"]["role"]) == ("finished", WHY, "admin")
    assert done["counts"] == {"done": 3, "refused": 1, "unknown": 0, "skipped": 0, "waiting": 0}
    assert [one["id"] for one in (await alone.get("/v1/bulk")).json()["data"]] == [run["id"]]
    for one in made[1:]:
        past = (await alone.get(f"/v1/subscriptions/{one['id']}/timeline")).json()["past"]
        [entry] = [entry for entry in past if entry["kind"] == "suspended"]
        assert entry["cause"]["actor"] == f"admin {done['actor']['id']}"
        assert entry["cause"]["ref"] == f"bulk/{run['id']}/{one['id']}"
        assert WHY in entry["summary"]

    undo = (await alone.post("/v1/bulk/preview", {"of": run["id"]})).json()
    assert (undo["action"]["kind"], undo["would_be_done"]) == ("reactivate", 3)
    undone = await started(alone, {"of": run["id"], "reason": "it is over", "expected": 3, "rate": 50})
    assert (await ended(alone, undone["id"]))["counts"]["done"] == 3
    statuses = [(await alone.subscription(one["id"]))["status"] for one in made]
    assert statuses == ["suspended", "trialing", "trialing", "trialing"]
    await check_audit(alone, run["id"], made[1]["id"])
    await check_temporal(stack, run["id"])


async def check_audit(alone: Caller, run: str, subscription: str) -> None:
    """The run once, with why; each command with the run as its cause."""
    entries = (await alone.get("/v1/audit", action="startBulk")).json()["data"]
    [entry] = [entry for entry in entries if entry["target"] == {"kind": "bulk_run", "id": run}]
    assert (entry["outcome"], entry["reason"], entry["actor"]["role"]) == ("done", WHY, "admin")
    of_row = (await alone.get("/v1/audit", target=subscription)).json()["data"]
    assert [(one["action"], one["outcome"]) for one in of_row] == [
        ("reactivateSubscription", "done"),
        ("suspendSubscription", "done"),
    ]
    assert of_row[1]["request_id"] == f"bulk/{run}"
    assert of_row[1]["after"]["status"] == "suspended"


async def check_temporal(stack: Stack, run: str) -> None:
    described = await stack.client.get_workflow_handle(bulk_workflow_id(run)).describe()
    assert await described.static_summary() == "Bulk: suspend, 3 subscriptions"
    assert described.typed_search_attributes[STATUS] == "bulk_finished"


async def test_rows_are_paged_filtered_and_a_csv(alone: Caller, name: str) -> None:
    made = [(await alone.signed_up(f"{name}-{number}"))["id"] for number in range(3)]
    await alone.command(made[0], "suspend", reason="before")
    run = await started(alone, {"filter": {}, "action": SUSPEND, "reason": WHY, "expected": 2, "rate": 50})
    await ended(alone, run["id"])
    path = f"/v1/bulk/{run['id']}/rows"

    first = (await alone.get(path, limit=2)).json()
    rest = (await alone.get(path, limit=2, cursor=first["next_cursor"])).json()
    refused = (await alone.get(path, outcome="refused")).json()["data"]
    answer = await alone.get(path, format="csv")

    assert [row["subscription"] for row in first["data"] + rest["data"]] == made
    assert rest["next_cursor"] is None
    assert [(row["subscription"], row["code"]) for row in refused] == [(made[0], "already_suspended")]
    rows = list(csv.DictReader(StringIO(answer.text)))
    assert [(row["subscription"], row["status"], row["outcome"]) for row in rows] == [
        (made[0], "suspended", "refused"),
        (made[1], "trialing", "done"),
        (made[2], "trialing", "done"),
    ]
    assert problem_of(await alone.get(path, cursor="no cursor"), 422, "malformed")["errors"][0]["field"] == "cursor"


async def test_another_number_than_expected_starts_nothing_and_says_how_many(alone: Caller, name: str) -> None:
    await alone.signed_up(name)
    body = {"filter": {}, "action": SUSPEND, "reason": WHY, "expected": 2}

    problem = problem_of(await alone.post("/v1/bulk", body), 409, "bulk_changed")

    assert problem["would_be_done"] == 1
    assert (await alone.get("/v1/bulk")).json()["data"] == []


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"filter": {}}, "body"),
        ({"filter": {}, "action": SUSPEND, "of": "a run"}, "body"),
        ({"filter": {}, "action": {"kind": "extend_trial"}}, "action.days"),
        ({"filter": {}, "action": {"kind": "extend_trial", "days": 400}}, "action.days"),
        ({"filter": {}, "action": {"kind": "suspend", "days": 3}}, "action.days"),
        ({"filter": {"statsu": "active"}, "action": SUSPEND}, "filter.statsu"),
    ],
)
async def test_a_bad_request_is_refused_by_its_field(admin: Caller, body: dict[str, Any], field: str) -> None:
    problem = problem_of(await admin.post("/v1/bulk/preview", body), 422, "malformed")

    assert fields_of(problem) == {field}


async def test_what_cannot_be_done_to_anybody_is_refused_before_a_preview(admin: Caller) -> None:
    policy = {"filter": {}, "action": {"kind": "migrate_policy", "policy": "never-published"}}

    problem_of(await admin.post("/v1/bulk/preview", policy), 409, "unknown_policy")
    problem_of(await admin.post("/v1/bulk/preview", {"of": "no-run"}), 404, "unknown_bulk_run")


async def test_extending_a_trial_has_no_inverse(alone: Caller, name: str) -> None:
    made = await alone.signed_up(name)
    action = {"kind": "extend_trial", "days": 7}
    before = await alone.subscription(made["id"])
    run = await started(alone, {"filter": {"q": name}, "action": action, "reason": WHY, "expected": 1})
    done = await ended(alone, run["id"])

    assert (done["inverse"], done["filter"]) == (None, {"q": "(not kept)"})
    problem_of(await alone.post("/v1/bulk/preview", {"of": run["id"]}), 409, "no_inverse")
    problem_of(await alone.post(f"/v1/bulk/{run['id']}/pause"), 409, "bulk_run_over")
    assert (await alone.subscription(made["id"]))["trial_ends_at"] > before["trial_ends_at"]


async def not_begun(stack: Stack, tenant: str, subscription: str) -> NewRun:
    """A run whose start was lost."""
    action, actor = BulkAction(ActionKind.SUSPEND), Actor(ActorKind.KEY, "k1", "admin")
    run = NewRun(str(uuid4()), tenant, action, {}, None, actor, reference_to(uuid4()), rate=5)
    await BulkRuns(stack.engine).create(run, [Verdict(subscription, "trialing")])
    return run


async def test_a_run_whose_start_was_lost_begins_when_it_is_resumed(alone: Caller, stack: Stack, name: str) -> None:
    made = await alone.signed_up(name)
    run = await not_begun(stack, name, made["id"])

    assert (await alone.get(f"/v1/bulk/{run.id}")).json()["state"] == "starting"
    problem_of(await alone.post(f"/v1/bulk/{run.id}/pause"), 409, "bulk_not_begun")
    assert (await alone.post(f"/v1/bulk/{run.id}/resume")).status_code == 200

    assert (await ended(alone, run.id))["counts"]["done"] == 1
    assert (await alone.subscription(made["id"]))["status"] == "suspended"


async def test_a_run_whose_start_was_lost_can_be_stopped(alone: Caller, stack: Stack, name: str) -> None:
    made = await alone.signed_up(name)
    run = await not_begun(stack, name, made["id"])

    stopped = (await alone.post(f"/v1/bulk/{run.id}/stop")).json()

    assert (stopped["state"], stopped["counts"]["skipped"]) == ("stopped", 1)
    problem_of(await alone.post(f"/v1/bulk/{run.id}/resume"), 409, "bulk_run_over")
    assert (await alone.subscription(made["id"]))["status"] == "trialing"


async def under_way_without_workflow(caller: Caller, stack: Stack, name: str, *, is_kept: bool) -> str:
    """A run that had worked off one of its three rows when its workflow was lost; *is_kept*: Temporal knows its end."""
    for number in range(3):
        await caller.signed_up(f"{name}-{number}")
    body = {"filter": {}, "action": SUSPEND, "reason": WHY, "expected": 3, "rate": 1}
    run: str = (await started(caller, body))["id"]

    async def has_begun() -> bool:
        return bool((await caller.get(f"/v1/bulk/{run}")).json()["counts"]["done"])

    await until(has_begun)
    assert (await caller.post(f"/v1/bulk/{run}/pause")).status_code == 200
    handle = stack.client.get_workflow_handle(bulk_workflow_id(run))
    await handle.terminate("lost in an accident")
    if not is_kept:
        of_it = WorkflowExecution(workflow_id=handle.id)
        namespace = stack.client.namespace
        await stack.client.workflow_service.delete_workflow_execution(
            DeleteWorkflowExecutionRequest(namespace=namespace, workflow_execution=of_it)
        )
        await until(lambda: is_gone(handle))
    return run


async def is_gone(handle: WorkflowHandle[Any, Any]) -> bool:
    try:
        await handle.describe()
    except RPCError as error:
        return error.status is RPCStatusCode.NOT_FOUND
    return False


@pytest.mark.parametrize("is_kept", [False, True])
async def test_a_run_whose_workflow_is_gone_goes_on_when_it_is_resumed(
    alone: Caller, stack: Stack, name: str, is_kept: bool
) -> None:
    run = await under_way_without_workflow(alone, stack, name, is_kept=is_kept)

    paused = await alone.post(f"/v1/bulk/{run}/pause")
    assert (paused.status_code, paused.json()["state"]) == (200, "paused")
    assert (await alone.post(f"/v1/bulk/{run}/resume")).status_code == 200

    done = await ended(alone, run)
    assert (done["state"], done["counts"]["done"]) == ("finished", 3)


async def test_a_run_whose_workflow_is_gone_can_be_stopped(alone: Caller, stack: Stack, name: str) -> None:
    run = await under_way_without_workflow(alone, stack, name, is_kept=False)

    stopped = (await alone.post(f"/v1/bulk/{run}/stop")).json()

    assert (stopped["state"], stopped["counts"]["waiting"]) == ("stopped", 0)
    assert stopped["ended_at"] is not None
    problem_of(await alone.post(f"/v1/bulk/{run}/stop"), 409, "bulk_run_over")


async def test_subscriptions_are_moved_to_a_published_policy(alone: Caller, stack: Stack, name: str) -> None:
    await alone.signed_up(name)
    async with stack.engine.connect() as connection:
        version = (await connection.execute(text("select version from policy_versions limit 1"))).scalar_one()
    action = {"kind": "migrate_policy", "policy": version}

    run = await started(alone, {"filter": {}, "action": action, "reason": WHY, "expected": 1})

    assert (await ended(alone, run["id"]))["counts"]["done"] == 1
