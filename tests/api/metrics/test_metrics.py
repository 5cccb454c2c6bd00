"""MRR and its movements, as JSON and as CSV."""

import csv
from datetime import UTC, date, datetime, timedelta
from io import StringIO
from typing import Any

import httpx
import pytest

from api.http.csv import csv_answer
from domain.catalog.plans import Interval
from domain.revenue.definitions import MOVEMENTS
from domain.subscription.lifecycle import Status
from tests.api.metrics.conftest import on, today_in
from tests.harness.callers import fields_of, problem_of
from tests.storage.ledger import Ledger, a_step, later

QUARTER = {"from": "2026-01", "to": "2026-03"}
PRO, STARTER = 19900, 4900


async def report(api: httpx.AsyncClient, name: str, **query: str) -> dict[str, Any]:
    answer = await api.get(f"/v1/metrics/{name}", params=query)
    assert answer.status_code == 200, answer.text
    told: dict[str, Any] = answer.json()
    return told


def shown(period: dict[str, Any]) -> dict[str, tuple[int, int]]:
    """What moved, as MRR and customers."""
    figures = {kind: figure for kind, figure in period.items() if isinstance(figure, dict)}
    return {kind: (each["mrr"], each["customers"]) for kind, each in figures.items() if each["arr"]}


@pytest.mark.usefixtures("lives")
async def test_movements_lead_from_the_start_of_each_month_to_its_end(api: httpx.AsyncClient) -> None:
    told = await report(api, "movements", **QUARTER)

    january, february, march = told["data"]
    assert (january["period"], january["start"], january["end"]) == ("2026-01", 0, 3 * STARTER)
    assert shown(january) == {"new": (3 * STARTER, 3)}
    assert shown(february) == {"expansion": (PRO - STARTER, 1), "pause": (-STARTER, 1)}
    assert shown(march) == {"churn": (-STARTER, 1)}
    assert march["churn"]["by"]["involuntary"] == {"mrr": -STARTER, "arr": -12 * STARTER, "customers": 1}
    assert (march["start"], march["end"], march["end_arr"]) == (february["end"], PRO, 12 * PRO)


@pytest.mark.usefixtures("lives")
async def test_a_report_says_what_it_is_of(api: httpx.AsyncClient) -> None:
    told = await report(api, "movements", **QUARTER)

    assert (told["currency"], told["currencies"], told["timezone"]) == ("usd", ["usd"], "Europe/Berlin")
    assert told["since"] == "2026-01-10"
    assert date.fromisoformat(told["complete_until"]) < today_in(told)
    assert told["definitions"]["churn"] == MOVEMENTS["churn"]
    as_csv = await api.get(told["links"]["csv"])
    assert as_csv.headers["Content-Type"] == "text/csv; charset=utf-8"


@pytest.mark.usefixtures("lives")
@pytest.mark.parametrize("name", ["movements", "mrr"])
async def test_the_csv_has_the_figures_of_the_json(api: httpx.AsyncClient, name: str) -> None:
    told = await report(api, name, **QUARTER)
    by_header = await api.get(f"/v1/metrics/{name}", params=QUARTER, headers={"Accept": "text/csv"})
    by_query = await api.get(f"/v1/metrics/{name}", params=QUARTER | {"format": "csv"})

    assert by_header.text == by_query.text
    assert by_header.headers["Content-Disposition"] == f'attachment; filename="{name}.csv"'
    rows = list(csv.DictReader(StringIO(by_query.text)))
    assert [row["period"] for row in rows] == [each["period"] for each in told["data"]]
    names = ["end"] if name == "movements" else ["mrr", "arr", "paused", "customers"]
    assert [[int(row[each]) for each in names] for row in rows] == [
        [period[each] for each in names] for period in told["data"]
    ]
    if name == "movements":
        assert (rows[2]["churn"], rows[2]["churn_customers"], rows[2]["churn_involuntary"]) == ("-4900", "1", "-4900")


@pytest.mark.usefixtures("lives")
async def test_figures_of_one_plan_say_who_enters_and_leaves(api: httpx.AsyncClient) -> None:
    of_one = await report(api, "movements", **QUARTER, plan="starter")
    of_each = await report(api, "movements", **QUARTER, group="plan")

    assert shown(of_one["data"][1]) == {"leaving": (-STARTER, 1), "pause": (-STARTER, 1)}
    by_plan = {(each["plan"], each["period"]): each for each in of_each["data"]}
    assert shown(by_plan["professional", "2026-02"]) == {"entering": (PRO, 1)}
    assert by_plan["starter", "2026-02"] == of_one["data"][1]
    ends = [by_plan[plan, "2026-03"]["end"] for plan in ("starter", "professional")]
    assert sum(ends) == (await report(api, "movements", **QUARTER))["data"][2]["end"]


async def test_figures_of_one_billing_interval_say_who_enters_and_leaves(
    api: httpx.AsyncClient, ledger: Ledger
) -> None:
    it = later(await ledger.sign_up("ada"), status=Status.ACTIVE)
    await ledger.save(a_step(it, at=on(1)))
    await ledger.save(a_step(later(it, interval=Interval.YEAR, amount=49000), at=on(2)))

    by_year = await report(api, "movements", **QUARTER, billing_interval="year")
    of_each = await report(api, "mrr", **QUARTER, group="billing_interval")

    assert shown(by_year["data"][1]) == {"entering": (4083, 1)}
    assert [(each["billing_interval"], each["mrr"]) for each in of_each["data"] if each["period"] == "2026-03"] == [
        ("month", 0),
        ("year", 4083),
    ]
    assert (await report(api, "mrr", billing_interval="month"))["now"]["mrr"] == 0


@pytest.mark.usefixtures("lives")
async def test_mrr_at_the_end_of_each_month_and_now(api: httpx.AsyncClient) -> None:
    told = await report(api, "mrr", **QUARTER)

    assert [(each["mrr"], each["paused"], each["customers"]) for each in told["data"]] == [
        (3 * STARTER, 0, 3),
        (PRO + STARTER, STARTER, 2),
        (PRO, STARTER, 1),
    ]
    assert told["now"] == {
        "mrr": PRO,
        "arr": 12 * PRO,
        "committed": PRO,
        "at_risk": 0,
        "paused": STARTER,
        "trialing": 0,
        "customers": 1,
    }


@pytest.mark.usefixtures("lives")
async def test_what_there_is_now_can_be_told_apart_by_status(api: httpx.AsyncClient) -> None:
    paused, active = [await report(api, "mrr", status=status) for status in ("paused", "active")]

    assert (paused["data"], paused["now"]["mrr"], paused["now"]["paused"]) == ([], 0, STARTER)
    assert (active["now"]["mrr"], active["now"]["customers"], active["now"]["paused"]) == (PRO, 1, 0)
    of_another_plan = await report(api, "mrr", status="active", plan="starter")
    assert of_another_plan["now"]["mrr"] == 0


@pytest.mark.parametrize(
    ("name", "query", "words"),
    [
        ("movements", {}, "ask for mrr with this status"),
        ("mrr", QUARTER, "leave out from, to"),
        ("mrr", {"group": "plan", "format": "csv", "interval": "day"}, "leave out group, CSV, interval"),
    ],
)
async def test_a_status_of_the_past_is_refused(
    api: httpx.AsyncClient, name: str, query: dict[str, str], words: str
) -> None:
    answer = await api.get(f"/v1/metrics/{name}", params={"status": "past_due", **query})

    assert answer.status_code == 422
    assert fields_of(answer.json()) == {"status"}
    assert words in answer.text


async def test_a_status_is_refused_however_csv_is_asked_for(api: httpx.AsyncClient) -> None:
    as_csv = {"Accept": "text/csv"}
    by_header = await api.get("/v1/metrics/mrr", params={"status": "active"}, headers=as_csv)
    not_meant = await api.get("/v1/metrics/mrr", params={"status": "active", "format": "json"}, headers=as_csv)

    assert (by_header.status_code, fields_of(by_header.json())) == (422, {"status"})
    assert "leave out CSV" in by_header.text
    assert not_meant.status_code == 200


@pytest.mark.usefixtures("lives")
@pytest.mark.parametrize(
    ("interval", "first", "last", "periods"),
    [("day", "2026-02", "2026-02", 28), ("month", "2025", "2026", 24), ("year", "2025", "2026-01", 2)],
)
async def test_a_named_month_or_year_is_meant_as_a_whole(
    api: httpx.AsyncClient, interval: str, first: str, last: str, periods: int
) -> None:
    for name in ("movements", "trials"):
        told = await report(api, name, interval=interval, **{"from": first, "to": last})

        assert len(told["data"]) == periods


async def test_a_yearly_price_is_rounded_once(api: httpx.AsyncClient, ledger: Ledger) -> None:
    for name in ("ada", "bob"):
        it = later(await ledger.sign_up(name), status=Status.ACTIVE, amount=49_001)
        await ledger.save(a_step(later(it, interval=type(it.interval)("year")), at=datetime(2026, 1, 10, tzinfo=UTC)))

    [january] = (await report(api, "movements", **{"from": "2026-01", "to": "2026-01"}))["data"]

    assert (january["end_arr"], january["end"]) == (98_002, 8167)


async def test_without_anything_there_are_zeros_for_the_last_twelve_months(api: httpx.AsyncClient) -> None:
    told = await report(api, "mrr")

    assert told["since"] is None
    assert [each["mrr"] for each in told["data"]] == [0] * 12
    assert told["data"][-1]["period"] == f"{today_in(told):%Y-%m}"
    assert set(told["now"].values()) == {0}


async def test_a_subscription_whose_own_time_is_ahead_is_in_the_figures(api: httpx.AsyncClient, ledger: Ledger) -> None:
    ahead = datetime.now(UTC) + timedelta(days=500)
    await ledger.save(a_step(later(await ledger.sign_up("ada"), status=Status.ACTIVE), at=ahead))

    told = await report(api, "mrr", interval="year")

    assert (told["data"][-1]["period"], told["data"][-1]["mrr"]) == (f"{ahead:%Y}", STARTER)


@pytest.mark.parametrize(
    ("query", "periods"),
    [
        ({"from": "2026-01-30", "to": "2026-02-02", "interval": "day"}, ["2026-01-30", "2026-02-02"]),
        ({"from": "2024", "to": "2026", "interval": "year"}, ["2024", "2026"]),
        ({"from": "2025-11-30", "to": "2026-02-01"}, ["2025-11", "2026-02"]),
    ],
)
async def test_periods_are_days_months_or_years(
    api: httpx.AsyncClient, query: dict[str, str], periods: list[str]
) -> None:
    told = await report(api, "mrr", **query)
    assert [told["data"][0]["period"], told["data"][-1]["period"]] == periods


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ({"from": "January"}, "from"),
        ({"from": "2026-13"}, "from"),
        ({"to": "2026-02-30"}, "to"),
        ({"to": "9999"}, "to"),
        ({"from": "2026-03", "to": "2026-02"}, "from"),
        ({"from": "2020-01-01", "to": "2026-01-01", "interval": "day"}, "from"),
        ({"interval": "week"}, "interval"),
        ({"currency": "$"}, "currency"),
        ({"group": "customer"}, "group"),
        ({"billing_interval": "week"}, "billing_interval"),
        ({"format": "xml"}, "format"),
        ({"plan": "x" * 65}, "plan"),
        ({"plan": "a\0b"}, "plan"),
    ],
)
async def test_a_bad_query_is_refused_by_name(api: httpx.AsyncClient, query: dict[str, str], field: str) -> None:
    answer = await api.get("/v1/metrics/movements", params=query)
    assert fields_of(problem_of(answer, 422, "malformed")) == {field}


async def test_without_a_key_nobody_sees_figures(api: httpx.AsyncClient) -> None:
    answer = await api.get("/v1/metrics/mrr", headers={"Authorization": ""})
    problem_of(answer, 401, "unauthorized")


def test_no_text_of_a_csv_is_a_formula_and_numbers_stay_numbers() -> None:
    formulas = ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1", "\n=1", "＝1+1", "＋1", "－1", "＠SUM(A1)"]
    harmless = ["plain", 'quo"te,d', "a=b"]
    answer = csv_answer("name", ["text", "number"], [[text, -5] for text in formulas + harmless])

    rows = list(csv.reader(StringIO(bytes(answer.body).decode(), newline="")))

    assert [row[0] for row in rows[1:]] == [f"'{text}" for text in formulas] + harmless
    assert {row[1] for row in rows[1:]} == {"-5"}
