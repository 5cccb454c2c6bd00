"""Who asked to leave, with what they said."""

import csv
from datetime import UTC, datetime, timedelta
from io import StringIO
from typing import Any

import httpx
import pytest

from domain.subscription.ends import EndKind
from domain.subscription.lifecycle import Status
from storage.access.api_keys import ApiKeys, Role
from tests.harness.callers import problem_of
from tests.storage.ledger import Ledger, a_step, later

PATH = "/v1/cancellations"


@pytest.fixture
async def operator(ledger: Ledger) -> dict[str, str]:
    key = await ApiKeys(ledger.engine).create(Role.OPERATOR, "ada")
    return {"Authorization": f"Bearer {key}"}


@pytest.fixture(autouse=True)
async def requests(ledger: Ledger) -> None:
    """One is undone, one at once; one by an operator."""
    at = datetime(2026, 1, 10, 12, tzinfo=UTC)
    said: dict[str, Any] = {"end_kind": EndKind.CUSTOMER, "reason_code": "unused", "cancel_reason": "=1+1"}
    leaving = later(await ledger.sign_up("stays"), cancel_at=at + timedelta(days=5), **said)
    await ledger.save(a_step(leaving, at=at))
    await ledger.save(a_step(later(leaving, cancel_at=None), at=at + timedelta(hours=1)))
    for day, (name, kind) in enumerate((("goes", EndKind.CUSTOMER), ("sent", EndKind.OPERATOR)), start=1):
        it = later(await ledger.sign_up(name), status=Status.CANCELED, end_kind=kind)
        await ledger.save(a_step(it, at=at + timedelta(days=day)))


async def test_each_request_says_what_was_held_why_and_what_became_of_it(
    api: httpx.AsyncClient, operator: dict[str, str]
) -> None:
    answer = await api.get(PATH, headers=operator)

    sent, goes, stays = answer.json()["data"]
    assert stays.pop("subscription")
    assert stays == {
        "asked_at": "2026-01-10T12:00:00Z",
        "customer": "stays",
        "by": "customer",
        "plan": "starter",
        "status": "trialing",
        "reason_code": "unused",
        "comment": "=1+1",
        "retained_by": "uncancel",
        "ended_at": None,
    }
    assert (goes["customer"], goes["reason_code"], goes["comment"]) == ("goes", None, None)
    assert (goes["ended_at"], sent["by"]) == ("2026-01-11T12:00:00Z", "operator")


async def test_pages_follow_each_other_also_as_csv(api: httpx.AsyncClient, operator: dict[str, str]) -> None:
    names, path = [], f"{PATH}?limit=2&format=csv"
    while path:
        answer = await api.get(path, headers=operator)
        rows = list(csv.DictReader(StringIO(answer.text)))
        names += [(row["customer"], row["comment"]) for row in rows]
        path = answer.links["next"]["url"] if "next" in answer.links else ""
    assert names == [("sent", ""), ("goes", ""), ("stays", "'=1+1")]


async def test_a_range_is_of_when_it_was_asked_for(api: httpx.AsyncClient, operator: dict[str, str]) -> None:
    query = {"created_from": "2026-01-11T00:00:00Z", "created_to": "2026-01-12T00:00:00Z"}
    answer = await api.get(PATH, params=query, headers=operator)
    assert [each["customer"] for each in answer.json()["data"]] == ["goes"]


async def test_who_may_only_read_does_not_see_what_customers_said(api: httpx.AsyncClient) -> None:
    problem_of(await api.get(PATH), 403, "forbidden")
