"""Schedules, written by workers of several releases at once."""

import json
from dataclasses import replace
from datetime import timedelta
from hashlib import sha256

import pytest
from temporalio.client import (
    Client,
    Schedule,
    ScheduleActionStartWorkflow,
    ScheduleIntervalSpec,
    ScheduleSpec,
    ScheduleUpdate,
    ScheduleUpdateInput,
)

from domain.names import reconcile_schedule_id, roll_up_schedule_id, sweep_schedule_id
from sandbox.stack import Stack
from services.schedules import schedule_ids
from tests.harness.names import named_after
from tests.workflows.namespaces import elsewhere
from worker import schedules
from worker.schedules import definitions, ensure_schedules

SECOND_MINUTE = ScheduleSpec(intervals=[ScheduleIntervalSpec(every=timedelta(minutes=2))])


@pytest.fixture
async def client(stack: Stack, request: pytest.FixtureRequest) -> Client:
    """A client for a namespace without schedules."""
    return await elsewhere(stack.client, named_after(request))


async def found(client: Client, schedule_id: str) -> Schedule:
    return (await client.get_schedule_handle(schedule_id).describe()).schedule


def every(schedule: Schedule) -> timedelta:
    return schedule.spec.intervals[0].every


async def change(client: Client, schedule_id: str, spec: ScheduleSpec) -> None:
    def changed(known: ScheduleUpdateInput) -> ScheduleUpdate:
        return ScheduleUpdate(replace(known.description.schedule, spec=spec))

    await client.get_schedule_handle(schedule_id).update(changed)


async def test_a_worker_brings_the_schedules_of_an_earlier_release_up_to_date(
    client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    await ensure_schedules(client)
    await change(client, sweep_schedule_id(), SECOND_MINUTE)
    monkeypatch.setattr(schedules, "REVISION", schedules.REVISION + 1)

    await ensure_schedules(client)

    assert every(await found(client, sweep_schedule_id())) == schedules.SWEEP_EVERY


async def test_a_worker_of_an_earlier_release_does_not_take_a_schedule_back(
    client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as later:
        later.setattr(schedules, "REVISION", schedules.REVISION + 1)
        later.setattr(schedules, "SWEEP_EVERY", timedelta(minutes=2))
        await ensure_schedules(client)

    await ensure_schedules(client)

    assert every(await found(client, sweep_schedule_id())) == timedelta(minutes=2)
    assert every(await found(client, roll_up_schedule_id())) == schedules.ROLL_UP_EVERY


async def test_a_schedule_that_an_operator_has_paused_stays_paused(client: Client) -> None:
    await ensure_schedules(client)
    await client.get_schedule_handle(reconcile_schedule_id()).pause(note="an investigation")

    await ensure_schedules(client)

    assert (await found(client, reconcile_schedule_id())).state.paused


def described(schedule: Schedule) -> str:
    """What a schedule does, and when."""
    action, policy = schedule.action, schedule.policy
    assert isinstance(action, ScheduleActionStartWorkflow)
    times = [(each.every, each.offset) for each in schedule.spec.intervals]
    within, words = action.execution_timeout, (action.static_summary, schedule.state.note)
    found = (action.workflow, action.args, action.id, action.task_queue, within, *words, times)
    return json.dumps([*found, policy.overlap.name, policy.catchup_window], default=str)


def test_a_change_of_a_schedule_has_a_revision_of_its_own() -> None:
    """Otherwise a worker of the earlier release, which starts again during the rollout, takes the change back."""
    defined = "\n".join(described(schedule) for schedule in schedules.definitions().values())
    digest = sha256(defined.encode()).hexdigest()[:16]

    assert (schedules.REVISION, digest) == (3, "2faff36ab03213a6"), (
        "raise worker.schedules.REVISION, and write its digest down here"
    )


def test_operators_see_every_schedule_that_workers_make() -> None:
    assert set(schedule_ids()) == set(definitions())
