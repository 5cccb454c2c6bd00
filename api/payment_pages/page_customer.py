"""The customer for whom a page is opened."""

from api.http.fields import subscription_id_of
from api.subscriptions.command_context import CommandContext
from api.subscriptions.requests import PageRequest
from domain.errors import Rejected


async def page_customer(context: CommandContext, body: PageRequest) -> tuple[str, str]:
    """Return our id of the customer and the product's own.

    Raises:
        Rejected: code `unknown_subscription` or `unknown_customer`.
    """
    if body.subscription is not None:
        row = await context.row(subscription_id_of(body.subscription))
        return row.customer_id, row.external_id
    assert body.customer is not None  # noqa: S101 - the model requires one of the two
    found = await context.repositories.customers.id_of(tenant=context.caller.tenant, external_id=body.customer)
    if found is None:
        raise Rejected(f"there is no customer {body.customer!r}: sign them up first", code="unknown_customer")
    return found, body.customer
