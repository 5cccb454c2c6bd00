"""Revenue at a glance, as JSON and as CSV."""

import csv
from datetime import UTC, datetime, timedelta
from io import StringIO
from typing import Any
from zoneinfo import ZoneInfo

import httpx
import pytest

from domain.subscription.lifecycle import Status
from tests.harness.callers import fields_of, problem_of
from tests.storage.ledger import Ledger, a_step, later

OVERVIEW = "/v1/metrics/overview"
PRO, STARTER = 19900, 4900
BERLIN = ZoneInfo("Europe/Berlin")


async def overview(api: httpx.AsyncClient, **query: str) -> dict[str, Any]:
    answer = await api.get(OVERVIEW, params=query)
    assert answer.status_code == 200, answer.text
    told: dict[str, Any] = answer.json()
    return told


@pytest.mark.usefixtures("lives")
async def test_what_there_is_now_and_of_what_it_consists(api: httpx.AsyncClient, ledger: Ledger) -> None:
    await ledger.sign_up("trial")

    [usd] = (await overview(api))["data"]

    assert (usd["currency"], usd["mrr"], usd["arr"], usd["paused"]) == ("usd", PRO, 12 * PRO, STARTER)
    assert (usd["customers"], usd["trialing_customers"], usd["trialing"], usd["arpu"]) == (1, 1, STARTER, PRO)
    assert [(each["plan"], each["mrr"], each["paused"]) for each in usd["by_plan"]] == [
        ("professional", PRO, 0),
        ("starter", 0, STARTER),
    ]
    assert [(each["billing_interval"], each["mrr"]) for each in usd["by_billing_interval"]] == [("month", PRO)]
    assert [(each["status"], each["mrr"], each["trialing_customers"]) for each in usd["by_status"]] == [
        ("active", PRO, 0),
        ("paused", 0, 0),
        ("trialing", 0, 1),
    ]


async def test_growth_of_the_current_month_and_the_one_before(api: httpx.AsyncClient, ledger: Ledger) -> None:
    now = datetime.now(BERLIN)
    before = (now.replace(day=1) - timedelta(days=1)).replace(day=10)
    ada = later(await ledger.sign_up("ada"), status=Status.ACTIVE)
    await ledger.save(a_step(ada, at=before))
    await ledger.save(a_step(later(await ledger.sign_up("bob"), status=Status.ACTIVE), at=now))

    [usd] = (await overview(api))["data"]

    assert usd["last_month"] == {
        "period": f"{before:%Y-%m}",
        "start": 0,
        "end": STARTER,
        "net_new": STARTER,
        "growth": None,
        "quick_ratio": None,
    }
    assert (usd["this_month"]["net_new"], usd["this_month"]["growth"]) == (STARTER, 1.0)
    assert (usd["ltv"], usd["ltv_missing"]) == (None, "no_full_month")


@pytest.mark.usefixtures("lives")
async def test_currencies_are_never_added(api: httpx.AsyncClient, ledger: Ledger) -> None:
    lena = later(await ledger.sign_up("lena", currency="eur"), status=Status.ACTIVE)
    await ledger.save(a_step(lena, at=datetime.now(UTC)))

    eur, usd = (await overview(api))["data"]

    assert [(each["currency"], each["mrr"]) for each in (eur, usd)] == [("eur", STARTER), ("usd", PRO)]
    assert (await overview(api, currency="eur"))["data"] == [eur]
    [nothing] = (await overview(api, currency="gbp"))["data"]
    assert (nothing["mrr"], nothing["arpu"], nothing["ltv_missing"]) == (0, None, "no_customers")


@pytest.mark.usefixtures("lives")
async def test_one_plan_alone(api: httpx.AsyncClient) -> None:
    [usd] = (await overview(api, plan="starter"))["data"]
    assert (usd["mrr"], usd["paused"], [each["plan"] for each in usd["by_plan"]]) == (0, STARTER, ["starter"])


@pytest.mark.usefixtures("lives")
async def test_the_csv_has_a_row_of_all_and_of_each_part(api: httpx.AsyncClient) -> None:
    told = await overview(api)
    [usd] = told["data"]

    rows = list(csv.DictReader(StringIO((await api.get(told["links"]["csv"])).text)))

    assert (rows[0]["by"], rows[0]["mrr"], rows[0]["arpu"]) == ("", str(usd["mrr"]), str(usd["arpu"]))
    parts = [(by, each[by], each["mrr"]) for by in ("plan", "billing_interval", "status") for each in usd[f"by_{by}"]]
    assert [(row["by"], row["name"], int(row["mrr"])) for row in rows[1:]] == parts


@pytest.mark.usefixtures("lives")
async def test_every_figure_is_defined(api: httpx.AsyncClient) -> None:
    told = await overview(api)
    [usd] = told["data"]

    words = {"currency", "ltv_missing", "this_month", "last_month", "by_plan", "by_billing_interval", "by_status"}
    figures = usd.keys() | usd["this_month"].keys()
    assert figures - words - {"period", "start", "end"} == told["definitions"].keys()


async def test_where_nothing_has_moved_there_is_no_currency(api: httpx.AsyncClient) -> None:
    assert (await overview(api))["data"] == []


@pytest.mark.parametrize(("query", "field"), [({"plan": "Ö"}, "plan"), ({"currency": "$"}, "currency")])
async def test_a_bad_query_is_refused_by_name(api: httpx.AsyncClient, query: dict[str, str], field: str) -> None:
    answer = await api.get(OVERVIEW, params=query)
    assert fields_of(problem_of(answer, 422, "malformed")) == {field}
