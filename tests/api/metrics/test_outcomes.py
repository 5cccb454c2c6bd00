"""What comes of trials, failed payments and cancellations, as JSON and as CSV."""

import csv
from datetime import UTC, date, datetime, timedelta
from io import StringIO
from typing import Any

import httpx
import pytest

from domain.revenue.definitions import CANCELLATIONS, RECOVERY, TRIALS
from domain.subscription.ends import EndKind
from domain.subscription.lifecycle import Status
from domain.subscription.state import Subscription
from tests.api.metrics.conftest import today_in
from tests.builders import VISA, a_recovery
from tests.harness.callers import fields_of, problem_of
from tests.storage.ledger import Ledger, a_step, later

QUARTER = {"from": "2026-01", "to": "2026-03"}
PRICE = 4900
REPORTS = ("trials", "recovery", "cancellations")


def on(month: int, day: int = 10) -> datetime:
    return datetime(2026, month, day, 12, tzinfo=UTC)


@pytest.fixture
async def outcomes(ledger: Ledger) -> None:
    """In January two convert and one trial expires; in February one cannot pay and another asks to leave."""

    async def go_on(it: Subscription, at: datetime, **changes: Any) -> Subscription:
        it = later(it, **changes)
        await ledger.save(a_step(it, at=at))
        return it

    lives = {}
    for name, card in (("ada", VISA), ("bob", None), ("eve", None)):
        it = await ledger.newcomer(name, card=card)
        await ledger.save(a_step(it, at=on(1, 1)))
        lives[name] = it
    for name in ("ada", "bob"):
        lives[name] = await go_on(lives[name], on(1, 15), status=Status.ACTIVE, agreement_ref=f"sub_{name}")
    await go_on(lives["eve"], on(1, 15), status=Status.CANCELED, end_kind=EndKind.TRIAL_EXPIRED)
    owing = await go_on(lives["ada"], on(2), status=Status.PAST_DUE, recovery=a_recovery(since=on(2), tries=2))
    await go_on(owing, on(2, 13), status=Status.ACTIVE, recovery=None)
    asked: dict[str, Any] = {"end_kind": EndKind.CUSTOMER, "reason_code": "unused", "cancel_reason": "=1+1"}
    leaving = await go_on(lives["bob"], on(2), cancel_at=on(2) + timedelta(days=5), **asked)
    await go_on(leaving, on(2, 12), cancel_at=None, undone_end=leaving.cancel_at, end_kind=None)


async def report(api: httpx.AsyncClient, name: str, **query: str) -> dict[str, Any]:
    answer = await api.get(f"/v1/metrics/{name}", params=QUARTER | query)
    assert answer.status_code == 200, answer.text
    told: dict[str, Any] = answer.json()
    return told


@pytest.mark.usefixtures("outcomes")
async def test_trials_are_told_by_the_month_in_which_they_ended(api: httpx.AsyncClient) -> None:
    january, february, _ = (await report(api, "trials"))["data"]

    assert (january["period"], january["started"], january["running"], january["ended"]) == ("2026-01", 3, 0, 3)
    assert (january["converted"], january["conversion"], january["expired"]) == (2, 0.666667, 1)
    assert january["with_card"] == {"ended": 1, "converted": 1, "conversion": 1.0}
    assert january["without_card"] == {"ended": 2, "converted": 1, "conversion": 0.5}
    assert january["days_to_convert"] == {"median": 14.0, "mean": 14.0}
    assert (february["ended"], february["conversion"], february["plan"]) == (0, None, None)


@pytest.mark.usefixtures("outcomes")
async def test_recoveries_are_told_by_the_month_in_which_they_began(api: httpx.AsyncClient) -> None:
    told = await report(api, "recovery")
    _, february, march = told["data"]

    assert told["currency"] == "usd"
    assert february["recovered"] == {"count": 1, "amount": PRICE}
    assert (february["recovery_rate"], february["recovery_amount_rate"], march["recovery_rate"]) == (1.0, 1.0, None)
    assert february["first_payments"]["recovered"] == {"count": 0, "amount": 0}
    by_tries = (await report(api, "recovery", group="tries"))["data"]
    assert [(each["period"], each["tries"], each["recovered"]["count"]) for each in by_tries] == [
        ("2026-01", 2, 0),
        ("2026-02", 2, 1),
        ("2026-03", 2, 0),
    ]
    by = (await report(api, "recovery", group="by"))["data"]
    assert {each["by"] for each in by} == {"retry"}


@pytest.mark.usefixtures("outcomes")
async def test_cancellations_are_told_by_the_month_in_which_they_were_asked_for(api: httpx.AsyncClient) -> None:
    _, february, _ = (await report(api, "cancellations"))["data"]

    assert (february["asked"], february["undone"], february["in_effect"], february["pending"]) == (1, 1, 0, 0)
    assert (february["save_rate"], february["undone_by"]) == (1.0, {"uncancel": 1, "pause": 0, "change": 0})
    assert {reason for reason, count in february["reasons"].items() if count} == {"unused"}
    assert len(february["reasons"]) == 9
    by_reason = (await report(api, "cancellations", group="reason_code"))["data"]
    assert [(each["period"], each["reason_code"], each["asked"]) for each in by_reason][1] == ("2026-02", "unused", 1)


@pytest.mark.usefixtures("outcomes")
@pytest.mark.parametrize("name", REPORTS)
async def test_the_csv_has_the_rows_of_the_json(api: httpx.AsyncClient, name: str) -> None:
    told = await report(api, name, plan="starter")
    by_link = await api.get(told["links"]["csv"])
    by_header = await api.get(
        f"/v1/metrics/{name}", params=QUARTER | {"plan": "starter"}, headers={"Accept": "text/csv"}
    )

    assert by_link.headers["Content-Disposition"] == f'attachment; filename="{name}.csv"'
    assert by_link.text == by_header.text
    rows = list(csv.DictReader(StringIO(by_link.text)))
    assert [(row["period"], row["plan"]) for row in rows] == [(each["period"], "starter") for each in told["data"]]
    assert None not in rows[0], "more cells than heads"
    plain = [head for head in rows[0] if head in told["data"][0]]
    assert [[row[head] for head in plain] for row in rows] == [
        ["" if each[head] is None else str(each[head]) for head in plain] for each in told["data"]
    ]


@pytest.mark.parametrize("name", REPORTS)
async def test_a_report_defines_its_figures(api: httpx.AsyncClient, name: str) -> None:
    told = await report(api, name)
    assert told["definitions"] == dict({"trials": TRIALS, "recovery": RECOVERY, "cancellations": CANCELLATIONS}[name])
    assert date.fromisoformat(told["complete_until"]) < today_in(told)


@pytest.mark.parametrize(
    ("path", "query", "field"),
    [
        ("trials", {"from": "January"}, "from"),
        ("trials", {"group": "tries"}, "group"),
        ("recovery", {"group": "customer"}, "group"),
        ("recovery", {"currency": "dollars"}, "currency"),
        ("cancellations", {"plan": "a\0b"}, "plan"),
        ("cancellations", {"from": "2026-03", "to": "2026-02"}, "from"),
    ],
)
async def test_a_bad_query_is_refused_by_its_field(
    api: httpx.AsyncClient, path: str, query: dict[str, str], field: str
) -> None:
    answer = await api.get(f"/v1/metrics/{path}", params=query)
    assert fields_of(problem_of(answer, 422, "malformed")) == {field}
