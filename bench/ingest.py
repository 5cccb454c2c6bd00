"""How fast webhooks are taken in, beside a bare endpoint of the same server, while their deliveries go on."""

import asyncio
import hashlib
import hmac
import json
import statistics
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import uuid4

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from bench.posting import request
from bench.results import Comparison, Result
from bench.side_by_side import CATALOG, POLICY, Figures, a_round, beside, process, settings_of
from sandbox.options import Options
from sandbox.processes import free_port
from sandbox.product import Product
from sandbox.stack import Stack, running

SUBSCRIPTIONS = 20
ROUNDS, A_ROUND, AT_ONCE = 5, 1000, 16
KINDS = ("invoice.paid", "invoice.paid", "invoice.payment_failed", "customer.subscription.updated", "charge.refunded")
"""As they come; four of five can tell a subscription something."""
EMPTY_WITHIN = 300.0
PATH = "/webhooks/stripe"


@dataclass(frozen=True)
class Drained:
    """What became of the deliveries."""

    by_the_end: int
    """Delivered when the last webhook of a round had been answered."""
    in_all: int
    seconds: float
    """From then until the inbox was empty."""


async def measure() -> Result:
    """Post the same kind of webhooks in turns at both endpoints, each a process of its own."""
    with tempfile.TemporaryDirectory() as folder:
        options = Options(Path(folder), CATALOG, POLICY, durable=False, ui=False)
        async with running(options) as stack, Product(stack.addresses) as product:
            owners = [await _owner(stack, product, number) for number in range(SUBSCRIPTIONS)]
            settings = settings_of(stack, Path(folder), CATALOG)
            async with (
                process(settings, beside("tenure"), "api", port=int(settings["TENURE_API_PORT"])) as ours,
                process(settings, sys.executable, "-m", "bench.bare", port=free_port()) as bare,
            ):
                at_ours, at_bare, drained = Figures(), Figures(), []
                for number in range(ROUNDS + 1):
                    # The first round only warms both up.
                    one, other = (at_ours, at_bare) if number else (Figures(), Figures())
                    events = [_event(owners, turn) for turn in range(A_ROUND)]
                    await a_round(ours.port, _signed(events, stack), one, AT_ONCE)
                    # Before it is the bare one's turn: what goes on behind ours must not be in its way.
                    drained += [await _drained(stack.engine, [event["id"] for event in events])]
                    await a_round(
                        bare.port, _signed([_event(owners, turn) for turn in range(A_ROUND)], stack), other, AT_ONCE
                    )
    rates = Comparison(
        "webhooks a second", at_ours.rate, at_bare.rate, "verify and insert", bar=0.95, higher_is_better=True
    )
    return Result(_report(at_ours, at_bare, drained[1:]), [rates])


async def _owner(stack: Stack, product: Product, number: int) -> dict[str, str]:
    """A paid subscription's customer, agreement, newest bill and its charge at Stripe."""
    name = f"ingest-{number}"
    made = await product.sign_up(name, payment_method="pm_card_visa", trial_days=0)
    wanted = text(
        "SELECT c.customer_ref AS customer, s.agreement_ref AS agreement, s.state ->> 'settled_invoice' AS bill"
        " FROM subscriptions s JOIN customers c ON c.id = s.customer WHERE s.id = cast(:id AS uuid)"
    )
    async with stack.engine.connect() as connection:
        found = (await connection.execute(wanted, {"id": made["id"]})).one()
    charge = stack.simulator.refund(name, 100)["charge"]
    return {"customer": found.customer, "agreement": found.agreement, "bill": found.bill, "charge": charge}


def _event(owners: Sequence[Mapping[str, str]], turn: int) -> dict[str, Any]:
    owner, kind = owners[turn % len(owners)], KINDS[turn % len(KINDS)]
    found: dict[str, Any] = {
        "customer": owner["customer"],
        "livemode": False,
        "metadata": {},
        "created": int(time.time()),
    }
    match kind.partition(".")[0]:
        case "invoice":
            parent = {"type": "subscription_details", "subscription_details": {"subscription": owner["agreement"]}}
            found |= {"id": owner["bill"], "object": "invoice", "parent": parent, "lines": _lines(owner)}
        case "charge":
            found |= {"id": owner["charge"], "object": "charge", "amount": 4900, "amount_refunded": 100}
        case _:
            found |= {"id": owner["agreement"], "object": "subscription", "items": _lines(owner)}
    event = {"id": f"evt_{uuid4().hex}", "object": "event", "api_version": "2026-10-28.endive", "livemode": False}
    return event | {"type": kind, "created": int(time.time()), "pending_webhooks": 1, "data": {"object": found}}


def _lines(owner: Mapping[str, str]) -> dict[str, Any]:
    """As much as a bill of Stripe's has, some kilobytes."""
    line = {"id": f"il_{uuid4().hex}", "object": "line_item", "amount": 4900, "currency": "usd", "subscription": owner}
    return {
        "object": "list",
        "data": [line | {"description": "1 x Starter " * 20} for _ in range(5)],
        "has_more": False,
    }


def _signed(events: Sequence[Mapping[str, Any]], stack: Stack) -> list[bytes]:
    """Requests, ready before the clock starts."""
    at, secret = int(time.time()), stack.addresses.webhook_secret.encode()
    ready = []
    for event in events:
        body = json.dumps(event).encode()
        signature = hmac.new(secret, f"{at}.".encode() + body, hashlib.sha256).hexdigest()
        headers = {"Stripe-Signature": f"t={at},v1={signature}", "Content-Type": "application/json"}
        ready.append(request(PATH, headers, body))
    return ready


async def _drained(engine: AsyncEngine, posted: Sequence[str]) -> Drained:
    wanted = text(
        "SELECT count(*) FILTER (WHERE handled_at IS NULL) AS waiting,"
        " count(*) FILTER (WHERE disposition = 'delivered') AS delivered"
        " FROM webhook_inbox WHERE event_id = any(:posted)"
    )
    began, by_the_end = time.perf_counter(), None
    while time.perf_counter() - began < EMPTY_WITHIN:
        async with engine.connect() as connection:
            found = (await connection.execute(wanted, {"posted": list(posted)})).one()
        by_the_end = found.delivered if by_the_end is None else by_the_end
        if not found.waiting:
            return Drained(by_the_end, found.delivered, time.perf_counter() - began)
        await asyncio.sleep(0.1)
    raise RuntimeError(f"{found.waiting} webhooks were not delivered within {EMPTY_WITHIN:.0f} seconds")


def _report(ours: Figures, bare: Figures, drained: Sequence[Drained]) -> str:
    by_the_end, in_all = sum(one.by_the_end for one in drained), sum(one.in_all for one in drained)
    lines = [
        f"Webhooks taken in, {AT_ONCE} at a time, {ROUNDS} rounds of {A_ROUND} in turns",
        *(
            f"{name:<28} {one.rate:>6.0f} a second, p50 {one.share(0.5):.1f} ms, p99 {one.share(0.99):.1f} ms"
            for name, one in (("verify, insert (bare):", bare), ("tenure api:", ours))
        ),
        f"ratio of the rates:          {ours.rate / bare.rate:>6.2f}",
        f"delivered by a round's end:  {by_the_end:>6} of {in_all} that concern somebody",
        f"the inbox was empty after:   {statistics.median(one.seconds for one in drained):>6.1f} s more",
    ]
    return "\n".join(lines)
