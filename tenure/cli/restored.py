"""What only an operator knows after a restore: `tenure restored` and `tenure customers put-back`."""

import asyncio

from pydantic import ValidationError
from temporalio.client import RPCTimeoutOrCancelledError, WorkflowQueryFailedError
from temporalio.service import RPCError, RPCStatusCode

from api.subscriptions.requests import CustomerRequest
from configuration.loading import Process, load_settings
from domain.audit import AuditTarget
from domain.errors import GatewayUnavailable, Malformed, Rejected
from domain.names import subscription_workflow_id
from domain.subscription.state import Subscription
from storage.events.feed import begin_anew
from storage.events.other_server import put_first
from storage.subscriptions.customers import Customers
from storage.usage.overage_reports import UsageReports
from tenure.cli.audited import noted
from tenure.cli.connections import database, temporal
from workflows.subscription.workflow import SubscriptionWorkflow


def restored() -> None:
    """After a restore: mark waiting overage as possibly reported, and restart the feed of events.

    Run it before the workers, once. Overage that waits to be reported may have been since: the provider knows a report
    for a day, within which it is repeated; later it is left to `tenure usage report`. The feed of events begins again,
    and those of another server are put first in it.
    """
    waiting, moved = asyncio.run(_restored())
    print(f"{waiting} overage records may have been reported since the backup, and are marked so")
    if moved:
        print(f"{moved} events were written on another server, and are now first in the feed")
    print("readers of the events feed must start again without a cursor")


async def _restored() -> tuple[int, int]:
    async with database(load_settings(Process.RESTORED)) as engine, noted(engine, "restored"):
        await begin_anew(engine)
        return await UsageReports(engine).may_have_been_reported(), await put_first(engine)


def put_back(
    subscription: str,
    /,
    *,
    external_id: str,
    email: str,
    name: str | None = None,
    timezone: str = "UTC",
    locale: str = "en",
) -> None:
    """After a restore: put back the customer of a subscription that was begun after the backup.

    Its workflow knows our id of them, and nothing that names them. `tenure reconcile --fix` then writes the
    subscription again.

    Parameters
    ----------
    subscription
        Its id, as `row_missing` is listed with.
    external_id
        The product's own id of the customer.
    email
        Their address.
    name
        Their name.
    timezone
        Their time zone.
    locale
        Their language.
    """
    contact = _contact(
        {"external_id": external_id, "email": email, "name": name, "timezone": timezone, "locale": locale}
    )
    customer = asyncio.run(_put_back(subscription, contact))
    print(f"customer {customer} is back: now run `tenure reconcile --fix`")


def _contact(given: dict[str, str | None]) -> dict[str, str | None]:
    """As it would have been stored at their sign-up."""
    try:
        return CustomerRequest.model_validate(given).model_dump()
    except ValidationError as error:
        wrong = error.errors(include_url=False)[0]
        field = str(wrong["loc"][0])
        words = wrong["msg"].removeprefix("Value error, ")
        raise Malformed(f"--{field.replace('_', '-')} {given[field]!r}: {words}", field=field) from None


async def _put_back(subscription: str, contact: dict[str, str | None]) -> str:
    settings = load_settings(Process.CUSTOMERS_PUT_BACK)
    client = await temporal(settings)
    target = AuditTarget("subscription", subscription)
    try:
        handle = client.get_workflow_handle(subscription_workflow_id(subscription))
        running: Subscription = await handle.query(SubscriptionWorkflow.current)
    except RPCError as error:
        if error.status is not RPCStatusCode.NOT_FOUND:
            raise GatewayUnavailable(f"Temporal does not respond: {error.message}") from error
        raise Rejected(f"no workflow of subscription {subscription!r} is known", code="unknown_subscription") from error
    except (WorkflowQueryFailedError, RPCTimeoutOrCancelledError) as error:
        raise GatewayUnavailable("its workflow does not respond: are the workers running?") from error
    async with database(settings) as engine, noted(engine, "customers put-back", target, tenant=running.tenant):
        customers = Customers(engine)
        await customers.put_back(running.customer, running.tenant, customer_ref=running.customer_ref or None, **contact)
    return running.customer
