"""Leaving for the provider's portal, where customers change what stands on their invoices."""

from secrets import token_hex

from fastapi import Response

from activities.wallets import call_with_wallet, customer_ref
from api.billing_pages.visits import Visit
from domain.billing_flows import BillingFlow
from domain.errors import GatewayUnavailable
from domain.subscription.command_keys import hashed
from localization.languages import sentence

CONTINUE = sentence("Continue to your billing details")


async def leave_to_portal(visit: Visit) -> Response:
    """Return a page that leads on to the provider's portal."""
    dependencies, records, customer = (
        visit.dependencies,
        visit.repositories.records(visit.account.tenant),
        visit.account.customer_id,
    )
    limit = visit.repositories.pay_link_limits.at_provider
    if limit.locked():
        raise GatewayUnavailable("too many payment pages are being opened", code="busy")
    # A portal's address works for a few minutes only: each press opens another one, which changes nothing.
    wallets, key = dependencies.wallets, f"{customer}/portal/{hashed(token_hex(16))}"
    return_url, _ = visit.way_back("/billing", "/billing")

    async def opened(known: str, key: str) -> str:
        return await wallets.open_portal(known, return_url, key=key)

    async with limit:
        reference = await customer_ref(wallets, records, customer, key=key)
        _, url = await call_with_wallet(wallets, records, customer, reference, opened, key)
    if not url:
        raise GatewayUnavailable("the payment provider returned no page; try again")
    return visit.leaving(BillingFlow.OVERVIEW, url, CONTINUE)
