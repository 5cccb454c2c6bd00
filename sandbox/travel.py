"""Time travel: moves the clock of one subscription, both in its workflow and at the simulated Stripe.

A step goes to the next time at which either side has something due (a *boundary*), lets it happen, and waits until
everything that follows from it has happened too. After a year's travel, everything has happened at its own date.

Between moves both clocks run with the real one: a second that a step takes is a second in both.

One thing differs from reality: whenever a workflow's clock has been moved, the server immediately retries an activity
that was waiting for its next attempt (Temporal 1.32). Next attempts are boundaries too, so a retry is early only if
something else comes between.
"""

import asyncio
import math
from collections import defaultdict
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Protocol

from temporalio.api.enums.v1 import PendingActivityState
from temporalio.api.workflow.v1 import PendingActivityInfo
from temporalio.client import WorkflowExecutionDescription, WorkflowExecutionStatus, WorkflowHandle
from temporalio.service import RPCError, RPCStatusCode
from temporalio.testing import TimeSkipper, TimeSkippingConfig

APPROACH = timedelta(seconds=2)
"""How long before its own deadline a workflow gets Stripe's events for the same time. Delivery takes real time, during
which the clock runs; with less, the deadline would pass meanwhile."""

AT_HAND = timedelta(milliseconds=25)
"""The clock is moved to this much before a time; real time does the rest, so that no work is done while the server
skips time. Work that ends just as it arrives could make it skip once more, a month too far (Temporal 1.32)."""

ONE_HOP = TimeSkippingConfig(enabled=False, max_session_skip_count=1)
"""The server skips only to the next timer or retry, for the same reason."""

HOPS = 500
OVERDUE = "the workflow has not yet done what was due at"
WOKEN_AFTER = 10.0
"""Seconds that something is overdue before the workflow is woken. A last resort: the one known cause, a timer set
again after a query to a new worker, is ruled out by the workflow itself (`ReadAheadError`)."""
SETTLED_WITHIN = 120.0
WEBHOOKS_PATIENCE = 1.0
FIRST_LOOK, LAST_LOOK = 0.02, 0.1


class NotSettledError(TimeoutError):
    """Something was still in progress at the timeout; the message says what."""


@dataclass(frozen=True)
class Standing:
    """A workflow's answer to a query about itself."""

    busy: bool
    """It has events that it has not processed yet."""
    due_at: datetime | None
    """When it will act next."""
    over: bool
    """It is over."""


Version = tuple[str, int]
"""A workflow's run, and the length of its history."""

OVER = Standing(busy=False, due_at=None, over=True)


class Simulated(Protocol):
    """The simulated Stripe: a clock for each customer, and webhooks."""

    def now(self, customer: str) -> datetime: ...
    def next_boundary(self, customer: str) -> datetime | None: ...
    async def advance(self, customer: str, to: datetime, /) -> None:
        """Move the clock to *to*, doing everything due by then; a past time changes nothing."""

    def hold_webhooks(self, customer: str) -> None: ...
    async def release_webhooks(self, customer: str) -> None: ...
    async def webhooks_settled(self, customer: str, within: float, /) -> bool: ...


class Life(Protocol):
    """One subscription, from outside."""

    @property
    def customer(self) -> str: ...
    @property
    def handle(self) -> WorkflowHandle[Any, Any]: ...
    async def standing(self) -> Standing: ...
    async def outside_settled(self) -> bool:
        """True if every received webhook was handled and every due mail was sent."""

    async def wake(self) -> None:
        """Wake the workflow, so that it checks what is due."""


@dataclass(frozen=True)
class Sight:
    """The state of a subscription while nothing is in progress anywhere."""

    now: datetime
    standing: Standing
    due_at: datetime | None
    """When the workflow acts next: its plan, or the next attempt of a failed activity."""
    version: Version
    """Changes whenever anything is added to the workflow's history."""


Watch = Callable[[datetime], Awaitable[None]]
"""Called when everything due at a time has happened, with the subscription's time."""


async def nobody_watches(_now: datetime, /) -> None:
    """The watch of a travel without an observer."""


class Traveller:
    """Moves subscriptions through time: one travel at a time per customer, different customers concurrently."""

    def __init__(
        self,
        skipper: TimeSkipper,
        simulator: Simulated,
        *,
        settled_within: float = SETTLED_WITHIN,
        woken_after: float = WOKEN_AFTER,
    ) -> None:
        self._skipper = TimeSkipper(skipper.client, config=ONE_HOP)
        self._simulator = simulator
        self._settled_within = settled_within
        self._woken_after = woken_after
        self._locks: defaultdict[str, asyncio.Lock] = defaultdict(asyncio.Lock)
        self._answers: dict[str, tuple[Version, Standing]] = {}
        """The latest answer of each customer's workflow, and of which state of it."""

    async def travel(self, life: Life, seconds: float, watch: Watch = nobody_watches) -> datetime:
        """Move one subscription's clock by *seconds* and return its new time.

        *watch* is called after every step on the way, including the last.

        Raises:
            ValueError: *seconds* is not positive.
            NotSettledError: something did not finish in time.

        """
        if not (math.isfinite(seconds) and seconds > 0):
            raise ValueError(f"time only goes forward: seconds must be above 0, not {seconds}")
        async with self._locks[life.customer]:
            sight = await self.settle(life)
            target = sight.now + timedelta(seconds=seconds)
            while True:
                moments = (target, sight.due_at, self._simulator.next_boundary(life.customer))
                moment = min(moment for moment in moments if moment is not None)
                sight = await self._reach(life, sight, moment)
                await watch(sight.now)
                if moment >= target:
                    return sight.now

    async def settle(self, life: Life) -> Sight:
        """Wait until everything in progress is done: webhooks, workflow, and its effects outside.

        The workflow is looked at first and last, and must be idle both times, with an unchanged history between. So
        neither has it caused anything outside, after a place was checked there, nor was it notified of anything.

        Raises:
            NotSettledError: it did not finish in time.

        """
        clock = asyncio.get_running_loop().time
        deadline, on_time_at = clock() + self._settled_within, clock()
        quiet: Sight | None = None
        pause = FIRST_LOOK
        while True:
            sight = await self._look(life, quiet)
            if not (isinstance(sight, str) and sight.startswith(OVERDUE)):
                on_time_at = clock()
            elif clock() - on_time_at > self._woken_after:
                on_time_at = clock()
                await life.wake()
            if isinstance(sight, Sight):
                if quiet is not None and quiet.version == sight.version:
                    return sight
                quiet = sight
            else:
                quiet = None
            if clock() > deadline:
                raise self._not_settled(life, sight if isinstance(sight, str) else "its history keeps growing")
            if quiet is None:
                await asyncio.sleep(pause)
                pause = min(pause * 1.5, LAST_LOOK)

    async def _reach(self, life: Life, sight: Sight, moment: datetime) -> Sight:
        """Let everything happen that is due at *moment*: Stripe's part first, since a workflow waits for its events."""
        boundary = self._simulator.next_boundary(life.customer)
        has_news = boundary is not None and boundary <= moment
        is_awaited = sight.due_at is not None and sight.due_at < moment + APPROACH
        async with self._webhooks_held(life.customer):
            await self._advance(life.customer, moment)
            await self._fast_forward(life, moment - APPROACH if has_news and is_awaited else moment)
        sight = await self.settle(life)
        for _ in range(HOPS):
            if sight.now >= moment:
                return sight
            # It was to get Stripe's events first, or has a timer that it did not report.
            await self._fast_forward(life, moment)
            sight = await self.settle(life)
        raise self._not_settled(life, f"its clock is at {sight.now}")

    async def _advance(self, customer: str, moment: datetime) -> None:
        await self._simulator.advance(customer, moment)
        left = self._simulator.next_boundary(customer)
        if left is not None and left <= moment:
            raise RuntimeError(f"the simulator was moved to {moment} and still has something due at {left}")

    @asynccontextmanager
    async def _webhooks_held(self, customer: str) -> AsyncIterator[None]:
        self._simulator.hold_webhooks(customer)
        try:
            yield
        finally:
            await self._simulator.release_webhooks(customer)

    async def _fast_forward(self, life: Life, moment: datetime) -> None:
        """Move the workflow's clock to *moment*, or to what is due before; ignores one that has ended."""
        handle = self._latest_run(life)
        description = await handle.describe()
        if description.status is not WorkflowExecutionStatus.RUNNING:
            return
        way = moment - _now(description)
        if way > AT_HAND:
            await self._hop(life, description, way - AT_HAND)
        await asyncio.sleep(max(min(way, AT_HAND).total_seconds(), 0))

    async def _hop(self, life: Life, description: WorkflowExecutionDescription, way: timedelta) -> None:
        handle = self._latest_run(life)
        try:
            # Returns when the clock is there, which takes until no activity or task is in progress.
            async with asyncio.timeout(self._settled_within):
                await self._skipper.fast_forward(handle, way)
        except TimeoutError as error:
            raise self._not_settled(life, "; ".join(_under_way(description)) or "its clock does not move") from error
        except RPCError as error:
            if error.status is not RPCStatusCode.NOT_FOUND:  # NOT_FOUND: it has ended meanwhile
                raise

    async def _look(self, life: Life, before: Sight | None) -> Sight | str:
        """Check the workflow, and then the places outside, in the order in which events travel: Stripe, the inbox.

        Returns the subscription's state, or in words what is in progress. The first activity found ends the check:
        each place costs a call, and will be checked again. If nothing has been added to the workflow's history since
        *before*, a look at which all were idle, the places outside are not checked again.
        """
        description = await self._latest_run(life).describe()
        now, version = _now(description), (description.run_id, description.history_length)
        if under_way := "; ".join(_under_way(description)):
            return under_way
        is_running = description.status is WorkflowExecutionStatus.RUNNING
        standing = await self._standing(life, version) if is_running else OVER
        if standing.over:
            sight: Sight | str = Sight(self._simulator.now(life.customer), standing, None, version)
        else:
            sight = _at_rest(description, standing, now, version)
        if isinstance(sight, str) or (before is not None and before.version == version):
            return sight
        return await self._under_way_outside(life) or sight

    async def _standing(self, life: Life, version: Version) -> Standing:
        """Ask a workflow once for each state of its history, since its answer depends on nothing else."""
        known, standing = self._answers.get(life.customer, (None, OVER))
        if known != version:
            standing = await life.standing()
            if not standing.busy:
                self._answers[life.customer] = version, standing
        return standing

    async def _under_way_outside(self, life: Life) -> str:
        if not await self._simulator.webhooks_settled(life.customer, WEBHOOKS_PATIENCE):
            return "webhooks are being delivered"
        if not await life.outside_settled():
            return "webhooks are being handled or mails are being sent"
        return ""

    def _latest_run(self, life: Life) -> WorkflowHandle[Any, Any]:
        """Return a handle for the subscription's latest run, whichever run *life* refers to."""
        return self._skipper.client.get_workflow_handle(life.handle.id)

    def _not_settled(self, life: Life, why: str) -> NotSettledError:
        return NotSettledError(f"{life.handle.id} did not become idle within {self._settled_within:g} s: {why}")


def _now(description: WorkflowExecutionDescription) -> datetime:
    """Return the workflow's time: real time until its clock is moved for the first time."""
    extended = description.raw_description.workflow_extended_info
    if not extended.HasField("time_skipping_info"):
        return datetime.now(UTC)
    return extended.time_skipping_info.current_time.ToDatetime(tzinfo=UTC)


def _at_rest(
    description: WorkflowExecutionDescription, standing: Standing, now: datetime, version: Version
) -> Sight | str:
    """Return a workflow's state, or in words what it is about to do."""
    next_attempt_at = min(_next_attempts(description), default=None)
    if standing.busy and next_attempt_at is None:
        return "the workflow has events to process"
    due_at = standing.due_at
    if due_at is not None and due_at <= now:
        if next_attempt_at is None:
            return f"{OVERDUE} {due_at}"
        # What was due may be what is being retried.
        due_at = None
    return Sight(now, standing, min(filter(None, (due_at, next_attempt_at)), default=None), version)


def _next_attempts(description: WorkflowExecutionDescription) -> Iterator[datetime]:
    """Return when failed activities are retried."""
    for activity in description.raw_description.pending_activities:
        if _is_waiting(activity, _now(description)):
            yield activity.next_attempt_schedule_time.ToDatetime(tzinfo=UTC)


def _under_way(description: WorkflowExecutionDescription) -> Iterator[str]:
    if description.raw_description.HasField("pending_workflow_task"):
        yield "a workflow task waits for a worker or is in progress"
    for activity in description.raw_description.pending_activities:
        name = f"activity {activity.activity_type.name}, attempt {activity.attempt}"
        if activity.state != PendingActivityState.PENDING_ACTIVITY_STATE_SCHEDULED:
            yield f"{name}, is in progress"
        elif not _is_waiting(activity, _now(description)):
            yield f"{name}, waits for a worker"


def _is_waiting(activity: PendingActivityInfo, now: datetime) -> bool:
    return (
        activity.state == PendingActivityState.PENDING_ACTIVITY_STATE_SCHEDULED
        and activity.HasField("next_attempt_schedule_time")
        and activity.next_attempt_schedule_time.ToDatetime(tzinfo=UTC) > now
    )
