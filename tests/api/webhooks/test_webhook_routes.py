"""Webhooks reach the subscription they concern, at once or later."""

import json
from typing import Any
from uuid import uuid4

import httpx
import pytest
from sqlalchemy import text
from temporalio.client import Client

from domain.names import LIFECYCLE_QUEUE
from domain.provider.ports import Provider
from sandbox.processes import free_port
from sandbox.stack import Stack
from tests.api.messages import PATH, an_api, an_event, dealt_with, kept, signed
from tests.harness.callers import Caller
from workflows.sweep_webhooks import SweepWebhooksWorkflow


@pytest.mark.parametrize(
    ("event", "outcome"),
    [
        (an_event("invoice.paid", "cus_unknown"), None),
        (an_event("customer.created", "cus_unknown"), "passed over: says nothing new to a subscription"),
    ],
    ids=["customer not known yet", "nothing new"],
)
async def test_an_event_without_a_subscription_is_stored_and_acknowledged(
    stack: Stack, stranger: Caller, event: dict[str, Any], outcome: str | None
) -> None:
    body = json.dumps(event).encode()

    answer = await stranger.send(PATH, body, **{"Stripe-Signature": signed(body, stack.addresses.webhook_secret)})

    assert (answer.status_code, answer.json()) == (200, {"received": True})
    assert await kept(stack, event["id"]) == [outcome]


async def test_an_event_without_a_customer_at_the_provider_is_set_aside(stack: Stack, stranger: Caller) -> None:
    event = an_event("invoice.paid", "")
    body = json.dumps(event).encode()

    await stranger.send(PATH, body, **{"Stripe-Signature": signed(body, stack.addresses.webhook_secret)})

    assert await dealt_with(stack, event["id"]) == "set aside: concerns no customer"


@pytest.mark.parametrize(
    ("news", "outcome"),
    [
        ("invoice.payment_failed", "delivered to subscription {}"),
        ("invoice.paid", "passed over: says nothing new to a subscription"),
    ],
)
async def test_a_thin_event_finds_its_subscription_by_its_object_and_one_that_is_recorded_is_passed_over(
    stack: Stack, admin: Caller, stranger: Caller, name: str, news: str, outcome: str
) -> None:
    made = await admin.signed_up(name, payment_method="pm_card_visa", trial_days=0)
    [bill] = (await admin.get("/v1/invoices", customer=name)).json()["data"]
    related = {"id": bill["id"], "type": "invoice", "url": f"/v1/invoices/{bill['id']}"}
    event: dict[str, Any] = {"id": f"evt_test_{uuid4().hex}", "object": "v2.core.event", "type": f"v1.{news}"}
    body = json.dumps(event | {"livemode": False, "related_object": related}).encode()

    await stranger.send(PATH, body, **{"Stripe-Signature": signed(body, stack.addresses.webhook_secret)})

    assert await dealt_with(stack, event["id"]) == outcome.format(made["id"])


async def test_an_event_reaches_the_customers_subscription_and_false_ones_do_no_harm(
    stack: Stack, admin: Caller, stranger: Caller, name: str
) -> None:
    made = await admin.signed_up(name, payment_method="pm_card_visa")
    query = text("SELECT customer_ref FROM customers WHERE id = :id")
    async with stack.engine.connect() as connection:
        customer = (await connection.execute(query, {"id": made["customer"]["id"]})).scalar_one()
    event = an_event("invoice.paid", customer)
    body = json.dumps(event).encode()

    answer = await stranger.send(PATH, body, **{"Stripe-Signature": signed(body, stack.addresses.webhook_secret)})

    assert answer.status_code == 200
    assert await dealt_with(stack, event["id"]) == f"delivered to subscription {made['id']}"
    # An invoice unknown to the provider converts nobody.
    assert (await admin.subscription(made["id"]))["status"] == "trialing"


async def a_dispute_of(stack: Stack, admin: Caller, name: str) -> tuple[dict[str, Any], dict[str, Any]]:
    """A paid subscription, and Stripe's message that its charge is disputed, which names no customer."""
    made = await admin.signed_up(name, payment_method="pm_card_visa", trial_days=0)
    dispute = stack.simulator.dispute(name)
    assert "customer" not in dispute
    return made, an_event("charge.dispute.created") | {"data": {"object": dispute}}


async def test_a_dispute_finds_its_subscription_by_the_charge(
    stack: Stack, admin: Caller, stranger: Caller, name: str
) -> None:
    made, event = await a_dispute_of(stack, admin, name)
    body = json.dumps(event).encode()

    answer = await stranger.send(PATH, body, **{"Stripe-Signature": signed(body, stack.addresses.webhook_secret)})

    assert answer.status_code == 200
    assert await dealt_with(stack, event["id"]) == f"delivered to subscription {made['id']}"


async def test_a_dispute_is_delivered_later_when_the_provider_is_unavailable(
    stack: Stack, admin: Caller, rotating: httpx.AsyncClient, name: str
) -> None:
    made, event = await a_dispute_of(stack, admin, name)
    body = json.dumps(event).encode()

    answer = await rotating.post(PATH, content=body, headers={"Stripe-Signature": signed(body, "whsec_new")})

    assert answer.status_code == 200
    await stack.client.execute_workflow(SweepWebhooksWorkflow.run, id=f"sweep-for-{name}", task_queue=LIFECYCLE_QUEUE)
    assert await dealt_with(stack, event["id"]) == f"delivered to subscription {made['id']}"


async def test_without_temporal_an_event_is_acknowledged_and_delivered_later(
    stack: Stack, admin: Caller, looked_up: Provider, name: str
) -> None:
    made = await admin.signed_up(name, payment_method="pm_card_visa")
    [customer] = stack.simulator._known(name)
    event = an_event("payment_method.automatically_updated", customer)
    body = json.dumps(event).encode()
    nowhere = await Client.connect(f"127.0.0.1:{free_port()}", lazy=True)

    async with an_api(stack, looked_up, nowhere) as api:
        answer = await api.post(PATH, content=body, headers={"Stripe-Signature": signed(body, "whsec_new")})
        assert answer.status_code == 200
    # The API has stopped, and with it the dispatcher.
    assert await kept(stack, event["id"]) == [None]

    await stack.client.execute_workflow(SweepWebhooksWorkflow.run, id=f"sweep-for-{name}", task_queue=LIFECYCLE_QUEUE)
    assert await kept(stack, event["id"]) == [f"delivered to subscription {made['id']}"]
