"""The payments gateway against Stripe's simulator: a server for the session, a simulator for each test."""

from collections.abc import AsyncIterator

import pytest
import stripe

from gateways.stripe.provider import stripe_provider
from sandbox.serving import serve
from sandbox.stripe import StripeSimulator
from tests.gateways.rig import CATALOG, Stage, StripeRig, Wire, asking, simulating, stocked


@pytest.fixture(scope="session")
async def stage() -> AsyncIterator[Stage]:
    stage = Stage()
    async with serve(stage) as stage.url:
        yield stage


@pytest.fixture
async def simulator(stage: Stage) -> AsyncIterator[StripeSimulator]:
    async with simulating(stage) as simulator:
        yield simulator


@pytest.fixture
def wire() -> Wire:
    return Wire()


@pytest.fixture
async def client(simulator: StripeSimulator, wire: Wire) -> AsyncIterator[stripe.StripeClient]:
    async with asking(simulator, wire) as client:
        yield client


@pytest.fixture(scope="session")
async def stock(stage: Stage) -> bytes:
    """What a simulator remembers that has the till's catalog and a portal: read by each test instead of made anew."""
    return await stocked(stage, CATALOG)


@pytest.fixture
def rig(simulator: StripeSimulator, client: stripe.StripeClient, wire: Wire, stock: bytes) -> StripeRig:
    """A shop that sells Starter at 49 dollars a month and users at 5."""
    simulator._store._db.deserialize(stock)
    return StripeRig(simulator, client, wire, stripe_provider(client))
