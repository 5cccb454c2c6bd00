"""How plans use features, as JSON and as CSV."""

import csv
from io import StringIO

import httpx
import pytest

from domain.revenue.definitions import USAGE, USERS
from tests.harness.callers import fields_of, problem_of
from tests.storage.ledger import Ledger

PATH = "/v1/metrics/usage"
YEAR = {"from": "2026-01", "to": "2026-12"}


@pytest.fixture(autouse=True)
async def statistics(ledger: Ledger) -> None:
    await ledger.run(
        "insert into usage_statistics (tenant, taken_at, plan, feature, customers, used, highest, near_limit, at_limit,"
        " active, limited, at_90, median, p90) values"
        " ('default', '2026-01-20T12:00Z', 'starter', 'runs', 9, 90, 30, 3, 1, 8, 6, 2, 5, 30),"
        " ('default', '2026-02-20T12:00Z', 'starter', 'runs', 9, 99, 30, 3, 1, 8, 6, 2, 5, 30),"
        " ('default', '2026-01-20T12:00Z', '', 'runs', 1, 2, 2, 0, 0, null, null, null, null, null)"
    )


async def test_a_plan_says_what_half_its_customers_use_and_how_many_are_near_the_limit(api: httpx.AsyncClient) -> None:
    told = (await api.get(PATH, params=YEAR | {"feature": "runs"})).json()

    without_plan, january, february = told["data"]
    assert january == {
        "period": "2026-01",
        "plan": "starter",
        "feature": "runs",
        "taken_at": "2026-01-20T12:00:00Z",
        "customers": 9,
        "active": 8,
        "used": 90,
        "median": 5,
        "p90": 30,
        "highest": 30,
        "limited": 6,
        "share_at_80": 0.5,
        "share_at_90": 0.333333,
        "share_at_100": 0.166667,
    }
    assert (without_plan["plan"], without_plan["median"], without_plan["share_at_80"]) == (None, None, None)
    assert (february["period"], february["used"]) == ("2026-02", 99)
    assert (told["definitions"], told["timezone"]) == ({"customers": USERS, **USAGE}, "Europe/Berlin")


async def test_the_csv_has_the_rows_of_the_json(api: httpx.AsyncClient) -> None:
    told = (await api.get(PATH, params=YEAR | {"plan": "starter"})).json()
    answer = await api.get(told["links"]["csv"])

    rows = list(csv.DictReader(StringIO(answer.text)))
    assert [(row["period"], row["used"], row["share_at_90"]) for row in rows] == [
        ("2026-01", "90", "0.333333"),
        ("2026-02", "99", "0.333333"),
    ]


@pytest.mark.parametrize(("query", "field"), [({"from": "x"}, "from"), ({"feature": "a b"}, "feature")])
async def test_a_bad_query_is_refused_by_its_field(api: httpx.AsyncClient, query: dict[str, str], field: str) -> None:
    assert fields_of(problem_of(await api.get(PATH, params=query), 422, "malformed")) == {field}
