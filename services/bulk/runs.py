"""Starts the workflows of bulk runs, and pauses, resumes and stops them."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from datetime import timedelta
from typing import Final, Protocol
from uuid import UUID, uuid5

from temporalio.client import Client, RPCTimeoutOrCancelledError, WorkflowUpdateFailedError
from temporalio.common import WorkflowIDConflictPolicy, WorkflowIDReusePolicy
from temporalio.exceptions import WorkflowAlreadyStartedError
from temporalio.service import RPCError, RPCStatusCode
from temporalio.workflow import UpdateMethodMultiParam

from activities.failures import as_tenure_error
from domain.bulk.actions import ActionKind, BulkAction
from domain.bulk.previews import Choice, Verdict
from domain.bulk.runs import BulkRun, NewRun, Order, RunState, Tally
from domain.errors import GatewayUnavailable, Rejected
from domain.names import LIFECYCLE_QUEUE, bulk_workflow_id
from workflows.bulk import BulkInput, BulkWorkflow

RUNS: Final = UUID("4f6c8d0e-52f1-4f0c-9d0b-6f1d7b3a9c11")
"""The namespace of runs' ids, which are made of their commands' keys."""
START_TIMEOUT = timedelta(seconds=5)
ANSWER_TIMEOUT = timedelta(seconds=25)
"""How long a caller waits until no row is in progress."""
REPEAT = "repeat the request with the same Idempotency-Key"

Control = UpdateMethodMultiParam[[BulkWorkflow], Tally]


def in_words(action: BulkAction) -> str:
    """What is done to each subscription, for operators."""
    match action.kind:
        case ActionKind.EXTEND_TRIAL:
            return f"extend trials by {action.days} day{'s' if action.days != 1 else ''}"
        case ActionKind.CANCEL:
            return f"cancel at {action.at.replace('_', ' ')}" if action.at == "period_end" else "cancel now"
        case ActionKind.MIGRATE_POLICY:
            return f"move to policy {action.policy}"
        case ActionKind.RETRY_MAILS:
            return "send mails again that were given up"
    return action.kind.replace("_", " ")


class RunRecords(Protocol):
    """Runs, for the tenant that each call names."""

    async def create(self, run: NewRun, chosen: Sequence[Verdict]) -> bool:
        """Fix a run and its rows; False if it is there."""
        ...

    async def get(self, tenant: str, run: str) -> BulkRun:
        """Return a run.

        Raises:
            Rejected: code `unknown_bulk_run`.
        """
        ...

    async def enter(self, run: str, state: RunState, tenant: str | None = None) -> Tally:
        """Write what a run is doing, unless it is over; rows that wait when it is stopped are skipped."""
        ...


class BulkRunService:
    """Starts and controls bulk runs. Safe to repeat.

    A run whose workflow is gone, as after a restore, is controlled by its record: a subscription carries it out once.
    """

    def __init__(self, client: Client, runs: RunRecords) -> None:
        self._client = client
        self._runs = runs

    async def start(self, tenant: str, order: Order, choose: Callable[[], Awaitable[Choice]]) -> BulkRun:
        """Fix a run's rows, as they are chosen now, and start its workflow; a repeat under its key chooses none again.

        Raises:
            Rejected: code `bulk_changed`; it would be done for another number of subscriptions than is expected.
            GatewayUnavailable: its rows are fixed, and whether its workflow has begun is not known.
        """
        id_ = str(uuid5(RUNS, f"{tenant}/{order.key}"))
        run = await self._known(tenant, id_)
        if run is None:
            choice = await choose()
            _check_expected(choice.preview.would_be_done, order.expected)
            await self._runs.create(_new(id_, tenant, choice, order), choice.verdicts)
            run = await self._runs.get(tenant, id_)
        if run.state is RunState.STARTING:
            await self._begin(run)
        return run

    async def pause(self, tenant: str, run: str) -> BulkRun:
        """Pause a run, and return it once none of its rows is in progress.

        Raises:
            Rejected: code `unknown_bulk_run`, `bulk_run_over`, or `bulk_not_begun`.
            GatewayUnavailable: it has not said so in time.
        """
        return await self._told(tenant, run, BulkWorkflow.pause, RunState.PAUSED)

    async def resume(self, tenant: str, run: str) -> BulkRun:
        """Let a run go on, or begin; raises as `pause` does."""
        known = await self._runs.get(tenant, run)
        if known.state is RunState.STARTING and await self._begin(known):
            return known
        return await self._told(tenant, run, BulkWorkflow.resume, RunState.RUNNING)

    async def stop(self, tenant: str, run: str) -> BulkRun:
        """End a run: the rows that wait are skipped; raises as `pause` does, but also ends one that has not begun."""
        return await self._told(tenant, run, BulkWorkflow.stop, RunState.STOPPED)

    async def _known(self, tenant: str, run: str) -> BulkRun | None:
        try:
            return await self._runs.get(tenant, run)
        except Rejected:
            return None

    async def _begin(self, run: BulkRun, *, again: bool = False) -> bool:
        """Start its workflow if it has none; False if it had one that has ended, unless it begins *again*."""
        what = in_words(run.action)
        reuse = WorkflowIDReusePolicy.ALLOW_DUPLICATE if again else WorkflowIDReusePolicy.REJECT_DUPLICATE
        try:
            async with asyncio.timeout(START_TIMEOUT.total_seconds()):
                await self._client.start_workflow(
                    BulkWorkflow.run,
                    BulkInput(run.id, what, run.rate, tally=run.tally),
                    id=bulk_workflow_id(run.id),
                    task_queue=LIFECYCLE_QUEUE,
                    id_conflict_policy=WorkflowIDConflictPolicy.USE_EXISTING,
                    id_reuse_policy=reuse,
                    static_summary=f"Bulk: {what}, {run.tally.waiting} subscriptions",
                    static_details=f"Asked for by {run.actor.role} `{run.actor.id}`; reason `{run.reference}`",
                )
        except WorkflowAlreadyStartedError:
            return False
        except (TimeoutError, RPCError, RuntimeError) as error:  # the last: a client that has not connected yet
            raise GatewayUnavailable(
                f"Temporal did not take the run, whose subscriptions are fixed: {error}", code="temporal_unavailable"
            ) from error
        return True

    async def _told(self, tenant: str, run: str, update: Control, wanted: RunState) -> BulkRun:
        known = await self._runs.get(tenant, run)
        if known.state.is_over:
            raise _over()
        if not await self._ask(known, update):
            await self._enter_without_workflow(tenant, run, wanted)
        return await self._runs.get(tenant, run)

    async def _enter_without_workflow(self, tenant: str, run: str, wanted: RunState) -> None:
        known = await self._runs.get(tenant, run)
        # A workflow records the end before it ends: it may have done so just now.
        if known.state.is_over:
            raise _over()
        if wanted is RunState.RUNNING:
            await self._begin(known, again=True)
        elif wanted is RunState.PAUSED and known.state is RunState.STARTING:
            raise _not_begun()
        else:
            await self._runs.enter(run, wanted, tenant)

    async def _ask(self, run: BulkRun, update: Control) -> bool:
        """Have its workflow do something, and wait until it does; False if it has none that runs."""
        handle = self._client.get_workflow_handle(bulk_workflow_id(run.id))
        try:
            async with asyncio.timeout(ANSWER_TIMEOUT.total_seconds()):
                await handle.execute_update(update)
        except WorkflowUpdateFailedError as error:
            raise as_tenure_error(error.cause) or error from error
        except (TimeoutError, RPCTimeoutOrCancelledError) as error:
            raise GatewayUnavailable(
                f"a subscription of the run is still in progress; {REPEAT}", code="still_working"
            ) from error
        except RPCError as error:
            if error.status is RPCStatusCode.NOT_FOUND:
                return False
            raise GatewayUnavailable(f"Temporal does not respond: {error}", code="temporal_unavailable") from error
        except RuntimeError as error:
            raise GatewayUnavailable(f"Temporal is unreachable: {error}", code="temporal_unavailable") from error
        return True


def _new(id_: str, tenant: str, choice: Choice, order: Order) -> NewRun:
    return NewRun(
        id_, tenant, choice.action, choice.filter, choice.inverse_of, order.actor, order.reference, order.rate
    )


def _check_expected(now: int, expected: int) -> None:
    if now != expected:
        raise Rejected(
            f"{now} subscriptions would be changed now, and {expected} were expected: preview the run again",
            code="bulk_changed",
            details={"would_be_done": now},
        )


def _over() -> Rejected:
    return Rejected("the bulk run has ended", code="bulk_run_over")


def _not_begun() -> Rejected:
    return Rejected("the bulk run's workflow has not begun: resume it, which begins it", code="bulk_not_begun")
