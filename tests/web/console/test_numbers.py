"""The pages of the numbers show what the endpoints of the same reports answer."""

import re
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest
from fastapi import FastAPI
from sqlalchemy import event

from domain.subscription.lifecycle import Status
from storage.access.console_sessions import new_sign_in_link
from storage.access.operators import OperatorRole, Operators
from tests.api.metrics.conftest import api, app, ledger, lives, on, sent
from tests.api.metrics.test_outcomes import outcomes
from tests.builders import PRO
from tests.storage.ledger import Ledger, a_step, later
from tests.web.billing.visitor import said, title
from tests.web.console.visitor import ConsoleVisitor
from tests.web.markup import Markup
from tests.web.site import ADDRESS, a_browser

__all__ = ["api", "app", "ledger", "lives", "outcomes", "sent"]

NUMBERS = "/console/numbers"
QUARTER = "from=2026-01&to=2026-03"
OF_REVENUE = ("mrr", "movements", "customers", "churn")
OF_OUTCOMES = ("trials", "recovery", "cancellations")
MOST_STATEMENTS, MOST_BYTES = 8, 60_000


MUCH = """
insert into mrr_movements (subscription, sequence, position, tenant, customer, at, kind, delta, before, after, currency,
    plan, "interval", quantity, add_ons, catalog, from_plan, status_before, status_after, reason_code, end_kind)
select id, 1000 + day * 10 + number, 0, tenant, customer, timestamptz '2026-11-01T12:00Z' + day * interval '1 day',
    kind, delta, case when delta > 0 then 0 else -delta end, case when delta > 0 then delta else 0 end, currency,
    plan, "interval", 1, '{}', '', '', 'active', 'active', '', case kind when 'churn' then 'customer' end
from (select * from subscriptions order by id limit 1) one, generate_series(0, 59) day, (values
    (0, 'new', 1481481468), (1, 'expansion', 298765416), (2, 'contraction', -187654308), (3, 'churn', -976543212),
    (4, 'reactivation', 765432108), (5, 'pause', -654321096), (6, 'resume', 154320984)) kinds (number, kind, delta)
"""
"""Each day of two months, a lot moves in every way."""


@pytest.fixture
async def founder(app: FastAPI, ledger: Ledger) -> AsyncIterator[ConsoleVisitor]:
    """Somebody who may only read, signed in."""
    operator, _ = await Operators(ledger.engine).add("founder@example.com", OperatorRole.READ_ONLY, tenant="default")
    async with a_browser(app) as http:
        visitor = ConsoleVisitor(http)
        await visitor.submit(await new_sign_in_link(ledger.engine, operator, ADDRESS))
        yield visitor


async def read(founder: ConsoleVisitor, address: str) -> httpx.Response:
    answer = await founder.get(f"{NUMBERS}{address}")
    assert answer.status_code == 200, answer.text
    return answer


def rows(answer: httpx.Response) -> list[list[str]]:
    """The rows of all tables of a page, with their heads."""
    found = re.findall(r"<tr>(.*?)</tr>", answer.text, re.DOTALL)
    return [[re.sub("<.*?>", "", cell) for cell in re.findall(r"<t[hd][^>]*>(.*?)</t[hd]>", row)] for row in found]


def figures(answer: httpx.Response) -> dict[str, str]:
    """The figures of now, by what they are called."""
    return dict(re.findall(r"<summary>([^<]*)</summary>.*?<dd>([^<]*)<", answer.text, re.DOTALL))


def money(amount: int) -> str:
    return f"{'-' if amount < 0 else ''}${abs(amount) / 100:,.2f}"


def percent(share: float | None) -> str:
    return "n/a" if share is None else f"{share:.1%}"


async def told(api: httpx.AsyncClient, report: str) -> Any:
    answer = await api.get(f"/v1/metrics/{report}")
    assert answer.status_code == 200, answer.text
    return answer.json()


@pytest.mark.usefixtures("lives")
async def test_the_first_page_shows_what_there_is_now_with_its_meaning(
    founder: ConsoleVisitor, api: httpx.AsyncClient
) -> None:
    [usd] = (await told(api, "overview"))["data"]

    page = await read(founder, "")

    shown = figures(page)
    assert (shown["MRR"], shown["ARR"]) == (money(usd["mrr"]), money(usd["arr"])) != ("$0.00", "$0.00")
    assert (shown["Paused MRR"], shown["Paying customers"]) == (money(usd["paused"]), str(usd["customers"]))
    assert (shown["ARPU"], shown["LTV"]) == (
        money(usd["arpu"]),
        "n/a" if usd["ltv"] is None else money(usd["ltv"]),
    )
    assert [row for row in rows(page) if row[0] == "paused"] == [
        ["paused", "$0.00", "$0.00", "$0.00", "$49.00", "0"],
    ]
    assert "the part of mrr whose payment is being recovered" in said(page)
    assert 'href="/console/subscriptions?status=past_due"' in page.text


@pytest.mark.usefixtures("lives")
async def test_each_currency_has_figures_of_its_own(founder: ConsoleVisitor, ledger: Ledger) -> None:
    eva = later(await ledger.sign_up("eva", currency="eur"), status=Status.ACTIVE)
    await ledger.save(a_step(eva, at=on(3)))

    both = await read(founder, "")
    assert Markup(both.text).said("h2") == ["EUR", "USD"]
    for report in ("mrr", "movements"):
        leads_to = re.findall(f'href="({NUMBERS}/{report}[?][^"]*)"', both.text)
        assert leads_to == [f"{NUMBERS}/{report}?currency=eur", f"{NUMBERS}/{report}?currency=usd"]
    assert Markup((await read(founder, "?currency=eur")).text).said("h2") == ["EUR"]


@pytest.mark.usefixtures("lives")
async def test_what_is_behind_a_figure_is_of_the_plan_that_is_shown(founder: ConsoleVisitor) -> None:
    page = await read(founder, "?plan=starter")

    behind = re.findall(r'href="/console/subscriptions[?]([^"]*)"', page.text)

    assert any(query.startswith("plan=starter&amp;status=") for query in behind)
    assert [query for query in behind if "plan=starter" not in query] == []


@pytest.mark.usefixtures("lives")
async def test_the_tables_show_what_the_endpoints_answer(founder: ConsoleVisitor, api: httpx.AsyncClient) -> None:
    movements = (await told(api, f"movements?{QUARTER}"))["data"]
    page = rows(await read(founder, f"/movements?{QUARTER}"))
    kinds = ("new", "expansion", "reactivation", "resume", "contraction", "churn", "pause")
    assert page[1:] == [
        [one["period"], money(one["start"]), *(money(one[kind]["mrr"]) for kind in kinds), money(one["end"])]
        for one in movements
    ]

    mrr = (await told(api, f"mrr?{QUARTER}"))["data"]
    page = rows(await read(founder, f"/mrr?{QUARTER}"))
    assert page[1:] == [
        [one["period"], money(one["mrr"]), money(one["arr"]), money(one["paused"]), str(one["customers"])]
        for one in mrr
    ]

    customers = (await told(api, f"customers?{QUARTER}&plan={PRO.plan}"))["data"]
    page = rows(await read(founder, f"/customers?{QUARTER}&plan={PRO.plan}"))
    assert [(row[0], row[1], row[-1]) for row in page[1:]] == [
        (one["period"], str(one["start"]), str(one["end"])) for one in customers
    ]
    assert "Entering" in page[0]

    churn = (await told(api, f"churn?{QUARTER}"))["data"]
    page = rows(await read(founder, f"/churn?{QUARTER}"))
    assert [(row[3], row[6], row[9]) for row in page[1:4]] == [
        (percent(one["logo_churn"]), percent(one["gross_revenue_churn"]), percent(one["nrr"])) for one in churn
    ]
    assert page[7][3:5] == ["1", money(churn[2]["by"]["involuntary"]["mrr"])]


@pytest.mark.usefixtures("outcomes")
async def test_how_trials_recoveries_and_cancellations_come_out(
    founder: ConsoleVisitor, api: httpx.AsyncClient
) -> None:
    [january, *_] = (await told(api, f"trials?{QUARTER}"))["data"]
    page = rows(await read(founder, f"/trials?{QUARTER}"))
    assert page[1] == ["2026-01", "3", "0", "3", "2", percent(january["conversion"]), "1", "0", "0", "0"]
    assert page[5] == ["2026-01", "1", "100.0%", "2", "50.0%", "14.0", "14.0"]

    page = rows(await read(founder, f"/recovery?{QUARTER}&group=by"))
    assert page[0][:3] == ["Period", "By", "Recovered"]
    assert next(row for row in page if row[0] == "2026-02") == [
        *("2026-02", "retry", "1", "0", "0", "0", "100.0%", "$49.00", "$0.00", "$0.00", "$0.00", "100.0%"),
    ]

    page = rows(await read(founder, f"/cancellations?{QUARTER}"))
    assert page[2] == ["2026-02", "1", "0", "0", "0", "1", "1", "100.0%", "0"]
    assert (page[4], page[6]) == (["Period", "Unused"], ["2026-02", "1"])


@pytest.mark.usefixtures("lives")
async def test_who_began_to_pay_when_and_still_does(founder: ConsoleVisitor, api: httpx.AsyncClient) -> None:
    [january] = [each for each in (await told(api, "cohorts?from=2026-01"))["data"] if each["customers"]]
    page = await read(founder, "/cohorts?from=2026-01")

    customers, revenue = (row for row in rows(page) if row[0] == "2026-01")
    assert customers[:3] == ["2026-01", str(january["customers"]), "100%"]
    assert revenue[:3] == ["2026-01", money(january["mrr"]), "100%"]
    shown = [f"{month['customer_retention']:.0%}" for month in january["months"]]
    assert [cell.removesuffix(" so far") for cell in customers[2:]] == shown
    assert customers[-1].endswith(" so far")
    assert (await read(founder, "/cohorts.csv")).text == (await api.get("/v1/metrics/cohorts?format=csv")).text


async def test_how_plans_use_features(founder: ConsoleVisitor, api: httpx.AsyncClient, ledger: Ledger) -> None:
    await ledger.run(
        "insert into usage_statistics (tenant, taken_at, plan, feature, customers, used, highest, near_limit, at_limit,"
        " active, limited, at_90, median, p90) values"
        " ('default', '2026-02-20T12:00Z', 'starter', 'runs', 9, 99, 30, 3, 1, 8, 6, 2, 5, 30)"
    )
    asked = "from=2026-01&to=2026-02&feature=runs"
    page = await read(founder, f"/usage?{asked}")

    shown = ["starter", "runs", "9", "8", "99", "5", "30", "30", "6", "50.0%", "33.3%", "16.7%"]
    assert rows(page)[-1] == ["2026-02", *shown]
    assert "starter, runs" in said(page)
    assert (await read(founder, f"/usage.csv?{asked}")).text == (
        await api.get(f"/v1/metrics/usage?{asked}&format=csv")
    ).text


@pytest.mark.usefixtures("lives")
async def test_rows_are_told_apart_by_plan(founder: ConsoleVisitor) -> None:
    page = rows(await read(founder, "/mrr?from=2026-03&to=2026-03&group=plan"))

    assert page[0][:3] == ["Period", "Plan", "MRR"]
    assert [row[:3] for row in page[1:]] == [["2026-03", "professional", "$199.00"], ["2026-03", "starter", "$0.00"]]


@pytest.mark.usefixtures("lives")
async def test_mrr_of_a_status_is_of_now(founder: ConsoleVisitor) -> None:
    page = await read(founder, "/mrr?status=paused")

    assert (figures(page)["Paused MRR"], figures(page)["MRR"]) == ("$49.00", "$0.00")
    assert rows(page) == []


@pytest.mark.usefixtures("lives")
async def test_what_the_tables_have_is_drawn_too(founder: ConsoleVisitor) -> None:
    drawn = (await read(founder, f"/movements?{QUARTER}")).text
    assert "<title>2026-02, Expansion: $150.00</title>" in drawn
    assert "<title>2026-03, Churn: -$49.00</title>" in drawn
    assert "<title>2026-03, MRR: $199.00</title>" in (await read(founder, f"/mrr?{QUARTER}")).text
    assert "<title>2026-03, starter: $0.00</title>" in (await read(founder, f"/mrr?{QUARTER}&group=plan")).text
    assert 'id="mrr-usd-title"' in (await read(founder, "")).text


@pytest.mark.usefixtures("lives")
async def test_files_are_those_of_the_endpoints(founder: ConsoleVisitor, api: httpx.AsyncClient) -> None:
    for report in OF_REVENUE + OF_OUTCOMES:
        asked = f"{QUARTER}&group=plan"
        page, file = await read(founder, f"/{report}?{asked}"), await read(founder, f"/{report}.csv?{asked}")
        assert f'href="{NUMBERS}/{report}.csv?{asked.replace("&", "&amp;")}"' in page.text
        assert file.text == (await api.get(f"/v1/metrics/{report}?{asked}&format=csv")).text
        assert file.headers["Content-Disposition"] == f'attachment; filename="{report}.csv"'
    assert (await read(founder, "/overview.csv")).text == (await api.get("/v1/metrics/overview?format=csv")).text


@pytest.mark.parametrize(
    ("asked", "field", "wrong"),
    [
        ("/mrr?from=yesterday", "from", "Must be a year, a month or a day, as 2026, 2026-01 or 2026-01-31."),
        ("/mrr?from=2026-03&to=2026-01", "from", "From is after to."),
        ("/churn?interval=week", "interval", "Choose one of the list."),
        ("/mrr?status=paused&from=2026-01", "status", "leave out from."),
        ("/movements.csv?currency=euro", "currency", "Choose a currency of the list."),
        ("?plan=%00", "plan", "Choose a plan of the list."),
    ],
)
async def test_what_cannot_be_read_is_said_at_its_field(
    founder: ConsoleVisitor, asked: str, field: str, wrong: str
) -> None:
    answer = await founder.get(f"{NUMBERS}{asked}")

    assert answer.status_code == 422
    assert wrong in said(answer)
    [invalid] = [given for _, given in Markup(answer.text).elements if given.get("aria-invalid")]
    assert invalid["id"] == field


async def test_without_any_subscription_the_pages_say_so(founder: ConsoleVisitor) -> None:
    assert "Nobody has paid yet" in said(await read(founder, ""))
    for report in OF_REVENUE:
        assert "Nothing has been paid for in these periods." in said(await read(founder, f"/{report}"))
    assert "No trial began, ran or ended" in said(await read(founder, "/trials"))
    assert "No payment failed" in said(await read(founder, "/recovery"))
    assert "Nobody began to pay" in said(await read(founder, "/cohorts"))
    assert "There are no statistics of usage" in said(await read(founder, "/usage"))
    assert "Nobody asked to leave" in said(await read(founder, "/cancellations"))


async def test_a_report_that_does_not_exist_is_a_page_that_does_not_exist(founder: ConsoleVisitor) -> None:
    for name in ("nothing", "nothing.csv", "overview"):
        assert (await founder.get(f"{NUMBERS}/{name}")).status_code == 404


async def test_whoever_is_not_signed_in_sees_no_number(app: FastAPI) -> None:
    async with a_browser(app) as http:
        for path in ("", "/mrr", "/mrr.csv"):
            answer = await http.get(f"{NUMBERS}{path}")
            assert (answer.status_code, title(answer)) == (401, "Console")


@pytest.mark.usefixtures("lives")
async def test_more_subscriptions_take_no_more_statements(
    app: FastAPI, founder: ConsoleVisitor, ledger: Ledger, sent: list[str]
) -> None:
    counts: dict[str, set[int]] = {}
    engine = app.state.dependencies.system_engine.sync_engine
    event.listen(engine, "before_cursor_execute", lambda *given: sent.append(given[2]))
    for name, changes in (("lena", {}), ("kai", {"plan": "twin"}), ("tom", {"currency": "eur"})):
        await ledger.save(a_step(later(await ledger.sign_up(name, **changes), status=Status.ACTIVE), at=on(2)))
        for report in ("", *(f"/{report}" for report in (*OF_REVENUE, *OF_OUTCOMES, "cohorts", "usage"))):
            sent.clear()
            await read(founder, report)
            counts.setdefault(report, set()).add(len(sent))

    assert all(len(found) == 1 for found in counts.values()), counts
    assert max(max(found) for found in counts.values()) <= MOST_STATEMENTS, counts


@pytest.mark.usefixtures("lives")
async def test_a_page_of_much_stays_small(founder: ConsoleVisitor, ledger: Ledger) -> None:
    await ledger.run(MUCH)
    for report in OF_REVENUE:
        page = await read(founder, f"/{report}?interval=day&from=2026-01-01&to=2026-12-31")
        loaded = [page, *[await founder.get(each["href"]) for each in Markup(page.text).all("link")]]
        assert sum(int(one.headers["Content-Length"]) for one in loaded) <= MOST_BYTES, report
        assert "317 more rows are in the file" in said(page), report
