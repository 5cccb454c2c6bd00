"""The context of a command: the caller, the idempotency key, and how the command is executed."""

from dataclasses import dataclass
from typing import Annotated, Any, TypeVar

from fastapi import Depends, Request
from temporalio.workflow import UpdateMethodMultiParam

from api.http.auth import Caller, Operator, Reader, Service
from api.http.dependencies import AppDependencies, Repositories, WithDependencies, WithRepositories
from api.subscriptions.views import SubscriptionView
from domain.errors import Rejected
from services import subscription_client
from services.subscription_client import NotRunning, Update
from storage.subscriptions.read_model import SubscriptionRow
from workflows.subscription.messages import Command

C = TypeVar("C", bound=Command)
R = TypeVar("R")


@dataclass(frozen=True)
class CommandContext:
    """One request that changes a subscription."""

    dependencies: AppDependencies
    repositories: Repositories
    caller: Caller
    key: str
    """Identifies the command, and is the same for a repeat: a digest of the caller's idempotency key."""
    sign_up_key: str
    """The part of the key that goes into the id of a new subscription."""
    reference: str = ""
    """What stands for a reason in the caller's own words, which the audit has; empty: there is none."""

    def reason(self, words: str) -> str:
        """Return what a workflow gets of a reason: a reference to it, so that no history holds somebody's words.

        Raises:
            RuntimeError: the reason was not noted in the audit.
        """
        if not words.strip():
            return ""
        if not self.reference:
            raise RuntimeError("a command with a reason is noted in the audit first")
        return self.reference

    async def row(self, subscription_id: str) -> SubscriptionRow:
        """Return the subscription's latest stored state.

        Raises:
            Rejected: code `unknown_subscription`.
        """
        return await find(self.repositories, self.caller.tenant, subscription_id)

    async def send(self, subscription_id: str, update: UpdateMethodMultiParam[[Any, C], R], command: C) -> R:
        """Send an update to the subscription's workflow and return its result.

        Raises:
            TenureError: the current state does not allow it, or the workflow did not respond in time.
        """
        await self.row(subscription_id)
        try:
            return await subscription_client.send_command(self.dependencies.client, subscription_id, update, command)
        except NotRunning:
            await refuse_ended(self.repositories, self.caller.tenant, subscription_id)
            raise

    async def execute(self, subscription_id: str, update: Update[C], command: C) -> SubscriptionView:
        """Execute a command and return the subscription after it.

        Raises:
            TenureError: the command was rejected, or the workflow did not respond in time.
        """
        await self.send(subscription_id, update, command)
        return SubscriptionView.of(await self.row(subscription_id))


async def find(repositories: Repositories, tenant: str, subscription_id: str) -> SubscriptionRow:
    """Return the subscription's latest stored state.

    Raises:
        Rejected: code `unknown_subscription`.
    """
    row = await repositories.subscriptions.get(tenant, subscription_id)
    if row is None:
        raise Rejected(f"there is no subscription {subscription_id!r}", code="unknown_subscription")
    return row


async def refuse_ended(repositories: Repositories, tenant: str, subscription_id: str) -> None:
    """Raise the reason why a subscription without a running workflow accepts no commands.

    Raises:
        Rejected: always.
    """
    row = await find(repositories, tenant, subscription_id)
    if row.status == "canceled":
        raise Rejected("the subscription is canceled; sign the customer up again", code="subscription_canceled")
    raise Rejected(
        "the subscription has not ended, but its workflow is not running: contact an operator",
        code="not_running",
    )


def _context(
    request: Request, dependencies: WithDependencies, repositories: WithRepositories, caller: Caller
) -> CommandContext:
    state = request.state
    reference = getattr(state, "reference", "")
    return CommandContext(dependencies, repositories, caller, state.command_key, state.sign_up_key, reference)


def preview_context(
    request: Request, dependencies: WithDependencies, repositories: WithRepositories, caller: Reader
) -> CommandContext:
    return _context(request, dependencies, repositories, caller)


def service_context(
    request: Request, dependencies: WithDependencies, repositories: WithRepositories, caller: Service
) -> CommandContext:
    return _context(request, dependencies, repositories, caller)


def operator_context(
    request: Request, dependencies: WithDependencies, repositories: WithRepositories, caller: Operator
) -> CommandContext:
    return _context(request, dependencies, repositories, caller)


PreviewContext = Annotated[CommandContext, Depends(preview_context)]
"""For what is sent like a command and changes nothing."""
ServiceContext = Annotated[CommandContext, Depends(service_context)]
OperatorContext = Annotated[CommandContext, Depends(operator_context)]
