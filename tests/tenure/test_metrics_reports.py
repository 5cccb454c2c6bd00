"""`tenure metrics`: reports of revenue as tables."""

from datetime import UTC, datetime

import pytest

from domain.catalog.plans import Interval
from domain.subscription.ends import EndKind
from domain.subscription.lifecycle import Status
from storage.db.engine import create_engine_from_url
from tests.builders import PRO
from tests.storage.ledger import Ledger, a_step, later
from tests.tenure.conftest import Terminal

QUARTER = ("--from", "2026-01", "--to", "2026-03")


def on(month: int) -> datetime:
    return datetime(2026, month, 10, 12, tzinfo=UTC)


@pytest.fixture
async def lives(terminal: Terminal, database_url: str) -> None:
    """In January two pay, one in a year's plan; in February one takes a larger plan; in March one leaves."""
    terminal.settings = {"TENURE_DATABASE_URL": database_url}
    engine = create_engine_from_url(database_url)
    ledger = Ledger(engine)
    ada = later(await ledger.sign_up("ada"), status=Status.ACTIVE)
    await ledger.save(a_step(ada, at=on(1)))
    eve = later(await ledger.sign_up("eve"), status=Status.ACTIVE, interval=Interval.YEAR, amount=49000)
    await ledger.save(a_step(eve, at=on(1)))
    await ledger.save(a_step(later(ada).choosing(PRO), at=on(2)))
    await ledger.save(a_step(later(eve, status=Status.CANCELED, end_kind=EndKind.CUSTOMER), at=on(3)))
    await engine.dispose()


async def told(terminal: Terminal, *words: str) -> list[list[str]]:
    """The lines of a report, as words."""
    said = await terminal.run("metrics", *words)
    assert said.status == 0, said
    return [line.split() for line in said.out.splitlines() if line]


@pytest.mark.usefixtures("lives")
@pytest.mark.parametrize("words", [["overview"], []], ids=["by its name", "as what is meant by all of them"])
async def test_what_there_is_now(terminal: Terminal, words: list[str]) -> None:
    lines = await told(terminal, *words)

    assert lines[1][:3] == ["all", "$199.00", "$2,388.00"]
    assert [line[:3] for line in lines[2:5]] == [
        ["plan", "professional", "$199.00"],
        ["billed", "every", "month"],
        ["status", "active", "$199.00"],
    ]
    assert lines[5][:2] == ["ARPU", "$199.00,"]


@pytest.mark.usefixtures("lives")
@pytest.mark.parametrize(
    ("report", "heads", "march"),
    [
        ("mrr", "PERIOD MRR ARR PAUSED CUSTOMERS", "2026-03 $199.00 $2,388.00 $0.00 1"),
        ("movements", "PERIOD START NEW EXPANSION CHURN END", "2026-03 $239.83 $0.00 $0.00 -$40.83 $199.00"),
        (
            "customers",
            "PERIOD START OPENING NEW REACTIVATION RESUME ENTERING CHURN PAUSE LEAVING END",
            "2026-03 2 0 0 0 0 0 1 0 0 1",
        ),
        (
            "churn",
            "PERIOD LOGO GROSS NET GRR NRR VOLUNTARY INVOLUNTARY OPERATOR OTHER",
            "2026-03 50.0% 17.0% 17.0% 83.0% 83.0% 50.0% 0.0% 0.0% 0.0%",
        ),
    ],
)
async def test_a_report_is_a_line_for_each_period(terminal: Terminal, report: str, heads: str, march: str) -> None:
    lines = await told(terminal, report, *QUARTER)

    assert [" ".join(line) for line in (lines[0], lines[1], lines[-1])] == ["usd", heads, march]
    assert len(lines) == 5


@pytest.mark.usefixtures("lives")
async def test_cohorts_are_shares_of_customers_and_of_revenue(terminal: Terminal) -> None:
    lines = await told(terminal, "cohorts", "--from", "2026-01", "--to", "2026-01")

    [currency, heads, january] = lines
    assert (currency, heads[:4]) == (["usd"], ["COHORT", "CUSTOMERS", "MRR", "+0"])
    assert january[:9] == ["2026-01", "2", "$89.83", "100%", "100%", "100%", "267%", "50%", "222%"]
    assert january[-1] == "222%*"


@pytest.mark.usefixtures("lives")
async def test_a_part_of_the_revenue(terminal: Terminal) -> None:
    by_interval = await told(terminal, "mrr", *QUARTER, "--group", "billing-interval")
    of_pro = await told(terminal, "movements", *QUARTER, "--plan", "professional", "--interval", "year")

    assert [line for line in by_interval if "billed" in line] == [
        ["usd,", "billed", "every", "month"],
        ["usd,", "billed", "every", "year"],
    ]
    assert of_pro[1:] == [["PERIOD", "START", "ENTERING", "END"], ["2026", "$0.00", "$199.00", "$199.00"]]


async def test_where_nothing_was_paid_a_report_says_so(terminal: Terminal, database_url: str) -> None:
    terminal.settings = {"TENURE_DATABASE_URL": database_url}
    for report in ("overview", "churn", "cohorts"):
        assert await told(terminal, report) == [["nothing", "has", "been", "paid", "for"]]


async def test_an_unknown_tenant_and_a_month_that_is_none_are_refused(terminal: Terminal, database_url: str) -> None:
    terminal.settings = {"TENURE_DATABASE_URL": database_url}

    stranger = await terminal.run("metrics", "mrr", "--tenant", "nobody")
    misread = await terminal.run("metrics", "mrr", "--from", "January")

    assert (stranger.status, misread.status) == (1, 1)
    assert "nobody" in stranger.err
    assert "2026-01" in misread.err
