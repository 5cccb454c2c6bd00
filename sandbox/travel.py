"""Time travel: moves the clock of one subscription, in its workflow and at the simulated Stripe alike.

A step goes to the next moment at which either side has something due (a *boundary*), lets it happen, and waits until
everything that follows from it has happened too. So after a year's travel each thing has taken place at its own date.

Both clocks go on with the real one while they are not moved: a second that a step takes is a second in both.

One thing is not as in life: whenever its workflow's clock has been moved, the server at once tries an activity again
that was waiting for its next attempt (Temporal 1.32). Next attempts are boundaries too, so it is early only where
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
"""So long before its own deadline a workflow hears what Stripe has for the same moment. Hearing takes real time, in
which the clock goes on; a shorter approach would let the deadline pass meanwhile."""

AT_HAND = timedelta(milliseconds=25)
"""The clock is moved to so little before a moment; the real clock goes the rest, so no work is done while the server
skips time. Work that ends just as it arrives could make it hop once more, a month too far (Temporal 1.32)."""

ONE_HOP = TimeSkippingConfig(enabled=False, max_session_skip_count=1)
"""The server skips to the next timer or retry and no further; for the same reason."""

HOPS = 500
OVERDUE = "the workflow is about to do what was due at"
WOKEN_AFTER = 10.0
"""So many seconds something is overdue before the workflow is woken. A last resort: the one known cause, a timer set
again after a query to a new worker, is ruled out by the workflow itself (`ReadAheadError`)."""
SETTLED_WITHIN = 120.0
WEBHOOKS_PATIENCE = 1.0
FIRST_LOOK, LAST_LOOK = 0.005, 0.1


class NotSettledError(TimeoutError):
    """Something was still going on when the time to wait for it was over; the message says what."""


@dataclass(frozen=True)
class Standing:
    """What a workflow says of itself."""

    busy: bool
    """It has news that it has not dealt with yet."""
    due_at: datetime | None
    """When it will next do something by itself."""
    over: bool
    """It will do nothing any more."""


OVER = Standing(busy=False, due_at=None, over=True)


class Simulated(Protocol):
    """The clock that the simulated Stripe keeps for each customer, and the webhooks that follow from it."""

    def now(self, customer: str) -> datetime: ...
    def next_boundary(self, customer: str) -> datetime | None: ...
    async def advance(self, customer: str, to: datetime, /) -> None:
        """Go to a moment, doing all that is due by then; a moment that is past already changes nothing."""

    def hold_webhooks(self, customer: str) -> None: ...
    async def release_webhooks(self, customer: str) -> None: ...
    async def webhooks_settled(self, customer: str, within: float, /) -> bool: ...


class Life(Protocol):
    """One subscription, seen from outside."""

    @property
    def customer(self) -> str: ...
    @property
    def handle(self) -> WorkflowHandle[Any, Any]: ...
    async def standing(self) -> Standing: ...
    async def outside_settled(self) -> bool:
        """Tell whether every webhook that came in was handled and every mail that is due was sent."""

    async def wake(self) -> None:
        """Have the workflow look up, and see what is due."""


@dataclass(frozen=True)
class Sight:
    """How a subscription stands at a moment at which nothing is going on in any of the places that take part."""

    now: datetime
    standing: Standing
    due_at: datetime | None
    """When the next thing happens in the workflow by itself: what it plans, or the next attempt of what has failed."""
    version: tuple[str, int]
    """Differs whenever anything was added to the workflow's history."""


Watch = Callable[[datetime], Awaitable[None]]
"""Is called when all that was due at a moment has happened, with the subscription's time then."""


async def nobody_watches(_now: datetime, /) -> None:
    """The watch of a travel that nobody looks at."""


class Traveller:
    """Moves subscriptions through time: one travel per customer at a time, different customers side by side."""

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

    async def travel(self, life: Life, seconds: float, watch: Watch = nobody_watches) -> datetime:
        """Let *seconds* go by for one subscription and return the time that it then has.

        *watch* is called after every step on the way, the last one included.

        Raises:
            ValueError: time only goes forward.
            NotSettledError: what had begun did not come to an end.

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
        """Wait until all that has begun is done: webhooks, workflow, and what it set going outside.

        All must be quiet twice, with the workflow's history unchanged between. One look is not enough: as the places
        are looked at in turn, news could always be where the look has just been.

        Raises:
            NotSettledError: there is no end to it.

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
        """Let everything happen that is due at *moment*: Stripe's part first, as a workflow expects its news."""
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
            # It was to hear Stripe first, or has a timer that it did not tell of.
            await self._fast_forward(life, moment)
            sight = await self.settle(life)
        raise self._not_settled(life, f"its clock stands at {sight.now}")

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
        """Move the workflow's clock to *moment*, or to what it has to do before; one that has ended is left alone."""
        handle = self._latest_run(life)
        description = await handle.describe()
        if description.status is not WorkflowExecutionStatus.RUNNING:
            return
        way = moment - _now(description)
        if way > AT_HAND:
            await self._hop(life, description, way - AT_HAND)
            way = moment - _now(await handle.describe())
        await asyncio.sleep(max(min(way, AT_HAND).total_seconds(), 0))

    async def _hop(self, life: Life, description: WorkflowExecutionDescription, way: timedelta) -> None:
        handle = self._latest_run(life)
        try:
            # Answers when the clock is there, which takes until no activity or task is under way.
            async with asyncio.timeout(self._settled_within):
                await self._skipper.fast_forward(handle, way)
        except TimeoutError as error:
            raise self._not_settled(life, "; ".join(_under_way(description)) or "its clock stands") from error
        except RPCError as error:
            if error.status is not RPCStatusCode.NOT_FOUND:  # NOT_FOUND: it has ended meanwhile
                raise

    async def _look(self, life: Life, before: Sight | None) -> Sight | str:
        """See how things stand, in the order in which news travels: Stripe, the inbox, the workflow.

        Returns how the subscription stands, or in words what has begun and is not done. Whatever is found going on
        ends the look: each place costs a call, and it will be looked at again.
        """
        if not await self._simulator.webhooks_settled(life.customer, WEBHOOKS_PATIENCE):
            return "webhooks are being delivered"
        if not await life.outside_settled():
            return "webhooks are being handled or mails sent"
        description = await self._latest_run(life).describe()
        now, version = _now(description), (description.run_id, description.history_length)
        if under_way := "; ".join(_under_way(description)):
            return under_way
        standing = OVER
        if description.status is WorkflowExecutionStatus.RUNNING:
            # What a workflow says of itself follows from its history alone.
            is_as_before = before is not None and before.version == version
            standing = before.standing if before is not None and is_as_before else await life.standing()
        if standing.over:
            return Sight(self._simulator.now(life.customer), standing, None, version)
        return _at_rest(description, standing, now, version)

    def _latest_run(self, life: Life) -> WorkflowHandle[Any, Any]:
        """Return a handle that follows the subscription from run to run, whichever run *life* holds one of."""
        return self._skipper.client.get_workflow_handle(life.handle.id)

    def _not_settled(self, life: Life, why: str) -> NotSettledError:
        return NotSettledError(f"{life.handle.id} did not come to rest within {self._settled_within:g} s: {why}")


def _now(description: WorkflowExecutionDescription) -> datetime:
    """Return the workflow's own time: the real one until its clock was moved for the first time."""
    extended = description.raw_description.workflow_extended_info
    if not extended.HasField("time_skipping_info"):
        return datetime.now(UTC)
    return extended.time_skipping_info.current_time.ToDatetime(tzinfo=UTC)


def _at_rest(
    description: WorkflowExecutionDescription, standing: Standing, now: datetime, version: tuple[str, int]
) -> Sight | str:
    """Return how a workflow stands, or in words what it is about to do."""
    next_attempt_at = min(_next_attempts(description), default=None)
    if standing.busy and next_attempt_at is None:
        return "the workflow has news to deal with"
    due_at = standing.due_at
    if due_at is not None and due_at <= now:
        if next_attempt_at is None:
            return f"{OVERDUE} {due_at}"
        # What was due may be what is being tried again.
        due_at = None
    return Sight(now, standing, min(filter(None, (due_at, next_attempt_at)), default=None), version)


def _next_attempts(description: WorkflowExecutionDescription) -> Iterator[datetime]:
    """Tell when activities that have failed are tried again."""
    for activity in description.raw_description.pending_activities:
        if _is_waiting(activity, _now(description)):
            yield activity.next_attempt_schedule_time.ToDatetime(tzinfo=UTC)


def _under_way(description: WorkflowExecutionDescription) -> Iterator[str]:
    if description.raw_description.HasField("pending_workflow_task"):
        yield "a workflow task waits for a worker or is being worked on"
    for activity in description.raw_description.pending_activities:
        name = f"activity {activity.activity_type.name}, attempt {activity.attempt}"
        if activity.state != PendingActivityState.PENDING_ACTIVITY_STATE_SCHEDULED:
            yield f"{name}, is being worked on"
        elif not _is_waiting(activity, _now(description)):
            yield f"{name}, waits for a worker"


def _is_waiting(activity: PendingActivityInfo, now: datetime) -> bool:
    return (
        activity.state == PendingActivityState.PENDING_ACTIVITY_STATE_SCHEDULED
        and activity.HasField("next_attempt_schedule_time")
        and activity.next_attempt_schedule_time.ToDatetime(tzinfo=UTC) > now
    )
