"""`tenure metrics trials|recovery|cancellations|usage`: what comes of them, as tables."""

from collections.abc import AsyncIterator
from datetime import UTC, date, datetime, timedelta

import pytest

from domain.entitlements.usage_figures import UsageFigure
from domain.revenue.figures import PeriodLength
from domain.subscription.ends import EndKind
from domain.subscription.lifecycle import Status
from storage.db.engine import create_engine_from_url
from tenure.cli.outcome_figures import usage_table
from tests.builders import a_recovery
from tests.storage.ledger import Ledger, a_step, later
from tests.tenure.conftest import Terminal

JANUARY = ("--from", "2026-01", "--to", "2026-01")


@pytest.fixture
async def lives(terminal: Terminal, database_url: str) -> AsyncIterator[None]:
    """One converts in January, cannot pay once, and asks to leave; one trial runs."""
    terminal.settings = {"TENURE_DATABASE_URL": database_url}
    engine = create_engine_from_url(database_url)
    ledger, began = Ledger(engine), datetime(2026, 1, 1, tzinfo=UTC)
    for name in ("ada", "bob"):
        it = await ledger.newcomer(name)
        await ledger.save(a_step(it, at=began))
    it = later(it, status=Status.ACTIVE, agreement_ref="sub_1")
    await ledger.save(a_step(it, at=began + timedelta(days=14)))
    it = later(it, status=Status.PAST_DUE, recovery=a_recovery(since=began + timedelta(days=20)))
    await ledger.save(a_step(it, at=began + timedelta(days=20)))
    it = later(it, status=Status.ACTIVE, recovery=None)
    await ledger.save(a_step(it, at=began + timedelta(days=22)))
    over = later(it, status=Status.CANCELED, end_kind=EndKind.CUSTOMER, reason_code="unused")
    await ledger.save(a_step(over, at=began + timedelta(days=25)))
    yield
    await engine.dispose()


def cells(out: str) -> list[list[str]]:
    return [[cell for cell in line.split("  ") if cell] for line in out.splitlines()]


@pytest.mark.usefixtures("lives")
async def test_a_table_has_a_line_for_each_period(terminal: Terminal) -> None:
    trials = cells((await terminal.run("metrics", "trials", *JANUARY, "--by-plan")).out)
    recovery = cells((await terminal.run("metrics", "recovery", *JANUARY)).out)
    cancellations = cells((await terminal.run("metrics", "cancellations", *JANUARY)).out)

    stripped = [[cell.strip() for cell in line] for line in (*trials[1:], *recovery[1:], *cancellations[1:])]
    assert stripped == [
        ["2026-01", "starter", "2", "1", "1", "1", "100.0 %", "-", "100.0 %", "14.0", "14.0"],
        ["2026-01", "all", "renewals", "0", "1", "0", "0", "100.0 %", "$49.00", "$0.00", "100.0 %"],
        ["2026-01", "all", "1", "0", "0", "0", "1", "0", "0.0 %", "0", "unused 1"],
    ]


@pytest.mark.usefixtures("lives")
async def test_what_cannot_be_read_is_refused(terminal: Terminal) -> None:
    wrong_day = await terminal.run("metrics", "trials", "--from", "January")
    unknown = await terminal.run("metrics", "cancellations", "--tenant", "nobody")
    assert (wrong_day.status, unknown.status) == (1, 1)
    assert "2026-01" in wrong_day.err
    assert "nobody" in unknown.err


@pytest.mark.usefixtures("lives")
async def test_without_statistics_it_says_how_to_take_them(terminal: Terminal) -> None:
    assert "tenure usage rollup" in (await terminal.run("metrics", "usage")).out


def test_shares_of_usage_are_in_percent_and_what_is_not_known_is_left_out() -> None:
    at = datetime(2026, 1, 20, tzinfo=UTC)
    known = UsageFigure(date(2026, 1, 1), at, "pro", "runs", 9, 12000, 5000, 3, 1, 2, 8, 6, 400, 4000)
    old = UsageFigure(date(2026, 1, 1), at, "", "runs", 9, 12000, 5000, 3, 1)

    _, first, second = usage_table([known, old], PeriodLength.MONTH)

    assert first.split("  ")[-1].strip() == "16.7 %"
    assert [cell.strip() for [cell] in (line.split("  ")[:1] for line in (first, second))] == ["2026-01"] * 2
    assert all(shown in first for shown in ("12,000", "400", "4,000", "5,000", "50.0 %", "33.3 %"))
    assert [cell.strip() for cell in second.split("  ") if cell][-6:] == ["-", "-", "5,000", "-", "-", "-"]
    assert "(none)" in second
