"""How one subscription's time goes by, tried on a toy workflow and the real dev server."""

import asyncio
import os
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from temporalio.client import Client
from temporalio.testing import TimeSkipper, TimeSkippingConfig
from temporalio.worker import UnsandboxedWorkflowRunner, Worker

from sandbox.temporal import TemporalDevServer
from sandbox.travel import NotSettledError, Traveller
from tests.sandbox.toy import MONTH, Toy, ToyActivities, ToyLife, ToyStripe, ToyWorkflow

DAY = timedelta(days=1)
HARDLY = timedelta(minutes=1)
"""By which things may be late that are days apart: the clock goes on while a machine is busy."""
A_TICK = timedelta(milliseconds=50)
"""What a step may take on a busy machine; the clocks go on meanwhile."""


@dataclass
class World:
    """A dev server, a worker for toys, a toy Stripe and a traveller."""

    server: TemporalDevServer
    client: Client
    skipper: TimeSkipper
    activities: ToyActivities
    stripe: ToyStripe
    traveller: Traveller

    async def live(self, customer: str, toy: Toy) -> ToyLife:
        await self.client.start_workflow(ToyWorkflow.run, toy, id=f"toy/{customer}", task_queue="toys")
        handle: Any = self.client.get_workflow_handle(f"toy/{customer}")
        self.stripe.handles[customer] = handle
        return ToyLife(customer, handle)


@asynccontextmanager
async def a_world(data: Path | None = None) -> AsyncIterator[World]:
    async with TemporalDevServer(data, durable=False, ui=False) as server:
        client = await Client.connect(server.address)
        skipper = TimeSkipper(client, config=TimeSkippingConfig(enabled=False))
        activities, stripe = ToyActivities(), ToyStripe()
        async with Worker(
            client,
            task_queue="toys",
            workflows=[ToyWorkflow],
            activities=[activities.write],
            workflow_runner=UnsandboxedWorkflowRunner(),
        ):
            yield World(server, client, skipper, activities, stripe, Traveller(skipper, stripe))


@pytest.fixture(scope="module")
async def world() -> AsyncIterator[World]:
    async with a_world() as world:
        yield world


async def test_each_deadline_is_met_at_its_own_date(world: World) -> None:
    start = datetime.now(UTC)
    deadlines = tuple(start + DAY * days for days in (7, 11, 13))
    life = await world.live("deadlines", Toy(deadlines=deadlines))

    now = await world.traveller.travel(life, timedelta(days=14).total_seconds())

    assert timedelta(days=14) - HARDLY <= now - start <= timedelta(days=14) + HARDLY
    diary = await life.diary()
    assert [entry.what for entry in diary] == ["deadline"] * 3
    assert all(timedelta() <= entry.at - due < HARDLY for entry, due in zip(diary, deadlines, strict=True))


async def test_what_is_due_is_done_though_the_server_has_passed_over_its_timer(world: World) -> None:
    due = datetime.now(UTC) + DAY
    life = await world.live("passed-over", Toy(deadlines=(due,), has_no_timer=True))

    await Traveller(world.skipper, world.stripe, woken_after=0.0).travel(life, 2 * DAY.total_seconds())

    assert {"wake up", "deadline"} == {entry.what for entry in await life.diary()}


async def test_nothing_happens_when_its_date_is_not_reached(world: World) -> None:
    life = await world.live("patience", Toy(deadlines=(datetime.now(UTC) + DAY,)))

    await world.traveller.travel(life, timedelta(hours=23).total_seconds())

    assert await life.diary() == []


async def test_a_failed_activity_is_retried_at_its_date(world: World) -> None:
    start = datetime.now(UTC)
    life = await world.live("retries", Toy(deadlines=(start + DAY,), failures=3))

    await world.traveller.travel(life, timedelta(days=5).total_seconds())

    [entry] = await life.diary()
    assert abs(entry.at - (start + DAY * 4)) < HARDLY


async def test_a_year_of_months_agrees_on_both_clocks_when_runs_follow_each_other(world: World) -> None:
    start = datetime.now(UTC)
    renewals = [start + MONTH * month for month in range(1, 13)]
    life = await world.live("year", Toy(entries_per_run=2))
    world.stripe.due["year"] = list(renewals)

    await world.traveller.travel(life, (MONTH * 12.5).total_seconds())

    diary = await life.diary()
    assert [entry.what for entry in diary] == [f"news of {renewal.isoformat()}" for renewal in renewals]
    assert all(timedelta() <= entry.at - due < HARDLY for entry, due in zip(diary, renewals, strict=True))
    at_stripe = world.stripe.now("year")
    in_workflow = await world.skipper.get_current_time(life.handle)
    assert at_stripe - A_TICK < in_workflow < world.stripe.now("year") + A_TICK


async def test_stripes_events_come_first_when_a_deadline_is_at_the_same_time(world: World) -> None:
    moment = datetime.now(UTC) + MONTH
    life = await world.live("both", Toy(deadlines=(moment,)))
    world.stripe.due["both"] = [moment]

    await world.traveller.travel(life, (MONTH * 2).total_seconds())

    assert [entry.what for entry in await life.diary()] == [f"news of {moment.isoformat()}", "deadline"]


async def test_travel_waits_for_slow_webhooks(world: World) -> None:
    start = datetime.now(UTC)
    life = await world.live("slow", Toy())
    world.stripe.due["slow"] = [start + DAY, start + DAY * 2]
    world.stripe.slow_s = 0.2
    try:
        await world.traveller.travel(life, (DAY * 3).total_seconds())
    finally:
        world.stripe.slow_s = 0.0

    assert [round((entry.at - start) / DAY) for entry in await life.diary()] == [1, 2]


async def test_only_the_simulator_moves_when_the_life_is_over(world: World) -> None:
    start = datetime.now(UTC)
    life = await world.live("over", Toy(ends_at=start + DAY))
    world.stripe.due["over"] = [start + DAY * 400]

    await world.traveller.travel(life, timedelta(days=2).total_seconds())
    now = await world.traveller.travel(life, timedelta(days=3).total_seconds())

    assert timedelta(days=5) - HARDLY <= now - start <= timedelta(days=5) + HARDLY * 2


async def test_two_travels_add_up_when_they_are_asked_for_at_once(world: World) -> None:
    start = datetime.now(UTC)
    life = await world.live("twice", Toy(deadlines=(start + DAY, start + DAY * 3)))

    await asyncio.gather(*(world.traveller.travel(life, (DAY * 2).total_seconds()) for _ in range(2)))

    assert [entry.what for entry in await life.diary()] == ["deadline"] * 2


async def test_each_life_keeps_its_own_time_when_many_travel_side_by_side(world: World) -> None:
    start = datetime.now(UTC)
    lives = [await world.live(f"many-{n}", Toy(deadlines=(start + DAY * n,))) for n in range(1, 6)]

    now = await asyncio.gather(
        *(world.traveller.travel(life, (DAY * n).total_seconds() + 60) for n, life in enumerate(lives, 1))
    )

    assert [(moment - start).days for moment in now] == [1, 2, 3, 4, 5]
    assert [len(await life.diary()) for life in lives] == [1] * 5


async def test_the_traveller_says_what_is_going_on_when_it_does_not_end(world: World) -> None:
    life = await world.live("hangs", Toy(deadlines=(datetime.now(UTC) + DAY,)))
    world.activities.may_go_on.clear()
    try:
        with pytest.raises(NotSettledError, match="activity write, attempt 1, is in progress"):
            await Traveller(world.skipper, world.stripe, settled_within=0.5).travel(life, 2 * DAY.total_seconds())
    finally:
        world.activities.may_go_on.set()

    await world.traveller.travel(life, DAY.total_seconds())
    assert len(await life.diary()) == 1


@pytest.mark.parametrize("seconds", [0, -1, float("nan"), float("inf")])
async def test_time_does_not_move_backwards(world: World, seconds: float) -> None:
    life = ToyLife("nobody", world.client.get_workflow_handle("toy/nobody"))

    with pytest.raises(ValueError, match="time only goes forward"):
        await world.traveller.travel(life, seconds)


async def test_a_life_keeps_its_time_when_the_server_is_killed_and_started_again(tmp_path: Path) -> None:
    async with a_world(tmp_path) as world:
        start = datetime.now(UTC)
        life = await world.live("survivor", Toy(deadlines=(start + DAY * 40,)))
        before = await world.traveller.travel(life, (DAY * 39).total_seconds())

        os.kill(world.server.pid, signal.SIGKILL)
        await world.server.stop()
        await world.server.start()

        after = (await world.traveller.settle(life)).now
        assert timedelta() <= after - before < timedelta(minutes=5)
        await world.traveller.travel(life, (DAY * 2).total_seconds())
        [entry] = await life.diary()
        assert timedelta() <= entry.at - (start + DAY * 40) < HARDLY
