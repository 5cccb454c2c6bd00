"""Sends made-up requests to a stack of its own for a while: `python -m tests.api.schemathesis_run --minutes 20`.

`--malformed 10000` sends that many malformed requests instead. It ends with status 1 if an answer is a 5xx, or none
that OpenAPI describes.
"""

import argparse
import asyncio
import sys
import tempfile
import time
from pathlib import Path

import httpx

from sandbox.options import Options
from sandbox.stack import Stack, running
from storage.access.api_keys import ApiKeys, Role
from storage.access.tenants import Tenants
from tenure.cli import logs
from tests.api.fuzzing import Outcome, Target, outcome_of
from tests.harness.callers import Caller
from tests.harness.catalogs import CATALOG, POLICY


async def target_at(stack: Stack, name: str) -> Target:
    """The stack's API as an admin, a service and a stranger see it, with a tenant and a customer of the name."""
    await Tenants(stack.engine).add(name, name)
    keys = ApiKeys(stack.engine)
    admin, service = [await keys.create(role, name, tenant=name) for role in (Role.ADMIN, Role.SERVICE)]
    async with Caller.holding(stack, admin) as caller:
        made = await caller.signed_up(name, payment_method="pm_card_visa")
        endpoint = (await caller.post("/v1/webhook-endpoints", {"url": "http://127.0.0.1:9/hooks"})).json()["id"]
    async with httpx.AsyncClient(trust_env=False) as http:
        description = (await http.get(f"{stack.addresses.api_url}/openapi.json")).json()
    known = {"external_id": name, "subscription_id": made["id"], "feature": "users", "code": "starter"}
    known["endpoint_id"] = endpoint
    return Target(
        stack.addresses.api_url,
        {"admin": admin, "service": service, "stranger": None},
        known,
        description,
    )


async def _run(minutes: float, garbage: int, first: int) -> Outcome:
    total, until, number = Outcome(), time.monotonic() + minutes * 60, first
    with tempfile.TemporaryDirectory() as folder:
        async with running(Options(Path(folder), CATALOG, POLICY, durable=False, ui=False)) as stack:
            target = await target_at(stack, "fuzzed")
            while time.monotonic() < until and (not garbage or total.sent < garbage):
                kind, examples = ("malformed", 500) if garbage else ("described", 20)
                found = await outcome_of(kind, target, number, examples=examples)
                total.statuses += found.statuses
                total.repeated += found.repeated
                new = {what: shown for what, shown in found.failures.items() if what not in total.failures}
                total.failures |= new
                print(f"seed {number}: {total.sent} requests, {len(total.failures)} failures", flush=True)  # noqa: T201
                for what, shown in new.items():
                    print(f"{what}\n    {shown}", flush=True)  # noqa: T201 - at once: the rest takes minutes
                number += 1
    return total


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--minutes", type=float, default=20)
    parser.add_argument("--malformed", type=int, default=0, metavar="REQUESTS")
    parser.add_argument("--seed", type=int, default=1)
    given = parser.parse_args()
    logs.configure(as_json=False, level="critical")
    outcome = asyncio.run(_run(given.minutes, given.malformed, given.seed))
    print(outcome.in_words())  # noqa: T201
    sys.exit(1 if outcome.failures else 0)
