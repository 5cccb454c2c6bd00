"""The parts of the benches that figures stand on, each by itself."""

import json
import os
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
import structlog
from temporalio.runtime import Runtime

from bench import __main__ as printing
from bench import cpu
from bench.lateness import buckets
from bench.peers.life import PERIOD, REMINDERS, RENEWALS, TRIAL
from bench.peers.polling import LAST, _until_next
from bench.peers.statements import _LOGGED
from bench.production import NOON, resident, share, where_it_is_noon
from bench.registry import Figure
from bench.results import Comparison, Result
from worker.measuring import LATENESS

LOG = """\
of:tenure LOG:  statement: BEGIN;
of:tenure LOG:  execute __asyncpg_stmt_1__: SELECT 1
of:tenure DETAIL:  Parameters: $1 = 'x'
of:observer LOG:  execute __asyncpg_stmt_2__: SELECT 2
of:tenure LOG:  could not send data to client
"""


def test_a_step_stands_in_the_bucket_of_the_first_bound_that_it_is_not_beyond() -> None:
    counts = buckets([LATENESS[0], LATENESS[0] + 0.001, LATENESS[-1] + 1])

    assert (counts[0], counts[1], counts[-1], len(counts)) == (1, 1, 1, len(LATENESS) + 1)


def test_customers_of_a_bench_have_noon_in_their_time_zone() -> None:
    for hour in range(24):
        moment = datetime(2026, 11, 30, hour, 30, tzinfo=UTC)
        assert moment.astimezone(ZoneInfo(where_it_is_noon(moment))).hour == NOON


def test_statements_are_counted_by_who_executed_them() -> None:
    assert _LOGGED.findall(LOG) == ["tenure", "tenure", "observer"]


def test_the_polled_life_is_as_long_as_the_others() -> None:
    from_first_reminder = sum(_until_next(step) for step in range(LAST))

    assert from_first_reminder == REMINDERS[0] + RENEWALS * PERIOD
    assert REMINDERS[0] < TRIAL


def test_the_cpu_of_a_process_has_that_of_its_children_who_have_ended() -> None:
    before = cpu.tree(os.getpid())

    subprocess.run([sys.executable, "-c", "sum(range(5_000_000))"], check=True)

    assert cpu.tree(os.getpid()) > before
    assert resident(os.getpid()) > 2**20


@pytest.mark.parametrize(
    ("ours", "bar", "higher", "behind"),
    [
        (2, 1.0, False, True),
        (2, 3.0, False, False),
        (2, None, False, False),
        (2, 3.0, True, True),
        (2, 1.5, True, False),
    ],
    ids=["too much", "within its bar", "no bar", "too little", "enough"],
)
def test_a_comparison_is_behind_by_its_bar(ours: float, bar: float | None, higher: bool, behind: bool) -> None:
    assert Comparison("it", ours, 1, "other", bar=bar, higher_is_better=higher).is_behind is behind


def test_beside_nothing_any_amount_is_endlessly_more() -> None:
    assert (Comparison("it", 1, 0, "none").ratio, Comparison("it", 0, 0, "none").ratio) == (float("inf"), 1.0)


def test_a_share_of_values_is_found_by_rank() -> None:
    values = [float(each) for each in range(100, 0, -1)]

    assert (share(values, 0.5), share(values, 0.99), share([7.0], 0.99)) == (50.0, 99.0, 7.0)


def test_a_failure_ends_the_command_but_not_the_report(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    async def measure() -> Result:
        return Result("as it is printed", failure="over the budget")

    monkeypatch.setattr(printing, "_asked", lambda _: (Figure("it", "It", measure), []))
    monkeypatch.setattr(Runtime, "set_default", lambda _: None)
    monkeypatch.setattr(structlog, "configure", lambda **_: None)
    file = tmp_path / "result.json"

    with pytest.raises(SystemExit, match="over the budget"):
        printing.main(["it"])
    printing.main(["it", "--result", str(file)])

    assert capsys.readouterr().out == "as it is printed\n" * 2
    assert json.loads(file.read_text(encoding="utf-8"))["failure"] == "over the budget"
