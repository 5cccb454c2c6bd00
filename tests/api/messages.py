"""Webhooks of the provider as tests send them, and their outcomes."""

import asyncio
import hashlib
import hmac
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any
from uuid import uuid4

import httpx
from sqlalchemy import text
from temporalio.client import Client

from api.app import create_app
from api.http.dependencies import AppDependencies
from domain.api_keys import KeyMode
from domain.brand import Brand
from domain.provider.ports import Provider
from domain.signing import SigningSecrets
from gateways.stripe.webhooks import StripeEvents
from sandbox.serving import serve
from sandbox.stack import Stack
from storage.catalog.offer import Offer
from tests.harness.catalogs import shipped_catalog, shipped_policy
from tests.harness.patience import PATIENT
from tests.harness.trial_key import TRIAL_KEY
from worker.composition.gateways import encryption, event_sender
from worker.composition.services import purchases_of, refunds_of, webhook_delivery

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
    """The outcome of an event, once it was delivered."""
    async with asyncio.timeout(PATIENT):
        while True:
            found = await kept(stack, event)
            if found and found[0] is not None:
                return str(found[0])
            await asyncio.sleep(0.01)


@asynccontextmanager
async def an_api(stack: Stack, looked_up: Provider, client: Client) -> AsyncIterator[httpx.AsyncClient]:
    parts = AppDependencies(
        client=client,
        engine=stack.api_parts.engine,
        system_engine=stack.engine,
        catalog=shipped_catalog(),
        policy=shipped_policy(),
        publish_offer=Offer(stack.engine, shipped_catalog()).publish,
        events=StripeEvents(["whsec_old", "whsec_new"]),
        deliver=webhook_delivery(client, stack.engine, looked_up, TRIAL_KEY).deliver,
        wallets=looked_up.wallets,
        contacts=looked_up.contacts,
        purchases=purchases_of(client, stack.api_parts.engine, looked_up, TRIAL_KEY),
        refunds=refunds_of(client, stack.api_parts.engine, looked_up, TRIAL_KEY),
        public_url="http://127.0.0.1",
        signing=SigningSecrets.of("s" * 32),
        encryption=encryption(SigningSecrets.of("s" * 32)),
        event_sender=event_sender(),
        trial_key=TRIAL_KEY,
        brand=Brand("Northwind", "http://127.0.0.1"),
        key_mode=KeyMode.TEST,
    )
    async with (
        serve(create_app(parts)) as address,
        httpx.AsyncClient(base_url=address, trust_env=False, timeout=PATIENT) as http,
    ):
        yield http
