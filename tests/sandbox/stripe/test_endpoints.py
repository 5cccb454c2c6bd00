"""How an account is set up, as the simulator shows it; each answer is held to Stripe's description."""

import pytest
import stripe

from tests.sandbox.stripe.shop import Shop


async def test_an_endpoint_is_registered_shown_changed_and_listed(shop: Shop, client: stripe.StripeClient) -> None:
    url = "https://acme.example/hook"
    made = await client.v1.webhook_endpoints.create_async({"url": url, "enabled_events": ["invoice.paid"]})
    assert made.secret is not None
    assert made.secret.startswith("whsec_")

    await client.v1.webhook_endpoints.update_async(made.id, {"enabled_events": ["*"], "disabled": True})

    shown = (await client.v1.webhook_endpoints.retrieve_async(made.id)).to_dict()
    assert (shown["url"], shown["enabled_events"], shown["status"]) == (url, ["*"], "disabled")
    assert "secret" not in shown
    assert [each.id for each in (await client.v1.webhook_endpoints.list_async()).data] == [made.id]


async def test_a_portal_allows_what_is_configured_and_the_first_is_the_default(
    shop: Shop, client: stripe.StripeClient
) -> None:
    portals = client.v1.billing_portal.configurations
    first = await portals.create_async({"features": {"invoice_history": {"enabled": True}}})
    second = await portals.create_async({"features": {"subscription_cancel": {"enabled": True}}})

    await portals.update_async(second.id, {"active": False})

    found = (await portals.retrieve_async(first.id)).to_dict()
    assert found["features"]["invoice_history"]["enabled"]
    assert not found["features"]["subscription_cancel"]["enabled"]
    assert [(each.id, each.is_default) for each in (await portals.list_async({"active": True})).data] == [
        (first.id, True)
    ]


async def test_an_endpoint_without_an_address_is_refused(shop: Shop, client: stripe.StripeClient) -> None:
    with pytest.raises(stripe.InvalidRequestError, match="url"):
        await client.v1.webhook_endpoints.create_async({"enabled_events": ["*"]})  # type: ignore[typeddict-item]
