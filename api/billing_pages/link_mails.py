"""Mails a one-time link to customers who cannot log in."""

import structlog
from starlette.background import BackgroundTask

from api.http.dependencies import AppDependencies, Repositories
from domain.billing_flows import BillingFlow
from domain.errors import GatewayUnavailable
from storage.subscriptions.billing_accounts import BillingAccount

log = structlog.get_logger("tenure.web")


def in_background(
    tenant: str, address: str, dependencies: AppDependencies, repositories: Repositories
) -> BackgroundTask:
    """Return the task that mails a link to every customer of the tenant with this address.

    It runs after the response: how long that takes says nothing about whether there is one.
    """
    return BackgroundTask(_send_to_address, tenant, address, dependencies, repositories)


async def _send_to_address(
    tenant: str, address: str, dependencies: AppDependencies, repositories: Repositories
) -> None:
    try:
        for account in await repositories.billing_accounts.by_address(tenant, address):
            await send_link(account, BillingFlow.OVERVIEW, dependencies, repositories)
    except GatewayUnavailable as error:
        # The page has been answered already: who gets no mail asks again.
        log.warning("a link that was asked for was not mailed", error=error.message)


async def send_link(
    account: BillingAccount, flow: BillingFlow, dependencies: AppDependencies, repositories: Repositories
) -> None:
    """Mail a link to a customer. What cannot be dispatched now is dispatched by the next sweep.

    Raises:
        GatewayUnavailable: the database does not answer.
    """
    queued = await repositories.billing_link_mails.write(account, flow, dependencies.signing)
    if queued is None:
        return
    try:
        await repositories.mail_dispatcher.dispatch([queued])
        await repositories.usage_notices.handed_over([queued], account.tenant)
    except GatewayUnavailable as error:
        log.warning("a mail waits for the next sweep", mail=queued.id, error=error.message)
