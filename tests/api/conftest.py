"""Callers of the running API."""

from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest

from domain.provider.ports import Provider
from gateways.stripe.catalog_push import push
from gateways.stripe.http_client import connected
from gateways.stripe.provider import stripe_provider
from sandbox.secrets import Secrets
from sandbox.stack import Stack
from storage.access.api_keys import Role
from tests.api.messages import an_api
from tests.harness.callers import Caller
from tests.harness.catalogs import shipped_policy
from tests.harness.names import named_after
from tests.harness.shop import CATALOG as SHOP


@pytest.fixture(scope="session")
async def admin(stack: Stack) -> AsyncIterator[Caller]:
    async with Caller.holding(stack, stack.addresses.admin_key) as caller:
        yield caller


@pytest.fixture(scope="session")
async def stranger(stack: Stack) -> AsyncIterator[Caller]:
    """A caller without a key."""
    async with Caller.holding(stack, None) as caller:
        yield caller


@pytest.fixture(scope="session")
async def looked_up(stack: Stack) -> AsyncIterator[Provider]:
    """The provider, for APIs besides the stack's own; it rejects their key."""
    async with connected("sk_test_of_nobody", stack.addresses.stripe_url) as client:
        yield stripe_provider(client)


@pytest.fixture
async def alone(stack: Stack, name: str) -> AsyncIterator[Caller]:
    """The admin of a tenant of the test's own, whose lists contain nobody else's subscriptions."""
    async with Caller.of_role(stack, Role.ADMIN, tenant=name) as caller:
        yield caller


@pytest.fixture(scope="module")
async def shop(stack: Stack) -> AsyncIterator[Caller]:
    """The admin of a product with features of every kind."""
    async with (
        stack.under(shipped_policy(), SHOP) as addresses,
        Caller.at(addresses.api_url, stack.addresses.admin_key) as caller,
    ):
        yield caller


@pytest.fixture(scope="module")
async def paid_shop(stack: Stack, stack_folder: Path, shop: Caller) -> Caller:
    """The shop, with its prices at the provider."""
    async with connected(Secrets.of(stack_folder).stripe_key, stack.addresses.stripe_url) as client:
        await push(client, SHOP)
    return shop


@pytest.fixture
def name(request: pytest.FixtureRequest) -> str:
    """A customer name derived from the test."""
    return named_after(request)


@pytest.fixture(scope="module")
async def rotating(stack: Stack, looked_up: Provider) -> AsyncIterator[httpx.AsyncClient]:
    """An API that accepts two webhook secrets, as during a rotation."""
    async with an_api(stack, looked_up, stack.client) as http:
        yield http
