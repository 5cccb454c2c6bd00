"""The providers that are held to the contract."""

import pytest
import stripe

from gateways.stripe.catalog_push import push
from gateways.stripe.provider import StripePayments
from sandbox.own_account import open_portal
from sandbox.stripe import StripeSimulator
from tests.contracts.in_memory.world import InMemoryProvider
from tests.contracts.provider import CATALOG, Provider
from tests.contracts.shop import Shop
from tests.contracts.stripe_world import StripeProvider
from tests.gateways.conftest import client, simulator, stage, wire
from tests.gateways.till import Till, Wire

__all__ = ["client", "simulator", "stage", "wire"]


@pytest.fixture
async def stripe_provider(simulator: StripeSimulator, client: stripe.StripeClient, wire: Wire) -> StripeProvider:
    await push(client, CATALOG)
    await open_portal(client)
    return StripeProvider(Till(simulator, client, wire, StripePayments(client)))


@pytest.fixture
def in_memory_provider() -> InMemoryProvider:
    return InMemoryProvider()


@pytest.fixture(params=["in_memory", "stripe"])
def provider(request: pytest.FixtureRequest) -> Provider:
    found: Provider = request.getfixturevalue(f"{request.param}_provider")
    return found


@pytest.fixture
def shop(provider: Provider) -> Shop:
    return Shop(provider)
