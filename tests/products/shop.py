"""One of the four products as it runs on Tenure: its catalog on the shared stack, in a tenant of its own."""

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any, Self
from uuid import uuid4

import httpx
import pytest

from configuration.catalog_file import load_catalog
from gateways.stripe.catalog_push import push
from gateways.stripe.http_client import connected
from sandbox.product import Product
from sandbox.secrets import Secrets
from sandbox.stack import Stack
from storage.access.api_keys import ApiKeys, Role
from storage.access.tenants import Tenants
from tests.harness.callers import Caller
from tests.harness.catalogs import CATALOGS, shipped_policy
from tests.harness.lives import Life

PAID = {"trial_days": 0, "payment_method": "pm_card_visa"}
"""A start without a trial."""
FAR_BEYOND = 10**9

By = Mapping[str, str]
"""A customer's external id by the plan that they have."""


def by_plan(plans: Sequence[str], row: str, *values: object) -> list[object]:
    """The parameters of a row that has one value for each plan."""
    return [pytest.param(plan, value, id=f"{row}: {plan}") for plan, value in zip(plans, values, strict=True)]


class Shop(Caller):
    """The product's administrator, over HTTP; nobody else's customers are in its lists."""

    def __init__(self, http: httpx.AsyncClient, product: Product, name: str, tenant: str) -> None:
        super().__init__(http)
        self.name = name
        self.product = product
        self.tenant = tenant

    @classmethod
    @asynccontextmanager
    async def of(cls, name: str, stack: Stack, stack_folder: Path) -> AsyncIterator[Self]:
        """Open the product of a shipped catalog: prices at Stripe, an API, and a key to a tenant of its own."""
        catalog, tenant = load_catalog(CATALOGS / f"{name}.yaml"), f"{name}-{uuid4().hex[:8]}"
        async with AsyncExitStack() as exits:
            stripe_key = Secrets.of(stack_folder).stripe_key
            stripe = await exits.enter_async_context(connected(stripe_key, stack.addresses.stripe_url))
            await push(stripe, catalog)
            addresses = await exits.enter_async_context(stack.under(shipped_policy(), catalog))
            await Tenants(stack.engine).add(tenant, tenant)
            key = await ApiKeys(stack.engine).create(Role.ADMIN, f"test {name}", tenant=tenant)
            product = await exits.enter_async_context(Product(replace(addresses, admin_key=key)))
            caller = await exits.enter_async_context(Caller.at(addresses.api_url, key))
            yield cls(caller.http, product, name, tenant)

    @asynccontextmanager
    async def as_role(self, stack: Stack, role: Role) -> AsyncIterator[Caller]:
        """Another key of this product, with less rights."""
        key = await ApiKeys(stack.engine).create(role, f"test {role}", tenant=self.tenant)
        async with Caller.at(str(self.http.base_url), key) as caller:
            yield caller

    async def begun(self, name: str, **more: Any) -> Life:
        """A customer who signs up."""
        return await Life.begun(self.product, name, **more)

    async def customers_on(self, plans: Sequence[str], **start: Any) -> By:
        """Customers who have used nothing: of the free plan somebody who never signed up, the others begin so."""
        named = {plan: f"{self.name}-on-{plan}" for plan in plans}
        await asyncio.gather(*(self.begun(one, plan=plan, **start) for plan, one in named.items() if plan != "free"))
        return named

    async def told(self, path: str, **params: Any) -> dict[str, Any]:
        """What a question is answered that must be answered."""
        answer = await self.get(path, **params)
        assert answer.status_code == 200, answer.text
        found: dict[str, Any] = answer.json()
        return found

    async def entitlements(self, customer: str) -> dict[str, Any]:
        """Everything that a customer is entitled to, by feature."""
        found: dict[str, Any] = (await self.told(f"/v1/customers/{customer}/entitlements"))["entitlements"]
        return found

    async def check(self, customer: str, feature: str, **wanted: Any) -> dict[str, Any]:
        """Whether a customer may use a feature: all of the answer."""
        return await self.told(f"/v1/customers/{customer}/entitlements/{feature}", **wanted)

    async def reaches(self, customer: str, feature: str, number: int | None) -> bool:
        """Whether so much more of a feature may be used now, and not one more; None: without end."""
        if number is None:
            return bool((await self.check(customer, feature, quantity=FAR_BEYOND))["allowed"])
        so_much = await self.check(customer, feature, quantity=number)
        one_more = await self.check(customer, feature, quantity=number + 1)
        return (so_much["allowed"], one_more["allowed"], one_more["reason"]) == (True, False, "limit_reached")

    async def use(self, customer: str, feature: str, quantity: int = 1, **more: Any) -> httpx.Response:
        """Use something up, if the customer may."""
        body = {"feature": feature, "quantity": quantity, "key": str(uuid4())} | more
        return await self.post(f"/v1/customers/{customer}/consume", body)

    async def used(self, customer: str, feature: str, quantity: int = 1, **more: Any) -> dict[str, Any]:
        """Use something up that the customer may."""
        answer = await self.use(customer, feature, quantity, **more)
        assert answer.status_code == 200, answer.text
        told: dict[str, Any] = answer.json()
        return told

    async def usage(self, customer: str, feature: str) -> dict[str, Any]:
        """How much of a feature a customer uses in the period that goes on."""
        found: dict[str, Any] = (await self.told(f"/v1/customers/{customer}/usage"))["usage"][feature]
        return found
