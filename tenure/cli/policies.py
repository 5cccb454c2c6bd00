"""`tenure policy push` publishes a policy; `migrate` moves running subscriptions to another one."""

import asyncio
import hashlib
import json
import sys
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import asdict, dataclass
from datetime import timedelta
from pathlib import Path
from typing import Annotated
from uuid import uuid4

from cyclopts import Parameter
from temporalio.client import Client, RPCTimeoutOrCancelledError, WorkflowQueryFailedError
from temporalio.service import RPCError, RPCStatusCode

from configuration.loading import Process, load_settings
from configuration.policy_file import load_policy
from domain.audit import AuditTarget
from domain.errors import GatewayUnavailable, Rejected, TenureError
from domain.names import subscription_workflow_id
from domain.subscription.policy import Policy
from services.subscription_client import NotRunning, SubscriptionBusy, send_command
from services.update_outcomes import NO_RESULT
from storage.catalog.policies import Policies
from storage.subscriptions.read_model import LiveSubscription, Subscriptions
from tenure.cli.audited import noted
from tenure.cli.connections import database, hold_to_payload_keys, temporal
from workflows.subscription.messages import AdoptPolicy
from workflows.subscription.workflow import SubscriptionWorkflow

ACTOR = "operator tenure policy migrate"
ANSWER_TIMEOUT = timedelta(seconds=10)
"""How long a workflow may take to report its policy; without a worker it never does."""
PAGE = 100
AT_ONCE = 10
"""Subscriptions that are moved concurrently."""


def push(file: Path, *, in_place: Annotated[bool, Parameter(negative="")] = False) -> None:
    """Publish a policy, so that no process offers another one under its version; safe to repeat.

    `tenure api` publishes its policy when it starts, too, and does not start with one that differs from what is
    published under the same version. Running subscriptions keep the policy that they have: see `tenure policy migrate`.

    Parameters
    ----------
    file
        The policy.
    in_place
        Replace what is published under this version. Then restart every API and worker with this file.
    """
    asyncio.run(_push(load_policy(file), in_place=in_place))


async def _push(policy: Policy, *, in_place: bool) -> None:
    async with (
        database(load_settings(Process.POLICY_PUSH)) as engine,
        noted(engine, "policy push", AuditTarget("policy", policy.version)),
    ):
        is_new = await Policies(engine).publish(policy, in_place=in_place)
    print(f"{'published' if is_new else 'published already'}: policy {policy.version}")


def migrate(
    file: Path,
    *,
    plan: str | None = None,
    subscription: str | None = None,
    dry_run: Annotated[bool, Parameter(negative="")] = False,
) -> None:
    """Move running subscriptions to the policy in a file; a recovery in progress keeps its steps.

    Safe to repeat: subscriptions already on this policy stay as they are. Exits with status 1 if any
    could not be moved.

    Parameters
    ----------
    file
        The policy.
    plan
        Only subscriptions to the plan with this code.
    subscription
        Only the subscription with this id.
    dry_run
        Only show what would be moved.
    """
    policy = load_policy(file)
    if not asyncio.run(_migrate(policy, Choice(plan, subscription), dry_run=dry_run)):
        sys.exit(1)


@dataclass(frozen=True)
class Choice:
    """Which subscriptions to move; None does not restrict."""

    plan: str | None = None
    subscription: str | None = None


async def _migrate(policy: Policy, choice: Choice, *, dry_run: bool) -> bool:
    """True if every subscription was moved."""
    settings = load_settings(Process.POLICY)
    client = await temporal(settings)
    run = str(uuid4())
    done = failed = 0
    async with AsyncExitStack() as exits:
        engine = await exits.enter_async_context(database(settings))
        await hold_to_payload_keys(settings, engine)
        if not dry_run:
            await exits.enter_async_context(noted(engine, "policy migrate", AuditTarget("policy", policy.version)))
        async for page in _pages(Subscriptions(engine), choice):
            for row, was, wrong in await asyncio.gather(*_moves(client, page, policy, run, dry_run=dry_run)):
                done, failed = (done + 1, failed) if wrong is None else (done, failed + 1)
                result = f"{was} -> {policy.version}" if wrong is None else f"FAILED: {wrong}"
                print(f"{row.id}  {row.plan:<14} {row.status:<10} {result}", flush=True)
    if choice.subscription is not None and not done + failed:
        raise Rejected(f"there is no running subscription {choice.subscription}", code="unknown_subscription")
    print(f"{done} {'would move' if dry_run else 'moved'} to policy {policy.version}, {failed} failed")
    return not failed


async def _pages(subscriptions: Subscriptions, choice: Choice) -> AsyncIterator[list[LiveSubscription]]:
    after: str | None = None
    while page := await subscriptions.live(plan=choice.plan, subscription=choice.subscription, after=after, limit=PAGE):
        yield page
        after = page[-1].id


Move = tuple[LiveSubscription, str, str | None]
"""The subscription, its version before, and why the move failed, if it did."""


def _moves(
    client: Client, page: list[LiveSubscription], policy: Policy, run: str, *, dry_run: bool
) -> "list[asyncio.Task[Move]]":
    turns = asyncio.Semaphore(AT_ONCE)

    async def move(row: LiveSubscription) -> Move:
        async with turns:
            try:
                was = await version_of(client, row.id)
                if not dry_run:
                    await move_to(client, row.id, policy, run)
            except NotRunning:
                return row, "", "its workflow is gone"
            except TenureError as error:
                return row, "", error.message
            return row, was, None

    return [asyncio.create_task(move(row)) for row in page]


async def version_of(client: Client, subscription: str) -> str:
    """Return the version of a subscription's policy.

    Raises:
        NotRunning: its workflow is gone.
        GatewayUnavailable: no worker answers, or Temporal does not.
    """
    handle = client.get_workflow_handle(subscription_workflow_id(subscription))
    try:
        async with asyncio.timeout(ANSWER_TIMEOUT.total_seconds()):
            return await handle.query(SubscriptionWorkflow.policy_version)
    except (TimeoutError, RPCTimeoutOrCancelledError) as error:
        raise GatewayUnavailable("no worker answers") from error
    except WorkflowQueryFailedError as error:
        raise GatewayUnavailable(f"the workflow does not respond: {error}") from error
    except RPCError as error:
        if error.status is RPCStatusCode.NOT_FOUND:
            raise NotRunning("the subscription's workflow is gone") from error
        raise GatewayUnavailable(f"no worker answers: {error.message}") from error


async def move_to(client: Client, subscription: str, policy: Policy, run: str) -> None:
    """Move a subscription to *policy*; nothing changes if it is on it.

    *run* is an id of this run of the command. Without it a subscription that comes back to a policy that it had would
    take that for a repetition of the earlier move.

    Raises:
        NotRunning: its workflow has ended or is gone.
        GatewayUnavailable: no answer came in time.
    """
    command = AdoptPolicy(f"policy/{policy.version}/{digest(policy)}/{run}", ACTOR, policy)
    try:
        await send_command(client, subscription, SubscriptionWorkflow.adopt_policy, command)
    except SubscriptionBusy as error:
        raise GatewayUnavailable("the subscription is busy: run the command again") from error
    except GatewayUnavailable as error:
        if error.code in NO_RESULT:
            raise GatewayUnavailable("no answer in time: run the command again") from error
        raise


def digest(policy: Policy) -> str:
    """A digest of a policy's content, to distinguish two policies of the same version."""
    return hashlib.sha256(json.dumps(asdict(policy), sort_keys=True).encode()).hexdigest()[:16]
