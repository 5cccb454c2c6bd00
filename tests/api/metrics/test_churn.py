"""Customers and churn, as JSON and as CSV."""

import csv
from io import StringIO
from typing import Any

import httpx
import pytest

from tests.harness.callers import fields_of, problem_of

QUARTER = {"from": "2026-01", "to": "2026-03"}
STARTER, PRO = 4900, 19900


async def report(api: httpx.AsyncClient, name: str, **query: str) -> dict[str, Any]:
    answer = await api.get(f"/v1/metrics/{name}", params=QUARTER | query)
    assert answer.status_code == 200, answer.text
    told: dict[str, Any] = answer.json()
    return told


def shown(period: dict[str, Any]) -> dict[str, int]:
    return {name: number for name, number in period.items() if number and name not in ("period", "plan")}


@pytest.mark.usefixtures("lives")
async def test_who_comes_and_who_goes_lead_from_the_start_of_each_month_to_its_end(api: httpx.AsyncClient) -> None:
    january, february, march = (await report(api, "customers"))["data"]

    assert (january["period"], shown(january)) == ("2026-01", {"new": 3, "end": 3})
    assert shown(february) == {"start": 3, "pause": 1, "end": 2}
    assert shown(march) == {"start": 2, "churn": 1, "end": 1}


@pytest.mark.usefixtures("lives")
async def test_customers_of_one_plan_enter_and_leave(api: httpx.AsyncClient) -> None:
    told = (await report(api, "customers", group="plan"))["data"]

    pro, starter = ([each for each in told if each["plan"] == plan] for plan in ("professional", "starter"))
    assert shown(pro[1]) == {"entering": 1, "end": 1}
    assert shown(starter[1]) == {"start": 3, "pause": 1, "leaving": 1, "end": 1}
    assert (await report(api, "customers", plan="starter"))["data"] == starter


@pytest.mark.usefixtures("lives")
async def test_churn_is_a_share_of_what_there_was(api: httpx.AsyncClient) -> None:
    january, february, march = (await report(api, "churn"))["data"]

    assert [january[rate] for rate in ("logo_churn", "gross_revenue_churn", "nrr")] == [None, None, None]
    assert (february["logo_churn"], february["gross_revenue_churn"], february["grr"]) == (0, 0, 1)
    assert february["nrr"] == round(1 + (PRO - STARTER) / (3 * STARTER), 6)
    assert (march["logo_churn"], march["gross_revenue_churn"]) == (0.5, round(STARTER / (PRO + STARTER), 6))
    assert march["churn"] == {"mrr": -STARTER, "arr": -12 * STARTER, "customers": 1}
    assert march["by"]["involuntary"] == {
        **march["churn"],
        "logo_churn": 0.5,
        "gross_revenue_churn": march["gross_revenue_churn"],
    }
    assert march["by"]["voluntary"]["customers"] == 0


@pytest.mark.usefixtures("lives")
@pytest.mark.parametrize("name", ["customers", "churn"])
async def test_the_csv_has_the_figures_of_the_json(api: httpx.AsyncClient, name: str) -> None:
    told = await report(api, name)
    answer = await api.get(told["links"]["csv"])

    assert answer.headers["Content-Disposition"] == f'attachment; filename="{name}.csv"'
    rows = list(csv.DictReader(StringIO(answer.text)))
    for row, period in zip(rows, told["data"], strict=True):
        same = {head: period[head] for head in row if head in period and not isinstance(period[head], dict)}
        assert {head: row[head] for head in same} == {
            head: "" if cell is None else str(cell) for head, cell in same.items()
        }
    if name == "churn":
        assert (rows[2]["churn"], rows[2]["churn_customers"], rows[2]["involuntary_logo_churn"]) == (
            str(-STARTER),
            "1",
            "0.5",
        )


@pytest.mark.usefixtures("lives")
@pytest.mark.parametrize("name", ["customers", "churn"])
async def test_every_figure_is_defined(api: httpx.AsyncClient, name: str) -> None:
    told = await report(api, name)
    known = {"period", "plan", "billing_interval", "start", "end", "start_arr", "customers_at_start", "by"}
    assert told["data"][0].keys() - known <= told["definitions"].keys()


@pytest.mark.parametrize("name", ["customers", "churn"])
async def test_a_status_of_the_past_is_refused(api: httpx.AsyncClient, name: str) -> None:
    answer = await api.get(f"/v1/metrics/{name}", params={"status": "active"})
    assert fields_of(problem_of(answer, 422, "malformed")) == {"status"}
