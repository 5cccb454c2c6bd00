"""`tenure metrics check`: whether revenue adds up, in words and by its status."""

from datetime import date

from domain.reconciliation.ports import RevenueDifference
from domain.subscription.lifecycle import Status
from storage.db.engine import create_engine_from_url
from storage.revenue.check import MonthDifference, OutcomeDifference
from tenure.cli.metrics import in_words
from tests.storage.ledger import Ledger, a_step, later
from tests.tenure.conftest import Terminal


def test_what_differs_is_named_with_its_amounts() -> None:
    subscription = RevenueDifference("s-1", "default", "usd", 120000, 58800)
    month = MonthDifference("default", "usd", date(2026, 3, 1), 0, 58800, 58800, 58900)

    day = OutcomeDifference("default", "recovery", date(2026, 3, 14))

    [of_subscription, of_month, of_day, advice] = in_words([subscription], [month], [day])

    assert of_subscription == "subscription s-1: its movements add up to $1,200.00 a year, and it is worth $588.00"
    moved = "starts with $0.00 a year, $588.00 moved, ends with $588.00; by the movements it ends with $589.00"
    assert of_month == f"2026-03 of tenant default: {moved}"
    assert of_day == "2026-03-14 of tenant default: the stored count of recoveries is wrong"
    assert "tenure reconcile --fix" in advice


async def test_the_status_says_whether_revenue_adds_up(terminal: Terminal, database_url: str) -> None:
    terminal.settings = {"TENURE_DATABASE_URL": database_url}
    engine = create_engine_from_url(database_url)
    ledger = Ledger(engine)
    it = await ledger.sign_up("ada")
    await ledger.save(a_step(later(it, status=Status.ACTIVE)))

    fine = await terminal.run("metrics", "check")
    await ledger.rewrite("delete from mrr_movements")
    wrong = await terminal.run("metrics", "check")
    await engine.dispose()

    assert (fine.status, fine.out) == (0, "revenue adds up, by subscription and month by month\n")
    assert (wrong.status, it.id in wrong.out) == (1, True)
