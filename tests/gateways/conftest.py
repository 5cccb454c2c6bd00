"""The payments gateway against Stripe's simulator: a server for the session, a simulator for each test."""

from collections.abc import AsyncIterator

import httpx
import pytest
import stripe

from gateways.stripe.catalog_push import push
from gateways.stripe.provider import stripe_provider
from sandbox.own_account import open_portal
from sandbox.serving import serve
from sandbox.stripe import StripeSimulator
from tests.gateways.till import API_KEY, CATALOG, STRIPES_DEEPEST, WEBHOOK_SECRET, Stage, Till, Wire


@pytest.fixture(scope="session")
async def stage() -> AsyncIterator[Stage]:
    stage = Stage()
    async with serve(stage) as stage.url:
        yield stage


@pytest.fixture
async def simulator(stage: Stage) -> AsyncIterator[StripeSimulator]:
    simulator = StripeSimulator(None, api_key=API_KEY, webhook_secret=WEBHOOK_SECRET, deepest_expansion=STRIPES_DEEPEST)
    simulator.base_url, stage.app = stage.url, simulator.app
    await simulator.start()
    yield simulator
    await simulator.stop()
    simulator.close()


@pytest.fixture
def wire() -> Wire:
    return Wire()


@pytest.fixture
async def client(simulator: StripeSimulator, wire: Wire) -> AsyncIterator[stripe.StripeClient]:
    http = stripe.HTTPXClient()
    await http.close_async()  # type: ignore[no-untyped-call]
    http._client_async = httpx.AsyncClient(transport=wire)
    yield stripe.StripeClient(
        API_KEY, base_addresses={"api": simulator.base_url}, http_client=http, max_network_retries=0
    )
    await http.close_async()  # type: ignore[no-untyped-call]


@pytest.fixture
async def till(simulator: StripeSimulator, client: stripe.StripeClient, wire: Wire) -> Till:
    """A shop that sells Starter at 49 dollars a month and users at 5."""
    await push(client, CATALOG)
    await open_portal(client)
    return Till(simulator, client, wire, stripe_provider(client))
