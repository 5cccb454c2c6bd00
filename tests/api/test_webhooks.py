"""What comes as a message of the payment provider: believed when it is signed, and kept once."""

import asyncio
import hashlib
import hmac
import json
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from typing import Any
from uuid import uuid4

import httpx
import pytest
import structlog
from sqlalchemy import text
from temporalio.client import Client

from api.app import create_app
from api.parts import Parts
from configuration.catalog_file import load_catalog
from configuration.policy_file import load_policy
from domain.names import LIFECYCLE_QUEUE
from gateways.stripe import StripePayments
from gateways.stripe_events import StripeEvents
from sandbox.processes import free_port
from sandbox.serving import serve
from sandbox.stack import Stack
from tests.harness.callers import Caller, problem_of, written
from tests.harness.lives import CATALOG, POLICY
from workflows.sweep import SweepWebhooksWorkflow

PATH = "/webhooks/stripe"


def signed(body: bytes, secret: str, at: float | None = None) -> str:
    moment = int(time.time() if at is None else at)
    signature = hmac.new(secret.encode(), f"{moment}.".encode() + body, hashlib.sha256).hexdigest()
    return f"t={moment},v1={signature}"


def an_event(kind: str = "invoice.paid", customer: str = "cus_unknown", **more: Any) -> dict[str, Any]:
    found = {"object": "invoice", "id": f"in_{uuid4().hex}", "customer": customer} | more
    return {"object": "event", "id": f"evt_{uuid4().hex}", "type": kind, "data": {"object": found}}


async def kept(stack: Stack, event: str) -> list[Any]:
    """The outcomes of the inbox's rows for an event."""
    query = text("SELECT outcome FROM webhook_inbox WHERE event_id = :event")
    async with stack.engine.connect() as connection:
        return [row.outcome for row in await connection.execute(query, {"event": event})]


async def dealt_with(stack: Stack, event: str) -> str:
    """What came of an event, once it was delivered."""
    async with asyncio.timeout(20):
        while True:
            found = await kept(stack, event)
            if found and found[0] is not None:
                return str(found[0])
            await asyncio.sleep(0.01)


@pytest.fixture
def logged() -> Iterator[list[Any]]:
    """Each line that is written to the log, with what it is bound to."""
    with structlog.testing.capture_logs(processors=[structlog.contextvars.merge_contextvars]) as lines:
        yield lines


@pytest.mark.parametrize(
    ("signature", "code"),
    [
        (None, "bad_signature"),
        ("", "bad_signature"),
        ("nonsense", "bad_signature"),
        ("t=abc,v1=00", "bad_signature"),
        ("t=1,v0=00", "bad_signature"),
        ("{forged}", "bad_signature"),
        ("t=1,v1=é", "bad_signature"),
        ("{stale}", "stale_signature"),
    ],
)
async def test_what_is_not_signed_now_and_by_the_provider_is_not_believed(
    stack: Stack, stranger: Caller, signature: str | None, code: str
) -> None:
    event = an_event()
    body = json.dumps(event).encode()
    secret = stack.addresses.webhook_secret
    told = (signature or "").format(forged=signed(body, "whsec_other"), stale=signed(body, secret, time.time() - 301))
    headers = [] if signature is None else [(b"Stripe-Signature", told.encode("latin-1"))]

    answer = await stranger.http.post(PATH, content=body, headers=headers)

    problem_of(answer, 400, code)
    assert await kept(stack, event["id"]) == []


async def test_a_body_changed_on_its_way_is_not_believed(stack: Stack, stranger: Caller) -> None:
    event = an_event()
    body = json.dumps(event).encode()
    signature = signed(body, stack.addresses.webhook_secret)

    problem_of(await stranger.send(PATH, body + b" ", **{"Stripe-Signature": signature}), 400, "bad_signature")

    assert await kept(stack, event["id"]) == []


@pytest.mark.parametrize(
    "body",
    [b"", b"{", b"[]", b"null", b'"event"', b"{}", b'{"id":"evt_1","type":"x","data":{"object":null}}', b"\xff\xfe"],
)
async def test_what_is_signed_but_no_event_is_refused(stack: Stack, stranger: Caller, body: bytes) -> None:
    before = await written(stack.engine, "webhook_inbox")
    signature = signed(body, stack.addresses.webhook_secret)

    problem_of(await stranger.send(PATH, body, **{"Stripe-Signature": signature}), 400, "bad_event")

    assert await written(stack.engine, "webhook_inbox") == before


async def test_an_event_sent_ten_times_is_kept_once_and_acknowledged_each_time(stack: Stack, stranger: Caller) -> None:
    event = an_event()
    body = json.dumps(event).encode()
    signature = {"Stripe-Signature": signed(body, stack.addresses.webhook_secret)}

    answers = await asyncio.gather(*(stranger.send(PATH, body, **signature) for _ in range(10)))

    assert [answer.status_code for answer in answers] == [200] * 10
    assert await kept(stack, event["id"]) == [None]


@pytest.mark.parametrize(
    ("event", "outcome"),
    [
        (an_event("invoice.paid", "cus_unknown"), None),
        (an_event("customer.created", "cus_unknown"), "passed over: says nothing new to a subscription"),
    ],
    ids=["customer not known yet", "nothing new"],
)
async def test_an_event_that_concerns_nobody_is_kept_and_acknowledged(
    stack: Stack, stranger: Caller, event: dict[str, Any], outcome: str | None
) -> None:
    body = json.dumps(event).encode()

    answer = await stranger.send(PATH, body, **{"Stripe-Signature": signed(body, stack.addresses.webhook_secret)})

    assert (answer.status_code, answer.json()) == (200, {"received": True})
    assert await kept(stack, event["id"]) == [outcome]


async def test_an_event_that_concerns_nobody_even_at_the_provider_is_set_aside(stack: Stack, stranger: Caller) -> None:
    event = an_event("invoice.paid", "")
    body = json.dumps(event).encode()

    await stranger.send(PATH, body, **{"Stripe-Signature": signed(body, stack.addresses.webhook_secret)})

    assert await dealt_with(stack, event["id"]) == "set aside: concerns no customer"


async def test_a_thin_event_finds_its_subscription_by_what_it_is_about(
    stack: Stack, admin: Caller, stranger: Caller, name: str
) -> None:
    made = await admin.signed_up(name, payment_method="pm_card_visa", trial_days=0)
    [bill] = (await admin.get("/v1/invoices", customer=name)).json()["data"]
    related = {"id": bill["id"], "type": "invoice", "url": f"/v1/invoices/{bill['id']}"}
    event: dict[str, Any] = {"id": f"evt_test_{uuid4().hex}", "object": "v2.core.event", "type": "v1.invoice.paid"}
    body = json.dumps(event | {"livemode": False, "related_object": related}).encode()

    await stranger.send(PATH, body, **{"Stripe-Signature": signed(body, stack.addresses.webhook_secret)})

    assert await dealt_with(stack, event["id"]) == f"delivered to subscription {made['id']}"


REFUSED: dict[str, tuple[bytes, dict[str, Any], int, str]] = {
    "forged": (json.dumps(an_event()).encode(), {"secret": "whsec_other"}, 400, "bad_signature"),
    "stale": (json.dumps(an_event()).encode(), {"at": 0}, 400, "stale_signature"),
    "oversized": (json.dumps(an_event(more="x" * 1024 * 1024)).encode(), {}, 413, "too_large"),
    "no JSON": (b"id=evt_1", {}, 400, "bad_event"),
    "no object": (b"[]", {}, 400, "bad_event"),
    "nested too deeply": (b"[" * 100_000, {}, 400, "bad_event"),
    "a zero in its id": (b'{"id":"evt_\\u0000","type":"x","data":{"object":{}}}', {}, 400, "bad_event"),
    "half a character": (b'{"id":"evt_\\ud800","type":"x","data":{"object":{}}}', {}, 400, "bad_event"),
    "an endless id": (json.dumps(an_event() | {"id": "e" * 100_000}).encode(), {}, 400, "bad_event"),
    "another account": (json.dumps(an_event() | {"account": "acct_other"}).encode(), {}, 400, "wrong_account"),
    "another context": (
        b'{"id":"evt_1","object":"v2.core.event","type":"v1.invoice.paid","context":"acct_other"}',
        {},
        400,
        "wrong_account",
    ),
    "live mode": (json.dumps(an_event() | {"livemode": True}).encode(), {}, 400, "wrong_mode"),
}


@pytest.mark.parametrize("case", REFUSED)
@pytest.mark.parametrize("is_announced", [True, False], ids=["length announced", "in pieces"])
async def test_what_is_refused_leaves_one_line_in_the_log_and_no_row(
    stack: Stack, stranger: Caller, logged: list[Any], name: str, case: str, is_announced: bool
) -> None:
    body, signing, status, code = REFUSED[case]
    before = await written(stack.engine, "webhook_inbox")
    signature = signed(body, **{"secret": stack.addresses.webhook_secret} | signing)
    headers = {"Stripe-Signature": signature, "X-Request-Id": name}

    async def pieces() -> AsyncIterator[bytes]:
        for start in range(0, len(body), 100_000):
            yield body[start : start + 100_000]

    answer = await stranger.http.post(PATH, content=body if is_announced else pieces(), headers=headers)

    problem_of(answer, status, code)
    [line] = [line for line in logged if line.get("request_id") == name]
    assert (line["event"], line["log_level"]) == ("request", "warning")
    assert (line["status"], line["refused"]) == (status, code)
    assert await written(stack.engine, "webhook_inbox") == before


async def test_an_event_of_a_customer_reaches_their_subscription_and_lies_do_no_harm(
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
    # A bill that the provider knows nothing of converts nobody.
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


async def test_a_dispute_is_delivered_later_when_the_provider_does_not_tell_whose_it_is(
    stack: Stack, admin: Caller, rotating: httpx.AsyncClient, name: str
) -> None:
    made, event = await a_dispute_of(stack, admin, name)
    body = json.dumps(event).encode()

    answer = await rotating.post(PATH, content=body, headers={"Stripe-Signature": signed(body, "whsec_new")})

    assert answer.status_code == 200
    await stack.client.execute_workflow(SweepWebhooksWorkflow.run, id=f"sweep-for-{name}", task_queue=LIFECYCLE_QUEUE)
    assert await dealt_with(stack, event["id"]) == f"delivered to subscription {made['id']}"


async def test_without_temporal_an_event_is_acknowledged_and_delivered_later(
    stack: Stack, admin: Caller, looked_up: StripePayments, name: str
) -> None:
    made = await admin.signed_up(name, payment_method="pm_card_visa")
    [customer] = stack.simulator._known(name)
    event = an_event("payment_method.automatically_updated", customer)
    body = json.dumps(event).encode()
    nowhere = await Client.connect(f"127.0.0.1:{free_port()}", lazy=True)

    async with an_api(stack, looked_up, nowhere) as api:
        answer = await api.post(PATH, content=body, headers={"Stripe-Signature": signed(body, "whsec_new")})
        assert answer.status_code == 200
    # The API has stopped, and with it whoever tried to deliver.
    assert await kept(stack, event["id"]) == [None]

    await stack.client.execute_workflow(SweepWebhooksWorkflow.run, id=f"sweep-for-{name}", task_queue=LIFECYCLE_QUEUE)
    assert await kept(stack, event["id"]) == [f"delivered to subscription {made['id']}"]


@pytest.fixture(scope="module")
async def rotating(stack: Stack, looked_up: StripePayments) -> AsyncIterator[httpx.AsyncClient]:
    """An API that takes two secrets, as while one is being replaced."""
    async with an_api(stack, looked_up, stack.client) as http:
        yield http


@asynccontextmanager
async def an_api(stack: Stack, looked_up: StripePayments, client: Client) -> AsyncIterator[httpx.AsyncClient]:
    parts = Parts(
        client=client,
        engine=stack.engine,
        catalog=load_catalog(CATALOG),
        policy=load_policy(POLICY),
        events=StripeEvents(["whsec_old", "whsec_new"]),
        quotes=looked_up,
        wallets=looked_up,
        public_url="http://127.0.0.1",
        secret_key="s" * 32,
    )
    async with serve(create_app(parts)) as address, httpx.AsyncClient(base_url=address, trust_env=False) as http:
        yield http


@pytest.mark.parametrize(("secret", "status"), [("whsec_old", 200), ("whsec_new", 200), ("whsec_none", 400)])
async def test_both_secrets_are_valid_while_one_is_being_replaced(
    rotating: httpx.AsyncClient, secret: str, status: int
) -> None:
    body = json.dumps(an_event()).encode()

    answer = await rotating.post(PATH, content=body, headers={"Stripe-Signature": signed(body, secret)})

    assert answer.status_code == status
