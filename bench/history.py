"""What a usual life leaves in Temporal: 14 days of trial, three reminders, conversion, twelve monthly renewals."""

import os
import tempfile
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path

from opentelemetry.sdk.trace import SpanProcessor
from temporalio.api.enums.v1 import EventType
from temporalio.client import Client

from bench.history_bytes import Run, average_open_bytes, report, without_failed_tasks
from bench.results import Comparison, Result
from sandbox.options import Options
from sandbox.product import Product
from sandbox.stack import running
from services.payload_codec import PayloadKey
from tracing.open_telemetry import OpenTelemetrySpans
from tracing.spans import Spans

CATALOGS = Path(__file__).parents[1] / "catalogs"
RENEWALS = 12
UNTIL_CONVERTED, A_YEAR = timedelta(days=15), timedelta(days=366)

ONE_ACTION_EACH = {
    EventType.EVENT_TYPE_WORKFLOW_EXECUTION_STARTED: "runs started",
    EventType.EVENT_TYPE_TIMER_STARTED: "timers",
    EventType.EVENT_TYPE_ACTIVITY_TASK_SCHEDULED: "activities",
    EventType.EVENT_TYPE_WORKFLOW_EXECUTION_SIGNALED: "signals",
    EventType.EVENT_TYPE_WORKFLOW_EXECUTION_UPDATE_ACCEPTED: "updates",
    EventType.EVENT_TYPE_UPSERT_WORKFLOW_SEARCH_ATTRIBUTES: "search attribute updates",
}
"""What Temporal Cloud bills (docs.temporal.io/cloud/actions); the local activities of a workflow task are one."""

OF_TIME_TRAVEL = (
    EventType.EVENT_TYPE_WORKFLOW_EXECUTION_OPTIONS_UPDATED,
    EventType.EVENT_TYPE_WORKFLOW_EXECUTION_TIME_SKIPPING_TRANSITIONED,
)
"""Written when a clock is moved; a life in real time has none of them."""


@dataclass
class Tally:
    """Counts over the histories of several runs."""

    runs: int = 0
    events: int = 0
    size: int = 0
    largest_run: int = 0
    actions: Counter[str] = field(default_factory=Counter)
    histories: list[Run] = field(default_factory=list)

    def add(self, whole: Run) -> None:
        history = without_failed_tasks([event for event in whole if event.event_type not in OF_TIME_TRAVEL])
        self.histories.append(history)
        size = sum(event.ByteSize() for event in history)
        self.runs += 1
        self.events += len(history)
        self.size += size
        self.largest_run = max(self.largest_run, size)
        tasks_with_markers = set()
        for event in history:
            if event.event_type in ONE_ACTION_EACH:
                self.actions[ONE_ACTION_EACH[event.event_type]] += 1
            elif event.event_type == EventType.EVENT_TYPE_MARKER_RECORDED:
                tasks_with_markers.add(event.marker_recorded_event_attributes.workflow_task_completed_event_id)
            elif event.event_type == EventType.EVENT_TYPE_ACTIVITY_TASK_STARTED:
                self.actions["activity retries"] += event.activity_task_started_event_attributes.attempt - 1
        self.actions["local activities, by workflow task"] += len(tasks_with_markers)

    @property
    def billable(self) -> int:
        return sum(self.actions.values())

    @property
    def open_bytes(self) -> float:
        """Of one workflow's runs: see `average_open_bytes`."""
        return average_open_bytes(self.histories)


@dataclass(frozen=True)
class Budget:
    """What a life may leave in Temporal."""

    events: int
    """Of the subscription's workflow."""
    actions: int
    """Billable ones of the subscription's workflow."""
    open_bytes: int
    """On average over time."""

    def excess(self, life: Tally) -> list[str]:
        """Return what is over the budget, a sentence each."""
        found = (
            ("events of the subscription's workflow", life.events, self.events),
            ("billable actions of the subscription's workflow", life.billable, self.actions),
            ("bytes of an open run on average", round(life.open_bytes), self.open_bytes),
        )
        return [f"{count:,} {what}, {most:,} are allowed" for what, count, most in found if count > most]


@dataclass(frozen=True)
class Left:
    """What a life has left in Temporal."""

    life: Tally
    mails: Tally
    early: int
    """Billable actions until it was converted."""
    way: str
    """How mails were delivered."""

    @property
    def actions(self) -> int:
        return self.life.billable + self.mails.billable


async def measure() -> Result:
    """Live the life on the embedded stack, once with each way to deliver mails; over the budget it is a failure."""
    left = [await _lived(), await _lived(standalone=True)]
    excess = {each for one in left for each in BUDGET.excess(one.life)}
    return Result(
        "\n\n".join(map(_report, left)),
        [each for one in left for each in _comparisons(one)],
        failure="over the budget: " + "; ".join(sorted(excess)) if excess else "",
    )


def _comparisons(left: Left) -> Iterator[Comparison]:
    for what, count, most in (
        ("events of a life", left.life.events, BUDGET.events),
        ("billable actions of a life, without mails", left.life.billable, BUDGET.actions),
        ("bytes of an open run on average", left.life.open_bytes, BUDGET.open_bytes),
    ):
        yield Comparison(f"{what}; mails: {left.way}", count, most, "budget")


async def measure_traced() -> str:
    """Live it twice, the second time traced, and tell what traces add."""
    plain, traced = await _lived(), await _lived(spans=OpenTelemetrySpans(SpanProcessor(), "bench"))
    return "\n".join([_report(plain), "", *_added("traces", plain, traced)])


async def measure_encrypted() -> str:
    """Live it twice, the second time with payloads compressed and encrypted, and tell what that changes."""
    plain, encrypted = await _lived(), await _lived(keys=(PayloadKey("2026-11", os.urandom(32)),))
    return "\n".join([_report(plain), "", *_added("encryption", plain, encrypted)])


async def _lived(*, standalone: bool = False, spans: Spans | None = None, keys: tuple[PayloadKey, ...] = ()) -> Left:
    with tempfile.TemporaryDirectory() as folder:
        catalog, policy = CATALOGS / "manufacturing.yaml", CATALOGS / "policy.yaml"
        options = Options(
            Path(folder),
            catalog,
            policy,
            durable=False,
            ui=False,
            standalone_activities=standalone,
            spans=spans,
            payload_keys=keys,
        )
        async with (
            running(options) as stack,
            Product(stack.addresses) as product,
        ):
            made = await product.sign_up("measured", payment_method="pm_card_visa")
            await product.travel(made["id"], UNTIL_CONVERTED)
            early = await all_actions(stack.client)
            await product.travel(made["id"], A_YEAR)
            past = Counter(entry["kind"] for entry in (await product.timeline(made["id"]))["past"])
            if past["renewed"] != RENEWALS or past["trial_ending"] != 3:
                raise RuntimeError(f"the life went otherwise: {past}")
            life, mails = await tally(stack.client, LIFE), await mails_tally(stack.client)
    return Left(life, mails, early, "an activity by itself each" if standalone else "a workflow each")


BUDGET = Budget(events=204, actions=57, open_bytes=7_000)
"""Of a life as `measure` lives it. With 18 mails that is 75 actions by activities, 93 by workflows."""
LIFE, MAIL = "WorkflowType = 'SubscriptionWorkflow'", "WorkflowType = 'MailWorkflow'"


async def all_actions(client: Client) -> int:
    """Billable actions of everything so far, but for Schedules."""
    return (await tally(client, LIFE)).billable + (await mails_tally(client)).billable


async def mails_tally(client: Client) -> Tally:
    """Of mails: workflows with their histories, and activities by themselves, which have none."""
    counted = await tally(client, MAIL)
    async for found in client.list_activities("ActivityType = 'deliver'"):
        described = await client.get_activity_handle(found.activity_id, run_id=found.activity_run_id).describe()
        counted.runs += 1
        counted.actions["activities"] += described.attempt
    return counted


async def tally(client: Client, query: str) -> Tally:
    """Count over the histories of the workflows that a query finds."""
    counted = Tally()
    async for found in client.list_workflows(query):
        handle = client.get_workflow_handle(found.id, run_id=found.run_id)
        counted.add(list((await handle.fetch_history()).events))
    return counted


def _added(what: str, plain: Left, other: Left) -> Iterator[str]:
    """What a life has more of, as a part of what it has without."""
    yield f"with {what}, of what it is without:"
    for name, before, after in (
        ("bytes of the subscription's runs", plain.life.size, other.life.size),
        ("bytes of the largest run", plain.life.largest_run, other.life.largest_run),
        ("bytes of the mails' runs", plain.mails.size, other.mails.size),
        ("events", plain.life.events + plain.mails.events, other.life.events + other.mails.events),
        ("billable actions", plain.actions, other.actions),
    ):
        yield f"    {after / before:>5.2f}  {name}: {before:,} -> {after:,}"


def _report(left: Left) -> str:
    life, mails, early, way = left.life, left.mails, left.early, left.way
    late = left.actions - early
    lines = [
        f"A life of a 14-day trial, three reminders, conversion and {RENEWALS} renewals",
        f"subscription workflow: {life.events} events, {life.size:,} bytes, {life.billable} billable actions",
        f"in {life.runs} runs, the largest of {life.largest_run:,} bytes, {life.open_bytes:,.0f} open on average:",
        *(f"    {count:>4}  {what}" for what, count in life.actions.most_common() if count),
        *report(life.histories),
        f"its {mails.runs} mails, {way}: {mails.events} events, {mails.billable} actions",
        f"trial and conversion:  {early} actions, mails included",
        f"a month of renewal:    {late / RENEWALS:.1f} actions, mails included",
    ]
    return "\n".join(lines)
