"""The check of an account: what is missing is named, with the place to fix it."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import httpx
import pytest
import stripe

from domain.findings import Finding
from gateways.stripe.catalog_push import push
from gateways.stripe.permissions import FOR_OVERAGE, PERMISSIONS, missing
from gateways.stripe.setup_check import EVENTS, ExpectedSetup, check_setup
from sandbox.stripe import StripeSimulator
from tests.gateways.rig import API_KEY, CATALOG, Wire

URL = "https://billing.acme.example/webhooks/stripe"
WANTED = ExpectedSetup(API_KEY, URL, 1, CATALOG)


async def looked_over(client: stripe.StripeClient, expected: ExpectedSetup = WANTED) -> Mapping[str, Finding]:
    return {check.subject: check for check in await check_setup(client, expected)}


async def register(client: stripe.StripeClient, *events: str, **more: Any) -> str:
    params: Any = {"url": URL, "enabled_events": list(events), "api_version": stripe.api_version}
    return (await client.v1.webhook_endpoints.create_async(params | more)).id


async def open_portal(client: stripe.StripeClient, **features: Any) -> None:
    allowed: Any = {"payment_method_update": {"enabled": True}, "invoice_history": {"enabled": True}}
    await client.v1.billing_portal.configurations.create_async({"features": allowed | features})


async def set_up(client: stripe.StripeClient) -> None:
    await push(client, CATALOG)
    await register(client, *EVENTS)
    await open_portal(client)


async def test_everything_missing_from_an_empty_account_is_reported(client: stripe.StripeClient) -> None:
    found = await looked_over(client)

    assert {subject for subject, check in found.items() if not check.is_fine} == {"catalog", "webhook", "portal"}
    assert "`tenure catalog push`" in found["catalog"].words
    assert f"no endpoint is registered for {URL}" in found["webhook"].words
    assert all(event in found["webhook"].words for event in EVENTS)
    assert "has no settings yet" in found["portal"].words


async def test_a_complete_setup_has_no_findings_and_the_check_changes_nothing(
    client: stripe.StripeClient, wire: Wire
) -> None:
    await set_up(client)

    found = await looked_over(client)

    assert [check for check in found.values() if not check.is_fine] == []
    assert found["key"].words == "works, in test mode, a secret key; a restricted key can do less harm"
    assert len((await client.v1.customers.list_async({"limit": 10})).data) == 0


@pytest.mark.parametrize(
    ("events", "more", "is_fine", "told"),
    [
        (EVENTS[1:], {}, False, f"the endpoint does not receive {EVENTS[0]}"),
        ((*EVENTS, "plan.created"), {}, True, "and plan.created, which is stored and skipped"),
        (("*",), {}, True, "and everything else"),
        (EVENTS, {"api_version": "2024-06-20"}, False, "has API version 2024-06-20, not"),
    ],
    ids=["missing", "extra", "all", "version"],
)
async def test_an_endpoint_must_receive_our_events_in_our_version(
    client: stripe.StripeClient, events: tuple[str, ...], more: dict[str, Any], is_fine: bool, told: str
) -> None:
    await register(client, *events, **more)

    webhook = (await looked_over(client))["webhook"]

    assert webhook.is_fine is is_fine
    assert told in webhook.words


async def test_a_disabled_endpoint_is_reported(client: stripe.StripeClient) -> None:
    endpoint = await register(client, *EVENTS)
    await client.v1.webhook_endpoints.update_async(endpoint, {"disabled": True})

    webhook = (await looked_over(client))["webhook"]

    assert not webhook.is_fine
    assert "the endpoint is disabled: enable it" in webhook.words


async def test_two_endpoints_with_one_url_are_reported(client: stripe.StripeClient) -> None:
    for _ in range(2):
        await register(client, *EVENTS)

    webhook = (await looked_over(client))["webhook"]

    assert not webhook.is_fine
    assert "2 endpoints are registered" in webhook.words


async def test_a_rolled_secret_is_not_forgotten(client: stripe.StripeClient) -> None:
    await register(client, *EVENTS)

    webhook = (await looked_over(client, ExpectedSetup(API_KEY, URL, 2, CATALOG)))["webhook"]

    assert webhook.is_fine
    assert "2 signing secrets are accepted" in webhook.words


@pytest.mark.parametrize(
    ("features", "told"),
    [
        ({"subscription_cancel": {"enabled": True}}, "customers can cancel there, bypassing Tenure"),
        ({"subscription_update": {"enabled": True}}, "customers can change their plan there, bypassing Tenure"),
        ({"subscription_pause": {"enabled": True}}, "customers can pause there, bypassing Tenure"),
        ({"payment_method_update": {"enabled": False}}, "customers cannot change their card"),
        ({"invoice_history": {"enabled": False}}, "customers cannot see their invoices"),
    ],
)
async def test_a_portal_that_allows_other_things_is_reported(
    client: stripe.StripeClient, features: dict[str, Any], told: str
) -> None:
    await open_portal(client, **features)

    portal = (await looked_over(client))["portal"]

    assert not portal.is_fine
    assert told in portal.words


async def test_a_live_key_requires_an_https_url(client: stripe.StripeClient) -> None:
    found = await looked_over(client, ExpectedSetup("rk_live_1", "http://localhost/webhooks/stripe", 1, CATALOG))

    assert not found["key"].is_fine
    assert "TENURE_PUBLIC_URL is not an https address" in found["key"].words


class Doorman(Wire):
    """A wire on which some paths are forbidden, as they are to a restricted key."""

    def __init__(self, *forbidden: tuple[str, str]) -> None:
        super().__init__()
        self._forbidden = forbidden

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        for method, path in self._forbidden:
            if request.method == method and request.url.path.startswith(path):
                told = {"error": {"type": "invalid_request_error", "message": "no permission for rk_test_***"}}
                return httpx.Response(403, content=json.dumps(told).encode(), request=request)
        return await super().handle_async_request(request)


async def test_permissions_that_a_restricted_key_lacks_are_named(simulator: StripeSimulator) -> None:
    http = stripe.HTTPXClient()
    await http.close_async()  # type: ignore[no-untyped-call]
    doorman = Doorman(("GET", "/v1/disputes"), ("POST", "/v1/customers"), ("GET", "/v1/webhook_endpoints"))
    http._client_async = httpx.AsyncClient(transport=doorman)
    addresses: Any = {"api": simulator.base_url}
    client = stripe.StripeClient(API_KEY, base_addresses=addresses, http_client=http, max_network_retries=0)

    found = await looked_over(client)
    await http.close_async()  # type: ignore[no-untyped-call]

    assert found["permissions"].words.startswith("the key lacks Customers: Write; Disputes: Read (docs/stripe.md")
    assert not found["permissions"].is_fine
    assert found["webhook"].is_fine, "whether it is registered cannot be seen"
    assert "check it manually" in found["webhook"].words


async def test_permissions_for_overage_are_required_only_where_plans_have_it(simulator: StripeSimulator) -> None:
    http = stripe.HTTPXClient()
    await http.close_async()  # type: ignore[no-untyped-call]
    doorman = Doorman(("GET", "/v1/billing/meters"), ("POST", "/v1/billing/meter_events"), ("POST", "/v1/invoiceitems"))
    http._client_async = httpx.AsyncClient(transport=doorman)
    addresses: Any = {"api": simulator.base_url}
    client = stripe.StripeClient(API_KEY, base_addresses=addresses, http_client=http, max_network_retries=0)

    without, lacking = await missing(client), await missing(client, with_overage=True)
    doorman._forbidden = ()
    with_all = await missing(client, with_overage=True)
    await http.close_async()  # type: ignore[no-untyped-call]

    assert (without, with_all) == ([], [])
    assert lacking == ["Billing meter events: Write", "Billing meters: Read", "Invoice items: Write"]


async def test_a_wrong_key_is_reported_and_never_shown(client: stripe.StripeClient, simulator: StripeSimulator) -> None:
    http = stripe.HTTPXClient()
    addresses: Any = {"api": simulator.base_url}
    other = stripe.StripeClient("sk_test_other", base_addresses=addresses, http_client=http, max_network_retries=0)

    found = await looked_over(other)
    await http.close_async()  # type: ignore[no-untyped-call]

    assert list(found) == ["key"]
    assert not found["key"].is_fine
    assert "Stripe does not accept our key" in found["key"].words
    assert "sk_test_other" not in found["key"].words


def test_the_page_on_stripe_has_every_permission() -> None:
    page = (Path(__file__).parents[3] / "docs" / "stripe.md").read_text()
    for permission in (*PERMISSIONS, *FOR_OVERAGE):
        assert f"| {permission.resource} |" in page, permission.words
