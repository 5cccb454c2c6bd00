"""Checks that a Stripe account is set up as docs/stripe.md says: the key, the webhook endpoint, the customer portal."""

from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import stripe

from domain.catalog.plans import Catalog
from domain.errors import TenureError
from domain.findings import Finding
from gateways.stripe.catalog_push import push
from gateways.stripe.errors import translated
from gateways.stripe.keys import is_live
from gateways.stripe.permissions import missing
from gateways.stripe.webhooks import CUSTOMER_UPDATED, EVENT_KINDS

EVENTS = (*EVENT_KINDS, CUSTOMER_UPDATED)
"""The events that the webhook endpoint must receive."""
ALL_EVENTS = "*"

MANUAL_CHECKS = (
    ("retries", "no Smart Retries and no retry schedule: Billing > Revenue recovery > Retries"),
    ("failures", "when retries fail, leave subscription and invoice past due: Settings > Billing > Subscriptions"),
    ("pauses", "no pause on a first or final payment failure: Settings > Billing > Subscriptions"),
    ("mails", "no mails to customers about renewals, failures, cards or invoices: Settings > Billing > Subscriptions"),
    ("receipts", "no mails about successful payments and refunds: Settings > Customer emails"),
    ("disputes", "a dispute leaves the subscription as it is: Settings > Billing > Subscriptions"),
)
"""Settings that no API call reveals, and where to check them."""


@dataclass(frozen=True)
class ExpectedSetup:
    """The setup that our settings require."""

    key: str
    webhook_url: str
    secrets: int
    catalog: Catalog


Check = Callable[[stripe.StripeClient, ExpectedSetup], Awaitable[Finding]]


async def check_setup(client: stripe.StripeClient, expected: ExpectedSetup) -> list[Finding]:
    """Every check, in the order in which to fix them. With an invalid key, only the key's."""
    try:
        with translated():
            key = await _key(client, expected)
    except TenureError as error:
        return [Finding("key", False, error.message)]
    checks: Sequence[tuple[str, Check]] = (
        ("permissions", _permissions),
        ("account", _account),
        ("catalog", _catalog),
        ("webhook", _webhook),
        ("portal", _portal),
    )
    return [key, *[await _run(subject, check(client, expected)) for subject, check in checks]]


async def _run(subject: str, check: Awaitable[Finding]) -> Finding:
    try:
        with translated():
            return await check
    except TenureError as error:
        return Finding(subject, False, error.message)


async def _key(client: stripe.StripeClient, expected: ExpectedSetup) -> Finding:
    with suppress(stripe.PermissionError):  # reported by the check of the permissions
        await client.v1.prices.list_async({"limit": 1})
    mode = "live" if is_live(expected.key) else "test"
    kind = "restricted" if expected.key.startswith("rk_") else "secret"
    if is_live(expected.key) and not expected.webhook_url.startswith("https://"):
        return Finding(
            "key", False, "a live key, but TENURE_PUBLIC_URL is not an https address: Stripe would not deliver there"
        )
    advice = "" if kind == "restricted" else "; a restricted key can do less harm"
    return Finding("key", True, f"works, in {mode} mode, a {kind} key{advice}")


async def _permissions(client: stripe.StripeClient, expected: ExpectedSetup) -> Finding:
    with_overage = any(plan.overage for plan in expected.catalog.plans.values())
    lacking = await missing(client, with_overage=with_overage)
    if lacking:
        return Finding("permissions", False, f"the key lacks {'; '.join(lacking)} (docs/stripe.md, 2. Make a key)")
    return Finding("permissions", True, "the key has every permission that Tenure needs")


async def _account(client: stripe.StripeClient, expected: ExpectedSetup) -> Finding:
    try:
        account = (await client.v1.accounts.retrieve_current_async()).to_dict()
    except stripe.PermissionError:
        return Finding("account", True, "this key cannot see it: check manually that it can take payments")
    if not account.get("charges_enabled") and is_live(expected.key):
        return Finding("account", False, "cannot take payments yet: complete it in the Dashboard (Settings > Account)")
    able = "can take payments" if account.get("charges_enabled") else "cannot take live payments yet"
    return Finding("account", True, f"{account['id']}, {account.get('country')}, {able}")


async def _catalog(client: stripe.StripeClient, expected: ExpectedSetup) -> Finding:
    catalog = expected.catalog
    to_do = await push(client, catalog, dry_run=True)
    if to_do:
        return Finding("catalog", False, f"{len(to_do)} things to push, first {to_do[0]}: `tenure catalog push`")
    return Finding(
        "catalog", True, f"all products and prices of {catalog.product}, version {catalog.version}, are there"
    )


async def _webhook(client: stripe.StripeClient, expected: ExpectedSetup) -> Finding:
    try:
        listed = await client.v1.webhook_endpoints.list_async({"limit": 100})
    except stripe.PermissionError:
        return Finding("webhook", True, "this key cannot see it (Webhook Endpoints: Read): check it manually")
    ours = [each.to_dict() for each in listed.data if each.url == expected.webhook_url]
    if not ours:
        add = f"add it with the events {', '.join(EVENTS)}"
        return Finding("webhook", False, f"no endpoint is registered for {expected.webhook_url}: {add}")
    wrong = list(_wrong_with_endpoints(ours))
    if wrong:
        return Finding("webhook", False, "; ".join(wrong))
    return Finding(
        "webhook",
        True,
        "; ".join([f"{expected.webhook_url} receives every event it needs", *_remarks(ours[0], expected)]),
    )


def _wrong_with_endpoints(ours: Sequence[dict[str, Any]]) -> Iterator[str]:
    if len(ours) > 1:
        yield f"{len(ours)} endpoints are registered for the same address, so every event arrives {len(ours)} times"
    endpoint = ours[0]
    if endpoint.get("status") != "enabled":
        yield f"the endpoint is {endpoint.get('status')}: enable it"
    events = endpoint["enabled_events"]
    lacking = [event for event in EVENTS if event not in events and ALL_EVENTS not in events]
    if lacking:
        yield f"the endpoint does not receive {', '.join(lacking)}"
    version = endpoint.get("api_version")
    if version not in (None, stripe.api_version):
        yield f"the endpoint has API version {version}, not {stripe.api_version}: create a new one"


def _remarks(endpoint: dict[str, Any], expected: ExpectedSetup) -> Iterator[str]:
    events = endpoint["enabled_events"]
    extra = [event for event in events if event not in EVENTS]
    if ALL_EVENTS in events:
        yield "and everything else, which is stored and skipped"
    elif extra:
        yield f"and {', '.join(extra)}, which is stored and skipped"
    if endpoint.get("api_version") is None:
        yield f"in the account's own API version (better set it to {stripe.api_version})"
    if expected.secrets > 1:
        yield f"{expected.secrets} signing secrets are accepted: remove the old one once it has been rolled"


async def _portal(client: stripe.StripeClient, _expected: ExpectedSetup) -> Finding:
    try:
        listed = await client.v1.billing_portal.configurations.list_async({"active": True, "limit": 100})
    except stripe.PermissionError:
        return Finding("portal", True, "this key cannot see it (Customer portal: Read): check it manually")
    found = [each.to_dict() for each in listed.data]
    default = next((each for each in found if each["is_default"]), None)
    if default is None:
        return Finding("portal", False, "has no settings yet: save them once (Settings > Billing > Customer portal)")
    wrong = list(_wrong_with_portal(default["features"]))
    if wrong:
        return Finding("portal", False, f"{'; '.join(wrong)} (Settings > Billing > Customer portal)")
    return Finding("portal", True, "customers see their invoices and change their card there, and nothing else")


def _wrong_with_portal(features: dict[str, Any]) -> Iterator[str]:
    allowed = {"payment_method_update": "change their card", "invoice_history": "see their invoices"}
    for name, words in allowed.items():
        if not features[name]["enabled"]:
            yield f"customers cannot {words}: switch {name} on"
    ours = {
        "subscription_cancel": "cancel",
        "subscription_update": "change their plan",
        "subscription_pause": "pause",
    }
    for name, words in ours.items():
        # A portal configured before a feature existed does not list it.
        if (features.get(name) or {}).get("enabled"):
            yield f"customers can {words} there, bypassing Tenure: switch {name} off"
