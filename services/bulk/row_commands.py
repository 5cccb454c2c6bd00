"""Sends each row of a bulk run its command: the same update that the API sends, under a key of the run's own."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, Final, Protocol

from temporalio.client import Client

from domain.bulk.actions import ActionKind, BulkAction
from domain.bulk.ports import RowResult
from domain.bulk.runs import BulkRow, BulkRun, RowOutcome, command_key
from domain.errors import GatewayBusy, GatewayRefused, GatewayUnavailable, Rejected
from domain.subscription.commands import CancelAt
from domain.subscription.ends import EndKind
from domain.subscription.lifecycle import Status
from domain.subscription.policy import Policy
from services.mail_retry import MailRetry
from services.overage_report import UnreportedOverage, report_overage
from services.subscription_client import NotRunning, SubscriptionBusy, Update, send_command
from workflows.subscription.messages import AdoptPolicy, Cancel, Command, ExtendTrial, Reactivate, Suspend
from workflows.subscription.workflow import SubscriptionWorkflow

MAIL_NOT_RETRIABLE: Final = "mail_not_retriable"
ATTEMPTS: Final = 2
"""How often a subscription is asked that gives no result; it carries the command out once all the same."""
NOTHING_SENT: Final = "temporal_unavailable"
LONGEST_REST: Final = 5.0
"""Seconds before a subscription whose provider was busy is asked again."""
NOT_RUNNING: Final = RowResult(RowOutcome.REFUSED, NotRunning.code)
"""It ended after it was chosen; or was lost, which reconciliation finds."""


class PublishedPolicies(Protocol):
    """Knows published policies by their version."""

    async def published(self, version: str) -> Policy:
        """Return the policy.

        Raises:
            Rejected: code `unknown_policy`.
        """
        ...


class KnownSubscription(Protocol):
    """A subscription as it was last written."""

    @property
    def external_id(self) -> str:
        """The customer's."""
        ...

    @property
    def status(self) -> str: ...


class KnownSubscriptions(Protocol):
    """Knows subscriptions as they were last written."""

    async def get(self, tenant: str, subscription: str) -> KnownSubscription | None: ...


class SubscriptionMails(Protocol):
    """Knows the mails of a subscription."""

    async def undelivered_of(self, tenant: str, subscription: str) -> Sequence[str]:
        """Return those that wait or were given up."""
        ...


class RowCommandSender:
    """Implements `domain.bulk.ports.RowCommands`."""

    def __init__(
        self,
        client: Client,
        policies: PublishedPolicies,
        subscriptions: KnownSubscriptions,
        overage: UnreportedOverage,
        mails: SubscriptionMails,
        retry: MailRetry,
    ) -> None:
        self._client = client
        self._policies = policies
        self._subscriptions = subscriptions
        self._overage = overage
        self._mails = mails
        self._retry = retry

    async def carry_out(self, run: BulkRun, row: BulkRow) -> RowResult:
        if run.action.kind is ActionKind.RETRY_MAILS:
            return await self._retry_mails(run, row)
        if run.action.kind is ActionKind.CANCEL and run.action.at is CancelAt.NOW:
            await self._report_overage(run, row)
        update, command = await self._command(run, row)
        result = await settled(lambda: send_command(self._client, row.subscription, update, command))
        if result == NOT_RUNNING:
            known = await self._subscriptions.get(run.tenant, row.subscription)
            if known is not None and known.status == Status.CANCELED:
                return RowResult(RowOutcome.REFUSED, "subscription_canceled")
        return result

    async def _retry_mails(self, run: BulkRun, row: BulkRow) -> RowResult:
        """Send what was given up; when nothing is left, an earlier attempt has sent it."""
        for mail in await self._mails.undelivered_of(run.tenant, row.subscription):
            try:
                await self._retry.retry(run.tenant, mail)
            except Rejected as error:
                if error.code != MAIL_NOT_RETRIABLE:  # it was sent meanwhile
                    return RowResult(RowOutcome.REFUSED, error.code)
        return RowResult(RowOutcome.DONE)

    async def _report_overage(self, run: BulkRun, row: BulkRow) -> None:
        known = await self._subscriptions.get(run.tenant, row.subscription)
        if known is not None:
            its = {"external_id": known.external_id, "subscription": row.subscription}
            await report_overage(self._client, self._overage, tenant=run.tenant, **its)

    async def _command(self, run: BulkRun, row: BulkRow) -> tuple[Update[Any], Command]:
        policy = None
        if run.action.kind is ActionKind.MIGRATE_POLICY:
            policy = await self._policies.published(run.action.policy)
        key, actor = command_key(run.id, row.subscription), f"{run.actor.role} {run.actor.id}"
        return command_of(run.action, key, actor, run.reference, policy)


def command_of(
    action: BulkAction, key: str, actor: str, reason: str, policy: Policy | None
) -> tuple[Update[Any], Command]:
    """Return the update that carries an action out, and its command; *policy* is the one to move to."""
    match action.kind:
        case ActionKind.EXTEND_TRIAL:
            return SubscriptionWorkflow.extend_trial, ExtendTrial(key, actor, action.days, reason)
        case ActionKind.SUSPEND:
            return SubscriptionWorkflow.suspend, Suspend(key, actor, reason)
        case ActionKind.REACTIVATE:
            return SubscriptionWorkflow.reactivate, Reactivate(key, actor, reason)
        case ActionKind.CANCEL:
            return SubscriptionWorkflow.cancel, Cancel(key, actor, action.at, reason, by=EndKind.OPERATOR)
        case ActionKind.UNCANCEL:
            return SubscriptionWorkflow.uncancel, Command(key, actor)
        case ActionKind.MIGRATE_POLICY:
            assert policy is not None  # noqa: S101 - looked up by the caller
            return SubscriptionWorkflow.adopt_policy, AdoptPolicy(key, actor, policy)
    raise ValueError(f"{action.kind} is not a command of a subscription's workflow")


async def settled(send: Callable[[], Awaitable[object]]) -> RowResult:
    """Send a command, again if there is no result, and return what came of it.

    Raises:
        GatewayUnavailable: code `temporal_unavailable`; nothing was sent.
    """
    result = RowResult(RowOutcome.UNKNOWN)
    for _ in range(ATTEMPTS):
        try:
            await send()
        except NotRunning:
            return NOT_RUNNING
        except SubscriptionBusy as error:
            result = RowResult(RowOutcome.UNKNOWN, error.code)
        except (Rejected, GatewayRefused) as error:
            return RowResult(RowOutcome.REFUSED, error.code)
        except GatewayBusy as error:
            result = RowResult(RowOutcome.UNKNOWN, error.code)
            await asyncio.sleep(min(error.retry_after, LONGEST_REST))
        except GatewayUnavailable as error:
            if error.code == NOTHING_SENT:
                raise
            result = RowResult(RowOutcome.UNKNOWN, error.code)
        else:
            return RowResult(RowOutcome.DONE)
    return result
