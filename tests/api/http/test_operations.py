"""Health, metrics, the OpenAPI description, and errors while a dependency is unavailable."""

import json
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest
from jsonschema import Draft202012Validator

from api.app import create_app
from api.http.dependencies import AppDependencies
from domain.api_keys import KeyMode, new_key
from domain.brand import Brand
from domain.provider.ports import Provider
from domain.signing import SigningSecrets
from gateways.stripe.webhooks import StripeEvents
from sandbox.processes import free_port
from sandbox.serving import serve
from sandbox.stack import Stack
from storage.catalog.offer import Offer
from storage.db.engine import create_engine_from_url
from tests.api.messages import an_event, signed
from tests.harness.callers import Caller, a_sign_up, problem_of
from tests.harness.catalogs import shipped_catalog, shipped_policy
from tests.harness.names import a_name
from tests.harness.patience import PATIENT, until
from tests.harness.trial_key import TRIAL_KEY
from worker.composition.gateways import encryption, event_sender
from worker.composition.services import purchases_of, refunds_of, webhook_delivery

METHODS = {"get", "post", "put", "patch", "delete"}


async def test_the_stack_is_alive_and_ready(stranger: Caller) -> None:
    assert (await stranger.get("/healthz")).json() == {"status": "ok"}

    async def is_ready() -> bool:
        return bool((await stranger.get("/readyz")).json()["status"] == "ready")

    # Its catalog is published after it has started, and a busy Temporal may be late for a probe.
    await until(is_ready)
    ready = await stranger.get("/readyz")
    assert ready.status_code == 200
    assert ready.json() == {"status": "ready", "checks": {"database": "ok", "temporal": "ok", "catalog": "ok"}}


async def test_requests_are_measured_by_route_and_never_by_path(stranger: Caller, admin: Caller, name: str) -> None:
    made = await admin.signed_up(name)
    await admin.get(f"/v1/subscriptions/{made['id']}")
    await admin.http.request("BREW", f"/{name}")

    measured = (await stranger.get("/metrics")).text

    assert 'tenure_http_requests_total{method="POST",route="/v1/subscriptions",status="201"}' in measured
    assert 'route="/v1/subscriptions/{subscription_id}",status="200"' in measured
    assert made["id"] not in measured
    assert name not in measured


async def test_every_response_has_a_request_id(stranger: Caller) -> None:
    given = await stranger.http.get("/healthz", headers={"X-Request-Id": "abc-1"})
    made_up = await stranger.http.get("/nothing", headers={"X-Request-Id": "<script>"})

    assert given.headers["X-Request-Id"] == "abc-1"
    assert len(made_up.headers["X-Request-Id"]) == 32


@pytest.fixture(scope="module")
async def description(stranger: Caller) -> dict[str, Any]:
    described: dict[str, Any] = (await stranger.get("/openapi.json")).json()
    return described


def test_every_operation_has_a_unique_id_and_describes_its_errors(description: dict[str, Any]) -> None:
    operations = [
        (path, method, operation)
        for path, ways in description["paths"].items()
        for method, operation in ways.items()
        if method in METHODS
    ]
    names = [operation["operationId"] for _, _, operation in operations]

    assert len(set(names)) == len(names) > 15
    for path, _method, operation in operations:
        assert operation["summary"], path
        assert operation["tags"], path
        if path.startswith("/v1/"):
            assert {"401", "403", "422", "503"} <= set(operation["responses"]), path
            assert operation["security"], path
            assert "application/problem+json" in operation["responses"]["422"]["content"]


def test_the_description_refers_to_nothing_that_is_missing(description: dict[str, Any]) -> None:
    def references(part: Any) -> list[str]:
        if isinstance(part, dict):
            own = [part["$ref"]] if isinstance(part.get("$ref"), str) else []
            return own + [found for value in part.values() for found in references(value)]
        return [found for value in part for found in references(value)] if isinstance(part, list) else []

    assert description["openapi"].startswith("3.1")
    components = description["components"]
    schemas = components["schemas"]
    assert not [name for name in schemas if name.endswith("View")], "generated clients name their classes after these"
    known = {f"#/components/{kind}/{name}" for kind in ("schemas", "headers") for name in components[kind]}
    assert set(references(description)) <= known
    for schema in schemas.values():
        Draft202012Validator.check_schema(schema)


async def test_responses_match_the_description(description: dict[str, Any], admin: Caller, name: str) -> None:
    made = await admin.signed_up(name)
    refused = (await admin.sign_up(name)).json()
    timeline = (await admin.get(f"/v1/subscriptions/{made['id']}/timeline")).json()

    of_customer, use = f"/v1/customers/{name}", {"feature": "users", "key": name}
    answers = (
        (made, "Subscription"),
        (refused, "Problem"),
        (timeline, "Timeline"),
        ((await admin.get(of_customer)).json(), "Customer"),
        ((await admin.get(f"{of_customer}/entitlements")).json(), "Entitlements"),
        ((await admin.get(f"{of_customer}/entitlements/users")).json(), "EntitlementCheckResult"),
        ((await admin.get(f"{of_customer}/usage")).json(), "CustomerUsage"),
        ((await admin.post(f"{of_customer}/consume", use)).json(), "ConsumeResult"),
        (
            (await admin.post(f"{of_customer}/consume", use | {"key": f"{name}-2", "quantity": 9})).json(),
            "DenialProblem",
        ),
    )
    for told, schema in answers:
        whole = {"$ref": f"#/components/schemas/{schema}", "components": description["components"]}
        Draft202012Validator(whole).validate(told)


@pytest.fixture(scope="module")
async def cut_off(stack: Stack, looked_up: Provider) -> AsyncIterator[httpx.AsyncClient]:
    """An API whose database is unavailable."""
    engine = create_engine_from_url(f"postgresql://nobody:hunter2@127.0.0.1:{free_port()}/none")
    parts = AppDependencies(
        client=stack.client,
        engine=engine,
        system_engine=engine,
        catalog=shipped_catalog(),
        policy=shipped_policy(),
        publish_offer=Offer(engine, shipped_catalog()).publish,
        events=StripeEvents(["whsec_known"]),
        deliver=webhook_delivery(stack.client, engine, looked_up, TRIAL_KEY).deliver,
        wallets=looked_up.wallets,
        contacts=looked_up.contacts,
        purchases=purchases_of(stack.client, engine, looked_up, TRIAL_KEY),
        refunds=refunds_of(stack.client, engine, looked_up, TRIAL_KEY),
        public_url="http://127.0.0.1",
        signing=SigningSecrets.of("s" * 32),
        encryption=encryption(SigningSecrets.of("s" * 32)),
        event_sender=event_sender(),
        trial_key=TRIAL_KEY,
        brand=Brand("Northwind", "http://127.0.0.1"),
        key_mode=KeyMode.TEST,
    )
    async with (
        serve(create_app(parts)) as address,
        httpx.AsyncClient(base_url=address, trust_env=False, timeout=PATIENT) as http,
    ):
        yield http
    await engine.dispose()


async def test_without_its_database_the_api_is_alive_but_not_ready(cut_off: httpx.AsyncClient) -> None:
    assert (await cut_off.get("/healthz")).status_code == 200
    answer = await cut_off.get("/readyz")

    assert answer.status_code == 503
    assert answer.json()["status"] == "not ready"
    assert answer.json()["checks"]["temporal"] == "ok"
    assert answer.json()["checks"]["database"] == "the database is out of reach"
    assert "hunter2" not in answer.text


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/v1/subscriptions"),
        ("GET", "/v1/plans"),
        ("POST", "/v1/subscriptions"),
        ("POST", "/v1/subscriptions/5c1f2f0e-7a43-5d0b-9a52-3f0f6f1f8c11/cancel"),
    ],
)
async def test_without_its_database_callers_are_told_to_retry(
    cut_off: httpx.AsyncClient, method: str, path: str
) -> None:
    headers = {"Authorization": f"Bearer {new_key(KeyMode.TEST)}", "Idempotency-Key": "k"}
    answer = await cut_off.request(
        method, path, headers=headers, json=a_sign_up(a_name("cut-off")) if method == "POST" else None
    )

    problem = problem_of(answer, 503, "database_unavailable")
    assert int(answer.headers["Retry-After"]) > 0
    assert "hunter2" not in answer.text
    assert "127.0.0.1" not in problem["detail"]


async def test_without_its_database_a_webhook_is_not_acknowledged(cut_off: httpx.AsyncClient) -> None:

    body = json.dumps(an_event()).encode()

    answer = await cut_off.post(
        "/webhooks/stripe", content=body, headers={"Stripe-Signature": signed(body, "whsec_known")}
    )

    problem_of(answer, 503, "database_unavailable")


async def test_without_its_database_the_provider_is_told_to_resend(cut_off: httpx.AsyncClient) -> None:
    body = json.dumps(an_event()).encode()

    answer = await cut_off.post(
        "/webhooks/stripe", content=body, headers={"Stripe-Signature": signed(body, "whsec_known")}
    )

    problem_of(answer, 503, "database_unavailable")
