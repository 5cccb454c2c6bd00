"""What an endpoint that changes something works with: who asks, under which key, and how the answer comes about."""

from dataclasses import dataclass
from typing import Annotated, Any, TypeVar

from fastapi import Depends, Request
from temporalio.workflow import UpdateMethodMultiParam

from api.http.auth import Caller, Operator, Service
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
    """One request that changes something."""

    dependencies: AppDependencies
    repositories: Repositories
    caller: Caller
    key: str
    """Names the command: the same for a repeat of the same request. A digest of what the caller sent."""
    sign_up_key: str
    """The same for the id of a subscription that the request begins."""

    async def row(self, subscription_id: str) -> SubscriptionRow:
        """The subscription as last written.

        Raises:
            Rejected: code `unknown_subscription`.
        """
        return await find(self.repositories, self.caller.tenant, subscription_id)

    async def ask(self, subscription_id: str, update: UpdateMethodMultiParam[[Any, C], R], command: C) -> R:
        """Have the subscription answer a question that only it can answer.

        Raises:
            TenureError: the question makes no sense as things stand, or no answer came in time.
        """
        await self.row(subscription_id)
        try:
            return await subscription_client.carry_out(self.dependencies.client, subscription_id, update, command)
        except NotRunning:
            await refuse_ended(self.repositories, self.caller.tenant, subscription_id)
            raise

    async def carry_out(self, subscription_id: str, update: Update[C], command: C) -> SubscriptionView:
        """Have the subscription carry out a command, and show it as it is then.

        Raises:
            TenureError: the command was refused, or no answer came in time.
        """
        await self.ask(subscription_id, update, command)
        return SubscriptionView.of(await self.row(subscription_id))


async def find(repositories: Repositories, tenant: str, subscription_id: str) -> SubscriptionRow:
    """The subscription as last written.

    Raises:
        Rejected: code `unknown_subscription`.
    """
    row = await repositories.subscriptions.get(tenant, subscription_id)
    if row is None:
        raise Rejected(f"there is no subscription {subscription_id!r}", code="unknown_subscription")
    return row


async def refuse_ended(repositories: Repositories, tenant: str, subscription_id: str) -> None:
    """Say why a subscription without a running workflow takes no command.

    Raises:
        Rejected: always.
    """
    row = await find(repositories, tenant, subscription_id)
    if row.status == "canceled":
        raise Rejected("the subscription is canceled; sign the customer up again", code="subscription_canceled")
    raise Rejected(
        "the subscription's workflow is not running although the subscription is not over: tell an operator",
        code="not_running",
    )


def _context(
    request: Request, dependencies: WithDependencies, repositories: WithRepositories, caller: Caller
) -> CommandContext:
    return CommandContext(dependencies, repositories, caller, request.state.command_key, request.state.sign_up_key)


def service_context(
    request: Request, dependencies: WithDependencies, repositories: WithRepositories, caller: Service
) -> CommandContext:
    return _context(request, dependencies, repositories, caller)


def operator_context(
    request: Request, dependencies: WithDependencies, repositories: WithRepositories, caller: Operator
) -> CommandContext:
    return _context(request, dependencies, repositories, caller)


ServiceContext = Annotated[CommandContext, Depends(service_context)]
OperatorContext = Annotated[CommandContext, Depends(operator_context)]
