"""Workflows that an operator starts: start or join a run, and wait for it while a worker is running."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from datetime import timedelta
from typing import Any, TypeVar

from temporalio.client import (
    Client,
    RPCTimeoutOrCancelledError,
    WorkflowFailureError,
    WorkflowHandle,
    WorkflowQueryFailedError,
)
from temporalio.common import WorkflowIDConflictPolicy
from temporalio.service import RPCError

from domain.errors import GatewayUnavailable
from domain.names import LIFECYCLE_QUEUE

ANSWER_TIMEOUT = timedelta(seconds=10)
"""How long a worker may take to pick up the run."""

REPORT_EVERY = 1.0
"""Seconds between two queries for the result so far."""

W = TypeVar("W")
R = TypeVar("R")


async def started(
    client: Client,
    run: Callable[..., Awaitable[R]],
    *args: object,
    workflow_id: str,
    summary: str,
    at_most: timedelta | None = None,
) -> WorkflowHandle[Any, R]:
    """Start a run, or join the run with this id in progress.

    Raises:
        GatewayUnavailable: Temporal rejects it.
    """
    try:
        return await client.start_workflow(
            run,
            args=args,
            id=workflow_id,
            task_queue=LIFECYCLE_QUEUE,
            execution_timeout=at_most,
            id_conflict_policy=WorkflowIDConflictPolicy.USE_EXISTING,
            static_summary=summary,
        )
    except RPCError as error:
        raise GatewayUnavailable(f"Temporal rejected it: {error.message}") from error


async def outcome(
    handle: WorkflowHandle[W, R],
    so_far: Callable[[W], R],
    what: str,
    report: Callable[[R], None] | None = None,
) -> R:
    """Return the result of a run; *what* names it, such as "the roll-up", and any worker answers *so_far* at once.

    Until then *report* is given the result so far, about once a second.

    Raises:
        GatewayUnavailable: no worker answers, or the run failed.
    """
    try:
        await handle.query(so_far, rpc_timeout=ANSWER_TIMEOUT)
    except (RPCTimeoutOrCancelledError, WorkflowQueryFailedError, RPCError) as error:
        raise GatewayUnavailable(
            f"no worker answers: start `tenure worker`; {what} starts as soon as one is running"
        ) from error
    try:
        async with _reporting(handle, so_far, report):
            return await handle.result()
    except WorkflowFailureError as error:
        cause: BaseException | None = error
        while cause is not None and cause.__cause__ is not None:
            cause = cause.__cause__
        raise GatewayUnavailable(f"{what} failed: {cause}") from error
    except RPCError as error:
        raise GatewayUnavailable(f"Temporal does not respond: {error.message}") from error


@asynccontextmanager
async def _reporting(
    handle: WorkflowHandle[W, R], so_far: Callable[[W], R], report: Callable[[R], None] | None
) -> AsyncIterator[None]:
    async def repeat(report: Callable[[R], None]) -> None:
        while True:
            await asyncio.sleep(REPORT_EVERY)
            # Only for show: the result decides what the command says and how it ends.
            with suppress(WorkflowQueryFailedError, RPCTimeoutOrCancelledError, RPCError):
                report(await handle.query(so_far, rpc_timeout=ANSWER_TIMEOUT))

    task = asyncio.create_task(repeat(report)) if report is not None else None
    try:
        yield
    finally:
        if task is not None:
            task.cancel()
