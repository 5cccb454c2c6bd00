"""Errors between us and Stripe, in the domain's words: refused for good, or no reliable answer."""

import json
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from typing import Any

import pytest
import stripe
from starlette.responses import Response
from starlette.types import ASGIApp

from api.http.errors import status_of
from domain.catalog.plans import Item
from domain.errors import GatewayBusy, GatewayForbidden, GatewayRefused, GatewayUnavailable, Haste, TenureError
from domain.provider.agreements import NewAgreement
from domain.provider.payments import Charge, ChargeOutcome, Decline
from domain.provider.ports import Provider
from gateways.stripe.catalog_push import push
from gateways.stripe.http_client import connected
from gateways.stripe.provider import stripe_provider
from tests.gateways.rig import API_KEY, CATALOG, Stage, StripeRig, a_contact

Call = Callable[[Provider], Awaitable[object]]
CALLS: dict[str, Call] = {
    "open_wallet": lambda provider: provider.wallets.open_wallet(a_contact(), "pm_1", key="k"),
    "open_wallet, known": lambda provider: provider.wallets.open_wallet(a_contact(customer_ref="cus_1"), None, key="k"),
    "put_card": lambda provider: provider.wallets.put_card("cus_1", "sub_1", "pm_1", key="k"),
    "adopt_checkout": lambda provider: provider.wallets.adopt_checkout("cs_1", "sub_1", None, key="k"),
    "open_checkout": lambda provider: provider.wallets.open_checkout("cus_1", "s", "https://a", "https://b", key="k"),
    "begun": lambda provider: provider.charges.begun("cus_1", key="k"),
    "collect": lambda provider: provider.charges.collect("in_1", key="k"),
    "restart": lambda provider: provider.charges.restart("sub_1", "in_1", key="k"),
    "standing": lambda provider: provider.billing.provider_state("cus_1", "sub_1", "in_1"),
    "end": lambda provider: provider.billing.end("sub_1", "in_1", key="k"),
    "end_at_period_end": lambda provider: provider.billing.end_at_period_end("sub_1", True, key="k"),
    "hold": lambda provider: provider.billing.hold("sub_1", True, key="k"),
}


def answering(status: int, body: str, headers: dict[str, str] | None = None) -> ASGIApp:
    return Response(body, status, headers, media_type="application/json")


def an_error(message: str, kind: str = "invalid_request_error", **fields: Any) -> str:
    return json.dumps({"error": {"type": kind, "message": message, **fields}})


@asynccontextmanager
async def payments_at(stage: Stage, app: ASGIApp, api_key: str = API_KEY) -> AsyncIterator[Provider]:
    """Payments as in production, against an endpoint that only answers like this."""
    stage.app = app
    async with connected(api_key, stage.url) as client:
        yield stripe_provider(client)


async def failure_of(call: Awaitable[object]) -> TenureError:
    with pytest.raises(TenureError) as failed:
        await call
    error = failed.value
    assert error.__cause__ is None, "the SDK's error holds the whole answer and would travel along"
    return error


@pytest.mark.parametrize("call", CALLS.values(), ids=CALLS.keys())
async def test_every_call_may_be_retried_when_stripe_fails(stage: Stage, call: Call) -> None:
    async with payments_at(stage, answering(500, an_error("broken", "api_error"))) as provider:
        error = await failure_of(call(provider))

    assert isinstance(error, GatewayUnavailable)
    assert error.code == "gateway_unavailable"


@pytest.mark.parametrize("reference", ["..", ".", ""])
async def test_an_id_with_dot_segments_is_never_sent(rig: StripeRig, reference: str) -> None:
    """`POST /v1/payment_methods/../attach` is a call of another path, and so is one with nothing in between."""
    async with connected(API_KEY, rig.simulator.base_url) as client:
        provider = stripe_provider(client)
        before = len(rig.simulator.call_log())
        for call in (
            provider.wallets.put_card("cus_1", "", reference, key="k"),
            provider.contacts.known_customer(reference),
            provider.agreements.find(reference),
            provider.billing.hold(reference, True, key="k"),
        ):
            with suppress(GatewayRefused):
                assert await call is None

    assert len(rig.simulator.call_log()) == before


@pytest.mark.parametrize("call", CALLS.values(), ids=CALLS.keys())
async def test_every_call_is_refused_for_good_when_stripe_does_not_know_what_it_names(stage: Stage, call: Call) -> None:
    body = an_error("No such thing: 'x_1'", code="resource_missing", param="id")
    async with payments_at(stage, answering(404, body)) as provider:
        error = await failure_of(call(provider))

    assert isinstance(error, GatewayRefused)
    assert (error.code, error.field) == ("resource_missing", None)


@pytest.mark.parametrize(
    ("status", "body"),
    [
        pytest.param(502, "<html>Bad Gateway</html>", id="a proxy's page"),
        pytest.param(503, an_error("not now", "api_error"), id="unavailable"),
        pytest.param(409, an_error("conflict"), id="conflict"),
        pytest.param(200, "<html>Welcome to the hotel</html>", id="no answer of Stripe's"),
        pytest.param(500, "", id="nothing"),
        pytest.param(400, "[]", id="no error of Stripe's"),
    ],
)
async def test_a_call_may_be_retried_when_its_answer_is_unusable(stage: Stage, status: int, body: str) -> None:
    async with payments_at(stage, answering(status, body)) as provider:
        error = await failure_of(provider.billing.hold("sub_1", True, key="k"))

    assert isinstance(error, GatewayUnavailable)
    assert error.code == "gateway_unavailable"


@pytest.mark.parametrize(
    ("status", "code", "haste"),
    [
        pytest.param(429, "rate_limit", Haste.RATE, id="too many calls"),
        pytest.param(400, "rate_limit", Haste.RATE, id="too many calls, as it was told before"),
        pytest.param(429, None, Haste.RATE, id="for no reason"),
        pytest.param(429, "lock_timeout", Haste.LOCK, id="locked by another call"),
        pytest.param(400, "lock_timeout", Haste.LOCK, id="locked, told as a bad request"),
        pytest.param(409, "idempotency_key_in_use", Haste.LOCK, id="still running"),
    ],
)
async def test_a_call_that_was_turned_away_says_by_what(
    stage: Stage, status: int, code: str | None, haste: Haste
) -> None:
    body = an_error("later", code=code)
    async with payments_at(stage, answering(status, body, {"Retry-After": "7"})) as provider:
        error = await failure_of(provider.billing.hold("sub_1", True, key="k"))

    assert isinstance(error, GatewayBusy)
    assert (error.haste, error.retry_after, error.code) == (haste, 7.0, "gateway_busy")


@pytest.mark.parametrize("status", [500, 503, 429])
async def test_nothing_is_done_when_the_sandbox_fails_a_call(rig: StripeRig, status: int) -> None:
    rig.simulator.set_faults(stripe={"error_rate": 1, "status": status})
    assert isinstance(await failure_of(rig.wallet()), GatewayUnavailable)

    rig.simulator.set_faults(stripe={})
    assert await rig.customers() == 0


async def test_a_call_may_be_retried_when_nothing_listens() -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        async with connected(API_KEY, f"http://127.0.0.1:{free.getsockname()[1]}/") as client:
            error = await failure_of(stripe_provider(client).billing.hold("sub_1", True, key="k"))

    assert isinstance(error, GatewayUnavailable)
    assert API_KEY not in str(error)


async def test_a_call_may_be_retried_after_a_timeout(rig: StripeRig) -> None:
    rig.simulator.set_faults(stripe={"delay_s": 5})
    http = stripe.HTTPXClient(timeout=0.05)
    client = stripe.StripeClient(API_KEY, base_addresses={"api": rig.simulator.base_url}, http_client=http)

    error = await failure_of(stripe_provider(client).billing.hold("sub_1", True, key="k"))

    assert isinstance(error, GatewayUnavailable)
    await http.close_async()  # type: ignore[no-untyped-call]


async def test_a_wrong_key_is_for_the_operator_to_fix_and_never_shown(rig: StripeRig) -> None:
    wrong = "sk_test_wrong_and_secret_all_the_same"
    async with connected(wrong, rig.simulator.base_url) as client:
        error = await failure_of(stripe_provider(client).billing.hold("sub_1", True, key="k"))

    assert isinstance(error, GatewayForbidden)
    assert error.code == "stripe_key"
    assert "Stripe does not accept our key" in str(error)
    assert "secret" not in str(error)


async def test_a_missing_permission_is_for_the_operator_to_fix(stage: Stage) -> None:
    body = an_error("The provided key does not have the required permissions. Having rak_invoice_write would help.")
    async with payments_at(stage, answering(403, body)) as provider:
        error = await failure_of(provider.charges.collect("in_1", key="k"))

    assert isinstance(error, GatewayForbidden)
    assert error.code == "stripe_key"
    assert "rak_invoice_write" in str(error)


async def test_a_key_used_for_something_else_is_refused(rig: StripeRig) -> None:
    wallet, begun = await rig.sold()
    await rig.provider.billing.hold(begun.agreement_ref, True, key="k")

    error = await failure_of(rig.provider.billing.hold(begun.agreement_ref, False, key="k"))

    assert isinstance(error, GatewayRefused)
    assert error.code == "idempotency"
    (agreement,) = await rig.agreements(wallet)
    assert agreement["pause_collection"]["behavior"] == "void"


@pytest.mark.parametrize(
    ("status", "kind"), [(400, "invalid_request_error"), (400, "idempotency_error"), (500, "api_error")]
)
async def test_an_error_never_repeats_an_address(stage: Stage, status: int, kind: str) -> None:
    body = an_error("Invalid email address: ada@example.com", kind, param="email", code="email_invalid")
    async with payments_at(stage, answering(status, body)) as provider:
        error = await failure_of(provider.wallets.open_wallet(a_contact(), None, key="k"))

    assert "Invalid email address" in str(error)
    assert "ada@" not in str(error)
    assert "ada@" not in error.message


async def test_a_refused_request_has_stripes_message_and_code(stage: Stage) -> None:
    body = an_error("This subscription cannot be held.", code="subscription_not_holdable")
    async with payments_at(stage, answering(400, body)) as provider:
        error = await failure_of(provider.billing.hold("sub_1", True, key="k"))

    assert isinstance(error, GatewayRefused)
    told = (error.message, error.code, error.field)
    assert told == ("This subscription cannot be held.", "subscription_not_holdable", None)


@pytest.mark.parametrize(
    ("param", "code"),
    [
        ("payment_method_types", "parameter_unknown"),
        ("billing_cycle_anchor", None),
        ("payment_method", "parameter_missing"),
        ("payment_settings[payment_method_types]", "parameter_invalid_empty"),
        ("items[0][quantity]", "parameter_invalid_integer"),
    ],
)
async def test_a_parameter_that_is_refused_is_our_fault_and_never_the_callers_card(
    stage: Stage, param: str, code: str | None
) -> None:
    body = an_error(f"Received unknown parameter: {param}", code=code, param=param)
    async with payments_at(stage, answering(400, body)) as provider:
        error = await failure_of(provider.wallets.put_card("cus_1", "sub_1", "pm_1", key="k"))

    assert isinstance(error, GatewayRefused)
    assert (error.code, error.field) == ("provider_parameter", None)
    assert f"does not accept {param} as Tenure sends it, which is a fault in Tenure" in error.message
    assert status_of(error) == 502


async def test_a_payment_method_that_is_refused_is_the_callers(stage: Stage) -> None:
    body = an_error("No such PaymentMethod: 'pm_1'", code="resource_missing", param="payment_method")
    async with payments_at(stage, answering(404, body)) as provider:
        error = await failure_of(provider.wallets.put_card("cus_1", "sub_1", "pm_1", key="k"))

    assert isinstance(error, GatewayRefused)
    assert (error.code, error.field) == ("unknown_payment_method", "payment_method")
    assert status_of(error) == 422


async def test_a_decline_without_a_reason_is_a_decline_all_the_same(stage: Stage) -> None:
    async with payments_at(stage, answering(402, an_error("No.", "card_error"))) as provider:
        charge = await provider.charges.begin(NewAgreement("s", "cus_1", "pm_1", (Item("price_1", 1),)), key="k")

    assert charge == Charge(ChargeOutcome.DECLINED, decline=Decline("generic_decline"))


async def test_the_catalog_is_pushed_later_when_stripe_fails(stage: Stage) -> None:
    stage.app = answering(503, an_error("not now", "api_error"))
    async with connected(API_KEY, stage.url) as client:
        error = await failure_of(push(client, CATALOG))

    assert isinstance(error, GatewayUnavailable)
