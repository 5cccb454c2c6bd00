"""`tenure usage report`: what waits is told, and what was not is listed until an operator has looked."""

from datetime import UTC, datetime

import pytest

from domain.provider.overage_usage import ReportProblem, UnreportedUsage
from domain.subscription.command_keys import hashed
from sandbox.stack import Stack
from storage.access.audit import AuditFilter, AuditLog
from storage.db.cursors import PageRequest
from tenure.cli.usage_report import table
from tests.tenure.conftest import Terminal


@pytest.fixture
def hand(terminal: Terminal, stack: Stack) -> Terminal:
    """A terminal whose settings lead to the stack that runs."""
    terminal.settings = {
        "TENURE_DATABASE_URL": stack.addresses.database_url,
        "TENURE_TEMPORAL_ADDRESS": stack.addresses.temporal_address,
    }
    return terminal


async def test_pending_reports_are_listed_and_an_unknown_key_is_refused(hand: Terminal) -> None:
    told = await hand.run("usage", "report", "--again")
    unknown = await hand.run("usage", "report", "--billed", "nobody-knows")

    assert told.status == 0, told.err
    assert " 0 left to an operator" in told.out
    assert (unknown.status, unknown.out) == (1, "")
    assert "no usage 'nobody-knows' waits for an operator" in unknown.err


async def test_what_is_decided_is_in_the_audit(hand: Terminal, stack: Stack) -> None:
    for decided in (("--again",), ("--billed", "of ada@example.com"), ("--unbilled", "another")):
        await hand.run("usage", "report", *decided)

    entries = (await AuditLog(stack.engine).find("default", AuditFilter(), PageRequest())).rows
    found = [entry for entry in entries if entry.action.startswith("tenure usage report")][:3]

    assert [(entry.action, entry.outcome, entry.code, entry.target.kind) for entry in found] == [
        ("tenure usage report --unbilled", "refused", "malformed", "usage"),
        ("tenure usage report --billed", "refused", "malformed", "usage"),
        ("tenure usage report --again", "done", "", ""),
    ]
    assert found[1].target.id == hashed("of ada@example.com")


def test_what_is_left_to_an_operator_is_listed_with_the_reason() -> None:
    at = datetime(2026, 11, 5, 9, 30, tzinfo=UTC)
    left = [
        UnreportedUsage("default", "use/1", "ada", "runs", 4, at, ReportProblem.UNKNOWN, "nobody knows"),
        UnreportedUsage("default", "use/22", "grace", "runs", 40, at, ReportProblem.REFUSED, "no such meter"),
    ]

    assert table([]) == []
    assert table(left) == [
        "OUTCOME  KEY     CUSTOMER  FEATURE  QUANTITY  AT                    WHY",
        "unknown  use/1   ada       runs     4         2026-11-05 09:30:00Z  nobody knows",
        "refused  use/22  grace     runs     40        2026-11-05 09:30:00Z  no such meter",
    ]
