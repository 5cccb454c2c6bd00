"""The sandbox's own account at its Stripe, set up as docs/stripe.md says."""

from typing import Any

import stripe

from gateways.stripe.setup_check import EVENTS


async def register_endpoint(client: stripe.StripeClient, url: str) -> None:
    """Register *url* for our events; the endpoint of an earlier start, on another port, is moved there."""
    endpoints = client.v1.webhook_endpoints
    wanted: Any = {"url": url, "enabled_events": list(EVENTS)}
    known = (await endpoints.list_async({"limit": 1})).data
    if known:
        await endpoints.update_async(known[0].id, wanted)
    else:
        await endpoints.create_async(wanted | {"api_version": stripe.api_version})


async def open_portal(client: stripe.StripeClient) -> None:
    """Let customers see their invoices and change their card, unless the portal is already configured."""
    portals = client.v1.billing_portal.configurations
    if not (await portals.list_async({"is_default": True})).data:
        await portals.create_async(
            {"features": {"payment_method_update": {"enabled": True}, "invoice_history": {"enabled": True}}}
        )
