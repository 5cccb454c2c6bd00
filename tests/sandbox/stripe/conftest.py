"""The simulator on a free port, and the real SDK that talks to it under the eyes of Stripe's description."""

import json
from collections.abc import AsyncIterator

import httpx
import pytest
import stripe
from starlette.types import ASGIApp, Receive, Scope, Send

from sandbox.serving import serve
from sandbox.stripe import StripeSimulator
from tests.harness.patience import PATIENT
from tests.harness.stripe_checks import object_problems
from tests.sandbox.stripe.published import answer_problems, event_problems
from tests.sandbox.stripe.shop import API_KEY, WEBHOOK_SECRET, Inbox, Shop

UNPUBLISHED = "/v1/not-there"


class Watched(httpx.AsyncHTTPTransport):
    """Sends requests on and notes what is answered otherwise than Stripe's published description says."""

    def __init__(self) -> None:
        super().__init__()
        self.problems: list[str] = []

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        answer = await super().handle_async_request(request)
        body = json.loads(await answer.aread())
        method, path = request.method.lower(), request.url.path
        if path != UNPUBLISHED:
            found = answer_problems(method, path, answer.status_code, body)
            self.problems += [f"{method} {path}: {each}" for each in found]
        return answer


@pytest.fixture(scope="session")
async def wire() -> Watched:
    return Watched()


@pytest.fixture(scope="session")
async def http(wire: Watched) -> AsyncIterator[stripe.HTTPXClient]:
    client = stripe.HTTPXClient()
    await client.close_async()  # type: ignore[no-untyped-call]
    client._client_async = httpx.AsyncClient(transport=wire, timeout=PATIENT)
    yield client
    await client.close_async()  # type: ignore[no-untyped-call]


class Stage:
    """One server for all tests; each test puts its own application on it."""

    def __init__(self) -> None:
        self.url = ""
        self.app: ASGIApp | None = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        assert self.app is not None, "a request came between two tests"
        await self.app(scope, receive, send)


@pytest.fixture(scope="session")
async def stripe_stage() -> AsyncIterator[Stage]:
    stage = Stage()
    async with serve(stage) as stage.url:
        yield stage


@pytest.fixture(scope="session")
async def inbox_stage() -> AsyncIterator[Stage]:
    stage = Stage()
    async with serve(stage) as stage.url:
        yield stage


@pytest.fixture
async def simulator(stripe_stage: Stage) -> AsyncIterator[StripeSimulator]:
    simulator = StripeSimulator(None, api_key=API_KEY, webhook_secret=WEBHOOK_SECRET)
    simulator.base_url, stripe_stage.app = stripe_stage.url, simulator.app
    await simulator.start()
    yield simulator
    await simulator.stop()
    simulator.close()


@pytest.fixture
async def client(
    simulator: StripeSimulator, wire: Watched, http: stripe.HTTPXClient
) -> AsyncIterator[stripe.StripeClient]:
    wire.problems.clear()
    yield stripe.StripeClient(API_KEY, base_addresses={"api": simulator.base_url}, http_client=http)
    assert wire.problems == []


@pytest.fixture
def shop(simulator: StripeSimulator, client: stripe.StripeClient) -> Shop:
    return Shop(simulator, client)


@pytest.fixture
async def inbox(simulator: StripeSimulator, inbox_stage: Stage) -> AsyncIterator[Inbox]:
    inbox = Inbox()
    inbox_stage.app = inbox.app
    simulator.webhook_url = f"{inbox_stage.url}/hooks"
    yield inbox
    simulator.webhook_url = None
    told = [event for event in inbox.events if "data" in event]
    assert [problem for event in told for problem in event_problems(event)] == []
    assert [problem for event in told for problem in object_problems(event["data"]["object"])] == []
