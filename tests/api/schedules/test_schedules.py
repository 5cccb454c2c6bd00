"""The Schedules over HTTP: operators of tenant `default` see them and run them, admins pause and resume them."""

from collections.abc import AsyncIterator
from typing import Any

import pytest

from domain.names import report_usage_schedule_id
from sandbox.stack import Stack
from storage.access.api_keys import Role
from tests.harness.callers import Caller, problem_of
from tests.harness.patience import until

REPORTS = report_usage_schedule_id()


@pytest.fixture
async def operator(stack: Stack) -> AsyncIterator[Caller]:
    async with Caller.of_role(stack, Role.OPERATOR) as caller:
        yield caller


async def seen(caller: Caller) -> dict[str, dict[str, Any]]:
    answer = await caller.get("/v1/schedules")
    assert answer.status_code == 200, answer.text
    return {one["id"]: one for one in answer.json()["data"]}


async def test_operators_see_the_schedules_and_when_they_run_next(operator: Caller) -> None:
    reports = (await seen(operator))[REPORTS]
    assert (reports["state"], reports["every_seconds"]) == ("active", 300)
    assert len(reports["next_times"]) == 3
    assert reports["note"].startswith("Run it manually with Trigger")


async def test_an_admin_pauses_a_schedule_and_resumes_it_and_its_note_stays(admin: Caller, operator: Caller) -> None:
    before = (await seen(admin))[REPORTS]
    problem_of(await operator.post(f"/v1/schedules/{REPORTS}/pause", {"reason": "a test"}), 403, "forbidden")
    try:
        paused = (await admin.post(f"/v1/schedules/{REPORTS}/pause", {"reason": "maintenance"})).json()
        assert (paused["state"], paused["next_times"], paused["note"]) == ("paused", [], before["note"])
    finally:
        resumed = (await admin.post(f"/v1/schedules/{REPORTS}/resume", {"reason": "it is over"})).json()
    assert (resumed["state"], resumed["note"]) == ("active", before["note"])
    noted = (await admin.get("/v1/audit", target=REPORTS)).json()["data"]
    done = [(one["action"], one["reason"]) for one in noted if one["outcome"] == "done"]
    assert done[:2] == [("resumeSchedule", "it is over"), ("pauseSchedule", "maintenance")]


async def test_a_schedule_that_is_triggered_runs_and_its_outcome_is_shown(operator: Caller) -> None:
    before = {run["run"] for run in (await seen(operator))[REPORTS]["runs"]}

    answer = await operator.post(f"/v1/schedules/{REPORTS}/trigger", {"reason": "a test"})

    assert answer.status_code == 200, answer.text

    async def has_completed() -> bool:
        runs = (await seen(operator))[REPORTS]["runs"]
        return any(run["run"] not in before and run["status"] == "completed" for run in runs)

    await until(has_completed)


async def test_an_unknown_schedule_is_not_found(operator: Caller) -> None:
    problem_of(await operator.post("/v1/schedules/nightly/trigger", {"reason": "a test"}), 404, "unknown_schedule")


async def test_the_reconciliation_runs_are_listed_for_operators_of_the_installation(operator: Caller) -> None:
    answer = await operator.get("/v1/reconciliation/runs")
    assert answer.status_code == 200, answer.text
    assert answer.json()["next_cursor"] is None
