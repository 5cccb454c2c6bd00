"""Plain renewals are recorded where they are read; all others, and all that goes wrong, by the workflow."""

import asyncio
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, replace
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
from temporalio.api.enums.v1 import EventType

from domain.errors import GatewayUnavailable
from domain.notifications.ports import QueuedMail
from domain.subscription.journal import Step
from domain.subscription.renewals import ExpectedRenewal
from services import subscription_client
from tests.harness.names import a_name
from tests.harness.patience import until
from tests.workflows.conftest import Begin
from tests.workflows.world.life import Life
from tests.workflows.world.world import World
from workflows.subscription import workflow as of_subscriptions

PAID_START = {"trial_days": 0, "payment_method": "visa"}
AN_HOUR = timedelta(hours=1)


class AtOnce:
    """The renewals that were recorded where they were read; afterwards the database may seem to fail."""

    def __init__(self, world: World, monkeypatch: pytest.MonkeyPatch) -> None:
        self.recorded: list[int] = []
        self.fails = False
        self._save = world.records.save_renewal
        monkeypatch.setattr(world.records, "save_renewal", self._noted)

    async def _noted(self, step: Step, expected: ExpectedRenewal) -> Sequence[QueuedMail] | None:
        waiting = await self._save(step, expected)
        if waiting is not None:
            self.recorded.append(step.subscription.sequence)
        if self.fails:
            raise GatewayUnavailable("the connection was lost before the answer came")
        return waiting


@pytest.fixture
def at_once(world: World, monkeypatch: pytest.MonkeyPatch) -> AtOnce:
    return AtOnce(world, monkeypatch)


async def is_as_recorded(life: Life) -> bool:
    """Whether the workflow has the state that the database has."""
    current, stored = await life.current(), life.subscription
    # Only the workflow knows that it has set a hold, until its next step.
    return asdict(replace(current, is_held=stored.is_held)) == asdict(stored)


async def test_a_plain_renewal_is_recorded_without_a_step_of_the_workflow(begin: Begin, at_once: AtOnce) -> None:
    life = await begin(**PAID_START)
    await life.live_until("renew")
    await life.live_until("renew")

    assert (life.kinds["renewed"], life.mails["receipt"], life.bills) == (2, 3, Counter(paid=3))
    assert len(at_once.recorded) == 2
    assert await is_as_recorded(life)
    history = await life.handle.fetch_history()
    kinds = Counter(event.event_type for event in history.events)
    assert kinds[EventType.EVENT_TYPE_MARKER_RECORDED] == 2  # signed up, converted


async def test_both_ways_leave_the_same(world: World, at_once: AtOnce, monkeypatch: pytest.MonkeyPatch) -> None:
    lives = []
    for revision in (1, 2):
        monkeypatch.setattr(subscription_client, "RUN_REVISION", revision)
        monkeypatch.setattr(of_subscriptions, "RUN_REVISION", revision)
        life = await world.sign_up(a_name("both-ways"), payment_method="visa")
        await life.live_until_converted()
        for _ in range(7):
            await life.live_until("renew")
        assert life.kinds["renewed"] == 7
        assert await is_as_recorded(life)
        lives.append(life)

    old, new = lives
    assert len(at_once.recorded) == 7
    for table, rows in left(old).items():
        assert left(new)[table] == rows, table


def left(life: Life) -> dict[str, list[Any]]:
    """All that a life has left in the database: ids by the order in which they first occur, times since its begin."""
    records, began = life.world.records, life.subscription.created_at
    known: dict[str, str] = {}
    rows: dict[str, list[Any]] = {
        "steps": [asdict(records.steps[life.id])],
        "journal": [asdict(entry) for entry in life.journal],
        "mails": [
            asdict(each.mail) | {"status": each.status}
            for each in records.mails.values()
            if each.subscription == life.id
        ],
        "invoices": [asdict(each) for each in life.invoices],
        "movements": [asdict(each) for (id_, _, _), each in sorted(records.movements.items()) if id_ == life.id],
        "events": [asdict(each) for each in records.events.values() if each.subscription == life.id],
    }
    return {table: [_plain(row, began, known) for row in found] for table, found in rows.items()}


IDS = re.compile(r"sha256:[0-9a-f]+|[0-9a-f]{8}-[0-9a-f-]{27}|[a-z]+_[0-9a-f]*[0-9][0-9a-f]*|both-ways-[0-9a-f]+")
MOMENTS = re.compile(r"20\d\d-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?Z")


def _plain(value: Any, began: datetime, known: dict[str, str]) -> Any:
    if isinstance(value, dict):
        return {name: _plain(each, began, known) for name, each in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(each, began, known) for each in value]
    if isinstance(value, datetime):
        return round((value - began) / AN_HOUR)
    if isinstance(value, UUID | str):
        text = MOMENTS.sub(lambda found: str(_plain(datetime.fromisoformat(found[0]), began, known)), str(value))
        return IDS.sub(lambda found: known.setdefault(found[0], f"id {len(known)}"), text)
    return value


async def test_messages_that_come_twice_late_and_in_the_wrong_order_change_nothing(
    begin: Begin, world: World, at_once: AtOnce
) -> None:
    life = await begin(**PAID_START)
    await life.live_until("renew")
    await life.live_until("renew")
    before, state = life.journal, life.subscription

    past = [event for _, event in world.provider.payments.books.past]
    await world.post.deliver([*reversed(past), *past], redelivered=True)
    await life.wake()
    await life.settle()

    assert (life.journal, life.subscription) == (before, state)
    assert await is_as_recorded(life)
    assert len(at_once.recorded) == 2


async def test_a_message_that_comes_after_the_next_period_has_begun_renews_for_both(
    begin: Begin, world: World, at_once: AtOnce
) -> None:
    life = await begin(**PAID_START)
    world.provider.loses_messages = True
    await life.live_until("renew")
    await life.live_until("ask_provider")
    world.provider.heal()

    await life.live_until("renew")

    assert life.kinds["renewed"] == 2
    assert len(at_once.recorded) == 1
    assert await is_as_recorded(life)


@pytest.mark.parametrize(
    ("name", "body", "then"),
    [
        ("cancel", {}, ["cancel_scheduled"]),
        ("change-plan", {"plan": "professional"}, ["plan_changed"]),
        ("pause", {}, ["paused"]),
    ],
)
async def test_a_command_that_comes_while_the_renewal_is_read_is_taken_after_it(
    begin: Begin, world: World, monkeypatch: pytest.MonkeyPatch, name: str, body: dict[str, str], then: list[str]
) -> None:
    life = await begin(**PAID_START)
    is_read, goes_on = asyncio.Event(), asyncio.Event()
    read = world.records.latest_step

    async def slowly(subscription: str) -> Any:
        is_read.set()
        await goes_on.wait()
        return await read(subscription)

    monkeypatch.setattr(world.records, "latest_step", slowly)
    living = asyncio.ensure_future(life.live_until("renew"))
    await is_read.wait()
    commanding = asyncio.ensure_future(life.command(name, settles=False, **body))
    await asyncio.sleep(0)
    goes_on.set()
    await asyncio.gather(living, commanding)
    await life.settle()

    kinds = [entry.kind for entry in life.journal]
    assert kinds[2:] == ["renewed", *then]
    assert await is_as_recorded(life)


async def test_a_declined_renewal_begins_a_recovery(begin: Begin, at_once: AtOnce) -> None:
    life = await begin(**PAID_START)

    await life.live_until_declined("insufficient_funds")
    life.card_answers("ok")
    await life.command("payment-method", payment_method="mastercard")

    assert life.status == ("active", "full")
    assert at_once.recorded == []
    assert await is_as_recorded(life)


async def test_a_year_renews_by_its_workflow_which_schedules_the_next_notices(begin: Begin, at_once: AtOnce) -> None:
    life = await begin(interval="year", **PAID_START)

    await life.live_until("renew")

    assert (life.kinds["renewed"], at_once.recorded) == (1, [])
    assert life.subscription.notices
    assert await is_as_recorded(life)


async def test_a_change_at_the_renewal_is_made_by_the_workflow(begin: Begin, at_once: AtOnce) -> None:
    life = await begin(plan="professional", **PAID_START)
    await life.command("change-plan", plan="starter", when="period_end")

    await life.live_until("change_plan")

    assert (life.subscription.plan, at_once.recorded) == ("starter", [])
    assert await is_as_recorded(life)


async def test_a_payment_while_suspended_by_an_operator_is_noted_by_the_workflow(begin: Begin, at_once: AtOnce) -> None:
    life = await begin(**PAID_START)
    await life.command("suspend", reason="fraud")

    await life.live(timedelta(days=40))

    assert (life.status[0], at_once.recorded) == ("suspended", [])
    assert await is_as_recorded(life)


async def test_an_attempt_that_dies_after_it_has_recorded_is_repeated(
    begin: Begin, world: World, at_once: AtOnce
) -> None:
    life = await begin(**PAID_START)
    at_once.fails = True
    living = asyncio.ensure_future(life.live_until("renew"))
    await until(lambda: bool(at_once.recorded))
    at_once.fails = False
    await living
    await life.settle()

    assert (life.kinds["renewed"], life.mails["receipt"]) == (1, 2)
    assert len(at_once.recorded) == 1
    assert await is_as_recorded(life)


async def test_a_renewal_of_which_no_answer_came_is_found_recorded(
    begin: Begin, world: World, at_once: AtOnce, monkeypatch: pytest.MonkeyPatch
) -> None:
    life = await begin(**PAID_START)
    at_once.fails = world.mail_server.is_down = True

    async def silent(subscription: str) -> Any:
        if at_once.recorded and at_once.fails:
            raise GatewayUnavailable("the database does not respond")
        return await read(subscription)

    read = world.records.latest_step
    monkeypatch.setattr(world.records, "latest_step", silent)
    await life.live_until("renew")
    monkeypatch.setattr(world.records, "latest_step", read)
    await life.live(2 * AN_HOUR)

    assert (life.kinds["renewed"], life.bills, life.kinds["blocked"]) == (1, Counter(paid=2), 0)
    assert len(at_once.recorded) == 1
    assert await is_as_recorded(life)


async def test_a_renewal_that_cannot_be_read_is_closed_shown_as_blocked_and_recorded_later(
    begin: Begin, world: World, at_once: AtOnce
) -> None:
    life = await begin(**PAID_START)
    world.provider.calls.fail("provider_state")
    await life.live_until("renew")
    await life.live(2 * AN_HOUR)
    assert life.subscription.blocked is not None
    assert life.subscription.blocked.action == "hear"
    assert await is_as_recorded(life)

    world.provider.heal()
    await life.live(2 * AN_HOUR)

    assert life.subscription.blocked is None
    assert (life.kinds["renewed"], life.mails["receipt"], at_once.recorded) == (1, 2, [])
    assert await is_as_recorded(life)
    await life.live_until("renew")
    assert len(at_once.recorded) == 1
    assert await is_as_recorded(life)
