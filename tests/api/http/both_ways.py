"""An API that answers each request by a plain route and by FastAPI alone. Its database is made up, so nothing waits."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any, cast

import httpx
import pytest
import structlog
from fastapi import FastAPI
from prometheus_client import generate_latest
from sqlalchemy.exc import TimeoutError as PoolTimeout

import api.app
from api.http.dependencies import AppDependencies
from domain.access import Basis
from domain.brand import Brand
from domain.catalog.plans import Catalog
from domain.entitlements.grants import EntitlementBasis
from domain.entitlements.usage import Counted, Counter, GivenBack, Outcome, Tally, UsageChange, UsageVerdict
from domain.errors import GatewayUnavailable
from domain.request_rates import RequestRate, RequestRates
from domain.signing import SigningSecrets
from domain.subscription.policy import DEFAULT_POLICY
from storage.access.api_keys import ApiKey, Role
from storage.db.engine import create_engine_from_url
from storage.db.roles import DatabaseRole
from tests.harness.logs import but_of_servers
from tests.harness.shop import CATALOG
from tests.harness.trial_key import TRIAL_KEY
from worker.composition.gateways import encryption, event_sender

NOWHERE = "postgresql://nobody@127.0.0.1:1/none"
NOW = datetime(2026, 3, 10, 12, tzinfo=UTC)
MONTH = (datetime(2026, 3, 1, tzinfo=UTC), datetime(2026, 4, 1, tzinfo=UTC))
STANDING = EntitlementBasis(
    moment=NOW,
    basis=Basis.FREE_PLAN,
    customer_id=None,
    subscription=None,
    status=None,
    access=None,
    own_plan=None,
    plan="free",
    catalog=CATALOG.name,
    revision=1,
    add_ons={},
    quantity=1,
    period_start=None,
    period_end=None,
    is_billed=False,
)
KEYS = {role.value: ApiKey(f"key of {role}", "default", role, role.value) for role in Role}
"""Plain texts, and whose they are."""
FAILURES: Mapping[str, Exception] = {
    "cut-off": GatewayUnavailable("the database is out of reach: 10.0.0.1", code="database_unavailable"),
    "crowded": PoolTimeout(),
    "broken": RuntimeError("a bug of ours"),
}
"""What happens to customers of these names."""


class _Keys:
    async def verify(self, plaintext: str) -> ApiKey | None:
        return KEYS.get(plaintext)


class _Usage:
    """Usage whose outcome is its key's name, and counted under any other key."""

    async def use(self, use: UsageChange, _rules: object, *, tenant: str) -> Counted:
        _fail_for(use.customer)
        outcome = Outcome(use.key) if use.key in set(Outcome) else Outcome.COUNTED
        counter = Counter(use.meter, 10, 11, 9, 9 - use.quantity, *MONTH)
        return Counted(outcome, STANDING, (counter,) if use.meter in CATALOG.features else ())

    async def standing(
        self, customer: str, _rules: object, *, tenant: str
    ) -> tuple[EntitlementBasis, tuple[Tally, ...]]:
        _fail_for(customer)
        return STANDING, (Tally("runs", 9, MONTH[0], None),)

    async def give_back(
        self, customer: str, _meters: object, key: str, quantity: int | None, _rules: object, *, tenant: str
    ) -> GivenBack:
        _fail_for(customer)
        verdict = UsageVerdict(key) if key in set(UsageVerdict) else UsageVerdict.GIVEN_BACK
        return GivenBack(verdict, quantity or 3, 3, {"runs": 6})


class _Catalogs:
    async def get(self, _name: str, *, revision: int | None = None) -> Catalog:
        return CATALOG


def _fail_for(customer: str) -> None:
    if customer in FAILURES:
        raise FAILURES[customer]


@dataclass(frozen=True)
class Answer:
    """What the caller gets, and what is logged about it."""

    status: int
    headers: Mapping[str, str]
    body: bytes
    log: tuple[Mapping[str, Any], ...] = field(repr=False)


_OWN_STATE = re.compile(r'"key";r=\d+;t=\d+')
"""Of the key's rate, which depends on how long ago the last request was."""


class Way:
    """An API that is asked in this process."""

    def __init__(self, app: FastAPI) -> None:
        self._app = app
        app.state.repositories = replace(
            app.state.repositories,
            usage=cast("Any", _Usage()),
            crossings=replace(app.state.repositories.crossings, keys=cast("Any", _Keys())),
            catalogs=cast("Any", _Catalogs()),
        )

    async def ask(self, method: str, path: str, **request: Any) -> Answer:
        transport = httpx.ASGITransport(app=self._app, raise_app_exceptions=False)
        with structlog.testing.capture_logs() as log:
            async with httpx.AsyncClient(transport=transport, base_url="http://api.example") as http:
                answer = await http.request(method, path, **request)
        lines = tuple({name: value for name, value in line.items() if name != "ms"} for line in but_of_servers(log))
        headers = {name: _OWN_STATE.sub('"key"', value) for name, value in answer.headers.items()}
        return Answer(answer.status_code, headers, answer.content, lines)

    def measured(self) -> list[str]:
        """How many requests were measured, by method, route and status."""
        measured = generate_latest(self._app.state.exposition.requests).decode().splitlines()
        return sorted(line for line in measured if line.startswith("tenure_http_requests_total"))


def plain_and_described(monkeypatch: pytest.MonkeyPatch) -> tuple[Way, Way]:
    """An API with plain routes, and one whose endpoints are all FastAPI's."""
    unthrottled = RequestRate(10**6)
    parts = AppDependencies(
        client=cast("Any", None),
        engine=create_engine_from_url(NOWHERE, role=DatabaseRole.APPLICATION),
        system_engine=create_engine_from_url(NOWHERE, role=DatabaseRole.SYSTEM),
        catalog=CATALOG,
        policy=DEFAULT_POLICY,
        publish_offer=cast("Any", None),
        events=cast("Any", None),
        deliver=cast("Any", None),
        wallets=cast("Any", None),
        contacts=cast("Any", None),
        purchases=cast("Any", None),
        refunds=cast("Any", None),
        public_url="http://api.example",
        signing=SigningSecrets.of("s" * 32),
        encryption=encryption(SigningSecrets.of("s" * 32)),
        event_sender=event_sender(),
        trial_key=TRIAL_KEY,
        brand=Brand("Northwind", "http://api.example"),
        rates=RequestRates(unthrottled, unthrottled, unthrottled, 10**6),
    )
    plain = Way(api.app.create_app(parts))
    with monkeypatch.context() as patch:
        patch.setattr(api.app, "PLAIN_ENDPOINTS", ())
        return plain, Way(api.app.create_app(parts))
