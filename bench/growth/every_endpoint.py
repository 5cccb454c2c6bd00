"""Requests for everything that the API and the console read: every GET route, with each of its parameters."""

import re
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final
from urllib.parse import urlencode

import httpx
from fastapi.routing import APIRoute
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from api.app import ROUTERS
from api.console.numbers.reports import REPORTS
from domain.names import DEFAULT_TENANT
from domain.subscription.lifecycle import Status
from storage.access.console_sessions import new_sign_in_link
from storage.access.operators import OperatorRole, Operators

COOKIE: Final = re.compile(r"__Host-tenure_[a-z]+=[^;]+")
FOUNDER: Final = "founder@example.com"
LEFT_OUT: Final = ("/console/sign-in", "/console/enter/{token}")
_KNOWN: Final = text(
    "SELECT s.id::text AS subscription, c.external_id, c.email, s.plan, s.agreement_ref, c.customer_ref,"
    " (SELECT id::text FROM mails WHERE subscription = s.id LIMIT 1) AS mail"
    " FROM subscriptions s JOIN customers c ON c.id = s.customer"
    " WHERE s.status = 'active' AND s.agreement_ref <> '' ORDER BY s.id DESC LIMIT 1"
)
_A_YEAR: Final = timedelta(days=364)


@dataclass(frozen=True)
class Ask:
    """One request."""

    path: str

    @property
    def name(self) -> str:
        return f"GET {self.path}"


async def requests(engine: AsyncEngine) -> list[Ask]:
    """Every one, about a subscription that is far from the beginning of lists.

    *engine* is of the role that sees every tenant.
    """
    async with engine.connect() as connection:
        known = (await connection.execute(_KNOWN)).one()._asdict()
    placed = {
        "subscription_id": known["subscription"],
        "external_id": known["external_id"],
        "mail_id": known["mail"],
        "feature": "storage_gb",
        "code": known["plan"],
    }
    return list(dict.fromkeys(_all(placed, _values(known))))


def _values(known: Mapping[str, str]) -> Mapping[str, tuple[str, ...]]:
    """What is given for each parameter, in turn."""
    now = datetime.now(UTC)
    everybody_has = known["email"].rpartition(".")[2]
    return {
        "status": tuple(each.value for each in Status),
        "plan": (known["plan"],),
        "q": (known["external_id"], known["email"], everybody_has, "nobody-at-all", known["customer_ref"][:12], "zz"),
        "customer": (known["external_id"],),
        "blocked": ("true", "false"),
        "interval": ("year",),
        "trial_ends_before": ((now + timedelta(days=3)).date().isoformat(),),
        "renews_before": ((now + timedelta(days=3)).date().isoformat(),),
        "created_from": ((now - timedelta(days=90)).isoformat().replace("+00:00", "Z"),),
        "sort": ("asc",),
        "limit": ("100",),
        "subscription": (known["subscription"],),
        "target": (known["subscription"],),
        "type": ("invoice.paid", "subscription.renewed"),
        "from": ((now - _A_YEAR).date().isoformat(),),
        "group": ("plan", "billing_interval", "reason_code", "decline_code"),
        "currency": ("usd",),
        "billing_interval": ("year",),
        "periods": ("12",),
        "actor": ("nobody",),
        "action": ("consume",),
    }


def _all(placed: Mapping[str, str], values: Mapping[str, tuple[str, ...]]) -> Iterator[Ask]:
    for route in _routes():
        try:
            path = route.path_format.format(**placed)
        except KeyError:
            if route.path_format.startswith("/console/numbers/"):
                yield from (Ask(route.path_format.format(name=report)) for report in REPORTS)
            continue
        needed = {"from": placed["code"], "to": placed["code"]} if path.endswith("/compare") else {}
        needed |= {"feature": placed["feature"]} if path.endswith("/suggest") else {}
        names = _parameters(route)
        yield Ask(_with(path, needed))
        for name in names:
            for value in () if name in needed else values.get(name, ()):
                yield Ask(_with(path, needed | {name: value}))
        if {"status", "q"} <= names:
            plan = values["plan"][0]
            yield from (Ask(_with(path, {"plan": plan, "status": each.value, "sort": "asc"})) for each in Status)
    yield from (Ask(path) for path in ("/metrics", "/readyz", "/pricing"))


def _with(path: str, query: Mapping[str, str]) -> str:
    return f"{path}?{urlencode(query)}" if query else path


def _routes() -> Iterator[APIRoute]:
    for router in ROUTERS:
        for route in router.routes:
            if not isinstance(route, APIRoute) or "GET" not in (route.methods or ()):
                continue
            if route.path_format.startswith(("/v1", "/console")) and route.path_format not in LEFT_OUT:
                yield route


def _parameters(route: APIRoute) -> set[str]:
    found: set[str] = set()
    dependants = [route.dependant]
    while dependants:
        one = dependants.pop()
        found |= {each.alias for each in one.query_params}
        dependants += one.dependencies
    return found


@asynccontextmanager
async def reader(engine: AsyncEngine, api_url: str, admin_key: str) -> AsyncIterator[httpx.AsyncClient]:
    """One who may read everything: by an admin's key, and signed in to the console."""
    founder, _ = await Operators(engine).add(FOUNDER, OperatorRole.ADMIN, tenant=DEFAULT_TENANT)
    link = await new_sign_in_link(engine, founder, api_url)
    async with httpx.AsyncClient(base_url=api_url, timeout=120) as browser:
        entered = await browser.post(link, headers={"Sec-Fetch-Site": "same-origin"})
        found = COOKIE.match(entered.headers.get("Set-Cookie", ""))
        if found is None:
            raise RuntimeError(f"the console does not let {FOUNDER} in: {entered.text[:200]}")
        browser.headers["Cookie"] = found[0]
        browser.headers["Authorization"] = f"Bearer {admin_key}"
        yield browser


async def answered(browser: httpx.AsyncClient, ask: Ask) -> tuple[int, Any]:
    answer = await browser.get(ask.path)
    return answer.status_code, answer.text[:300]
