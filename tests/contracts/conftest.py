"""The providers and databases that are held to their contracts."""

import pytest
import stripe

from gateways.stripe.provider import stripe_provider
from sandbox.stripe import StripeSimulator
from tests.contracts.database import Database, InMemoryDatabase, PostgresDatabase
from tests.contracts.in_memory.world import InMemoryWorld
from tests.contracts.provider import CATALOG, ProviderWorld
from tests.contracts.shop import Shop
from tests.contracts.stripe_world import StripeWorld
from tests.gateways.conftest import client, simulator, stage, wire
from tests.gateways.rig import Stage, StripeRig, Wire, stocked
from tests.storage.conftest import engine, ledger
from tests.storage.ledger import Ledger

__all__ = ["client", "engine", "ledger", "simulator", "stage", "wire"]


@pytest.fixture(scope="session")
async def contract_stock(stage: Stage) -> bytes:
    """What a simulator remembers that has the contract's catalog and a portal."""
    return await stocked(stage, CATALOG)


@pytest.fixture
def stripe_world(
    simulator: StripeSimulator, client: stripe.StripeClient, wire: Wire, contract_stock: bytes
) -> StripeWorld:
    simulator._store._db.deserialize(contract_stock)
    return StripeWorld(StripeRig(simulator, client, wire, stripe_provider(client)))


@pytest.fixture
def in_memory_world() -> InMemoryWorld:
    return InMemoryWorld()


@pytest.fixture(params=["in_memory", "stripe"])
def world(request: pytest.FixtureRequest) -> ProviderWorld:
    found: ProviderWorld = request.getfixturevalue(f"{request.param}_world")
    return found


@pytest.fixture
def shop(world: ProviderWorld) -> Shop:
    return Shop(world)


@pytest.fixture(params=["in_memory", "postgres"])
def database(request: pytest.FixtureRequest) -> Database:
    if request.param == "in_memory":
        return InMemoryDatabase()
    ledger: Ledger = request.getfixturevalue("ledger")
    return PostgresDatabase(ledger)
