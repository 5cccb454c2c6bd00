"""Those who call the API: each with a key of their own, over HTTP."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, Self
from uuid import uuid4

import httpx
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from domain.names import DEFAULT_TENANT
from sandbox.product import REPEATS, UNFINISHED
from sandbox.stack import Stack
from storage.access.api_keys import ApiKeys, Role
from storage.access.tenants import Tenants
from tests.harness.patience import PATIENT, until

PROBLEM = "application/problem+json"
TABLES = ("customers", "subscriptions", "journal", "mails")
LOOKS = 5
_ON_ITS_WAY = text(
    "SELECT count(*) FROM webhook_inbox WHERE handled_at IS NULL AND received_at > now() - interval '10 seconds'"
)
"""What has waited for longer waits for something that a test has taken away."""


class Caller:
    """A holder of a key; answers come back as they are, good or bad."""

    def __init__(self, http: httpx.AsyncClient) -> None:
        self.http = http

    @classmethod
    @asynccontextmanager
    async def holding(cls, stack: Stack, key: str | None) -> AsyncIterator[Self]:
        async with cls.at(stack.addresses.api_url, key) as caller:
            yield caller

    @classmethod
    @asynccontextmanager
    async def at(cls, address: str, key: str | None) -> AsyncIterator[Self]:
        """One who calls another API than the stack's own."""
        headers = {} if key is None else {"Authorization": f"Bearer {key}"}
        async with httpx.AsyncClient(base_url=address, headers=headers, timeout=PATIENT, trust_env=False) as http:
            yield cls(http)

    @classmethod
    @asynccontextmanager
    async def of_role(cls, stack: Stack, role: Role, tenant: str = DEFAULT_TENANT) -> AsyncIterator[Self]:
        await Tenants(stack.engine).add(tenant, tenant)
        key = await ApiKeys(stack.engine).create(role, f"test {role}", tenant=tenant)
        async with cls.holding(stack, key) as caller:
            yield caller

    async def get(self, path: str, **params: Any) -> httpx.Response:
        return await self.http.get(path, params=params)

    async def post(self, path: str, body: object = None, *, key: str | None = None) -> httpx.Response:
        """Ask once; only what is still being worked on is asked for again, under its key, as a product does."""
        headers = {"Idempotency-Key": key or str(uuid4())}
        for _ in range(REPEATS):
            answer = await self.http.post(path, json=body, headers=headers)
            if answer.is_success or answer.json().get("code") not in UNFINISHED:
                break
        return answer

    async def settled(self, path: str, body: object = None, *, key: str) -> httpx.Response:
        """Ask under one key until there is a result, whatever dies or hangs meanwhile."""
        async with asyncio.timeout(PATIENT):
            while True:
                try:
                    answer = await self.http.post(path, json=body, headers={"Idempotency-Key": key})
                except httpx.TransportError:
                    answer = httpx.Response(503, json={})
                if answer.status_code != 503 and answer.json().get("code") != "request_in_progress":
                    return answer
                await asyncio.sleep(0.2)

    async def send(self, path: str, content: bytes, **headers: str) -> httpx.Response:
        """Post bytes as they are."""
        return await self.http.post(path, content=content, headers={"Content-Type": "application/json"} | headers)

    async def sign_up(self, name: str, *, key: str | None = None, **more: Any) -> httpx.Response:
        return await self.post("/v1/subscriptions", a_sign_up(name, **more), key=key)

    async def signed_up(self, name: str, **more: Any) -> dict[str, Any]:
        answer = await self.sign_up(name, **more)
        assert answer.status_code == 201, answer.text
        made: dict[str, Any] = answer.json()
        return made

    async def command(self, subscription: str, name: str, *, key: str | None = None, **body: Any) -> httpx.Response:
        return await self.post(f"/v1/subscriptions/{subscription}/{name}", body, key=key)

    async def subscription(self, subscription: str) -> dict[str, Any]:
        found: dict[str, Any] = (await self.get(f"/v1/subscriptions/{subscription}")).json()
        return found


def a_sign_up(name: str, **more: Any) -> dict[str, Any]:
    """The smallest body of a sign-up, with *more* of it; `customer` adds to the customer."""
    customer = {"external_id": name, "email": f"{name}@example.com"} | more.pop("customer", {})
    return {"customer": customer, "plan": "starter"} | more


def problem_of(answer: httpx.Response, status: int, code: str) -> dict[str, Any]:
    """The problem that an answer tells of, complete and of the kind that was expected."""
    assert answer.status_code == status, f"{answer.status_code}: {answer.text}"
    assert answer.headers["Content-Type"] == PROBLEM
    problem: dict[str, Any] = answer.json()
    assert problem["code"] == code, problem
    assert problem["status"] == status
    if problem["type"] != f"urn:tenure:error:{code}":  # which a product's gates give a refusal of their own
        assert problem["type"].endswith(f"/docs/errors#{code}")
        assert problem["request_id"]
    assert problem["title"]
    assert problem["detail"]
    return problem


def fields_of(problem: dict[str, Any]) -> set[str]:
    return {one["field"] for one in problem["errors"]}


async def written(engine: AsyncEngine, *tables: str) -> dict[str, int]:
    """How many rows each table holds."""
    async with engine.connect() as connection:
        return {
            table: (await connection.execute(text(f"SELECT count(*) FROM {table}"))).scalar_one()  # noqa: S608
            for table in tables or TABLES
        }


async def at_rest(stack: Stack) -> None:
    """Return once what earlier tests began is done: no webhook is on its way, and no step of a workflow.

    For tests in which tables are to stay as they are, or in which nobody is to ask Stripe for anything.
    """
    found: list[tuple[dict[str, int], int]] = []

    async def is_so() -> bool:
        if stack.simulator.is_delivering():
            return False
        async with stack.engine.connect() as connection:
            if (await connection.execute(_ON_ITS_WAY)).scalar_one():
                return False
        found.append((await written(stack.engine), len(stack.simulator.call_log())))
        # A workflow that was told of an event has done within a few looks what follows from it.
        return len(found) > LOOKS and found[-1] == found[-LOOKS]

    await until(is_so)


async def written_at_rest(stack: Stack, *tables: str) -> dict[str, int]:
    """How many rows each table holds, once what earlier tests began is done."""
    await at_rest(stack)
    return await written(stack.engine, *tables)


async def workflows_of(stack: Stack, subscription: str) -> list[str]:
    """The states of the runs of a subscription's workflow."""
    query = f'WorkflowId = "subscription/{subscription}"'
    return [run.status.name if run.status else "" async for run in stack.client.list_workflows(query)]
