"""Cohorts, as JSON and as CSV."""

import csv
from io import StringIO
from typing import Any

import httpx
import pytest

from domain.subscription.lifecycle import Status
from tests.api.metrics.conftest import on
from tests.harness.callers import fields_of, problem_of
from tests.storage.ledger import Ledger, a_step, later

STARTER, PRO = 4900, 19900


async def cohorts(api: httpx.AsyncClient, **query: str) -> dict[str, Any]:
    answer = await api.get("/v1/metrics/cohorts", params={"from": "2026-01", "to": "2026-02"} | query)
    assert answer.status_code == 200, answer.text
    told: dict[str, Any] = answer.json()
    return told


@pytest.mark.usefixtures("lives")
async def test_who_began_in_a_month_and_who_of_them_still_pays(api: httpx.AsyncClient) -> None:
    january, february = (await cohorts(api))["data"]

    assert (january["cohort"], january["customers"], january["mrr"]) == ("2026-01", 3, 3 * STARTER)
    first, second, third = january["months"][:3]
    assert (first["month"], first["period"], first["customers"], first["revenue_retention"]) == (0, "2026-01", 3, 1)
    assert (second["customers"], second["mrr"], second["customer_retention"]) == (2, PRO + STARTER, 0.666667)
    assert (third["period"], third["customers"], third["mrr"]) == ("2026-03", 1, PRO)
    assert third["revenue_retention"] == round(PRO / (3 * STARTER), 6)
    assert [month["is_complete"] for month in january["months"]] == [True] * (len(january["months"]) - 1) + [False]
    assert (february["customers"], february["months"]) == (0, [])


@pytest.mark.usefixtures("lives")
async def test_cohorts_of_those_who_began_with_one_plan(api: httpx.AsyncClient, ledger: Ledger) -> None:
    await ledger.save(a_step(later(await ledger.sign_up("kai", plan="twin"), status=Status.ACTIVE), at=on(2)))

    of_each = (await cohorts(api, group="plan"))["data"]

    assert [(each["plan"], each["cohort"], each["customers"]) for each in of_each] == [
        ("starter", "2026-01", 3),
        ("starter", "2026-02", 0),
        ("twin", "2026-01", 0),
        ("twin", "2026-02", 1),
    ]
    assert (await cohorts(api, plan="twin"))["data"] == of_each[2:]
    assert (await cohorts(api, plan="twin", billing_interval="year"))["data"][1]["customers"] == 0


@pytest.mark.usefixtures("lives")
async def test_the_csv_has_a_row_for_each_month_of_each_cohort(api: httpx.AsyncClient) -> None:
    told = await cohorts(api)

    rows = list(csv.DictReader(StringIO((await api.get(told["links"]["csv"])).text)))

    [january, _] = told["data"]
    assert [row["period"] for row in rows] == [month["period"] for month in january["months"]]
    assert (rows[1]["cohort"], rows[1]["cohort_customers"], rows[1]["customers"]) == ("2026-01", "3", "2")
    assert rows[-1]["is_complete"] == "False"


@pytest.mark.usefixtures("lives")
async def test_every_figure_is_defined(api: httpx.AsyncClient) -> None:
    told = await cohorts(api)
    assert {"mrr", "arr", "cohort", "customer_retention", "revenue_retention"} == told["definitions"].keys()


async def test_cohorts_are_in_order_of_time(api: httpx.AsyncClient) -> None:
    answer = await api.get("/v1/metrics/cohorts", params={"from": "2026-03", "to": "2026-02"})
    assert fields_of(problem_of(answer, 422, "malformed")) == {"from"}
