"""Figures of many generated lives: that they are what plain arithmetic over the lives says, and how long they take."""

import statistics
import tempfile
import time
from collections import defaultdict
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from random import Random
from typing import Any
from uuid import UUID, uuid4

import asyncpg
from sqlalchemy.ext.asyncio import AsyncEngine

from domain.errors import GatewayUnavailable
from domain.names import DEFAULT_TENANT
from domain.revenue.figures import Grouping
from domain.revenue.queries import ReportQuery
from sandbox.postgres import Postgres
from storage.db.engine import create_engine_from_url
from storage.db.migrations import upgrade
from storage.revenue.cohorts import CohortFigures
from storage.revenue.figures import RevenueFigures
from storage.revenue.roll_up import RevenueRollUpRecords

LIVES, ROUNDS, SEED = 100_000, 20, 7
BEGIN, END = date(2024, 1, 1), date(2025, 12, 1)
TWO_YEARS = ReportQuery("usd", BEGIN, END)
PRICES = {"starter": 58_800, "professional": 238_800, "enterprise": 1_198_800}
SUMMED_UNTIL = datetime(2025, 12, 30, tzinfo=UTC)
"""What comes later is recorded after the sums were made."""
LATE = 0.00001
"""And which share of what was before."""
COLUMNS = (
    *("subscription", "sequence", "position", "tenant", "customer", "at", "recorded_at", "kind", "delta", "before"),
    *("after", "currency", "plan", "interval", "quantity", "add_ons", "catalog", "from_plan", "from_interval"),
    *("status_before", "status_after", "reason_code", "end_kind"),
)


@dataclass(frozen=True)
class _Move:
    at: datetime
    kind: str
    before: int
    after: int
    plan: str
    from_plan: str


Expected = dict[tuple[Any, ...], tuple[int, int]]
"""Annual amount and customers."""


async def measure(lives: int = LIVES) -> str:
    """Read every report of two years, before sums are made, after, and with movements that came since."""
    with tempfile.TemporaryDirectory() as folder:
        async with Postgres(Path(folder), durable=False) as server:
            await upgrade(server.url)
            made = [list(_life(Random(SEED + number))) for number in range(lives)]  # noqa: S311 - lives, and no secrets
            await _fill(server.superuser_url, made)
            engine = create_engine_from_url(server.url)
            lines = [f"{lives} lives, {sum(map(len, made))} movements"]
            lines += await _timed(engine, "from movements", _expected(made), rounds=1)
            began = time.perf_counter()
            await RevenueRollUpRecords(engine, "UTC").roll_up()
            lines.append(f"{'sums of all':<40}{(time.perf_counter() - began) * 1000:>9.0f} ms")
            lines += await _timed(engine, "from sums and what came since", _expected(made), rounds=ROUNDS)
            await engine.dispose()
    return "\n".join(lines)


def _life(random: Random) -> Iterator[_Move]:
    """What one customer moves in up to two years."""
    at = datetime(2024, 1, 1, tzinfo=UTC) + timedelta(days=random.random() * 700)
    plan, amount, has_paid = random.choice(list(PRICES)), 0, False
    end = datetime(2025, 12, 31, tzinfo=UTC)
    while at < end:
        before, from_plan = amount, plan if amount else ""
        if not amount:
            plan = random.choice(list(PRICES))
            amount, kind = PRICES[plan], "reactivation" if has_paid else "new"
        elif random.random() < 0.4:
            amount, kind = 0, "churn"
        else:
            plan = random.choice([each for each in PRICES if each != plan])
            amount = PRICES[plan]
            kind = "expansion" if amount > before else "contraction"
        has_paid = True
        yield _Move(at, kind, before, amount, plan, from_plan)
        at += timedelta(days=random.expovariate(1 / 200))


async def _fill(url: str, lives: Sequence[Sequence[_Move]]) -> None:
    now, random = datetime.now(UTC), Random(SEED)  # noqa: S311 - as above
    connection = await asyncpg.connect(url.replace("postgresql+asyncpg", "postgresql"))
    # Movements alone are read: no customer and no subscription stands behind them.
    await connection.execute("set session_replication_role = replica")
    await connection.copy_records_to_table(
        "mrr_movements",
        columns=COLUMNS,
        records=_rows(lives, now, random),
    )
    await connection.execute("analyze mrr_movements")
    await connection.close()


def _rows(lives: Sequence[Sequence[_Move]], now: datetime, random: Random) -> Iterator[tuple[Any, ...]]:
    for moves in lives:
        who = uuid4()
        for sequence, move in enumerate(moves):
            is_late = move.at >= SUMMED_UNTIL or random.random() < LATE
            yield _row(who, sequence, move, now if is_late else now - timedelta(hours=1))


def _row(who: UUID, sequence: int, move: _Move, recorded_at: datetime) -> tuple[Any, ...]:
    return (
        *(who, sequence, 0, DEFAULT_TENANT, who, move.at, recorded_at, move.kind, move.after - move.before),
        *(move.before, move.after, "usd", move.plan, "month", 1, "{}", "", move.from_plan),
        *("month" if move.from_plan else "", "active", "active", ""),
        "customer" if move.kind == "churn" else None,
    )


def _expected(lives: Sequence[Sequence[_Move]]) -> Mapping[str, Expected]:
    """What moved in each month, by kind; what there was at its end, by plan; and by when customers began."""
    moved: dict[tuple[Any, ...], int] = defaultdict(int)
    who: dict[tuple[Any, ...], set[int]] = defaultdict(set)
    ends: dict[tuple[Any, ...], list[int]] = defaultdict(lambda: [0, 0])
    cohorts: dict[tuple[Any, ...], list[int]] = defaultdict(lambda: [0, 0])
    months = [date(2024 + number // 12, number % 12 + 1, 1) for number in range(24)]
    for number, moves in enumerate(lives):
        for move in moves:
            key = (_month(move.at), move.kind)
            moved[key] += move.after - move.before
            who[key].add(number)
        for month in months:
            latest = [move for move in moves if _month(move.at) <= month][-1:]
            for move in latest:
                for kept in (ends[move.plan, month], cohorts[_month(moves[0].at), month]):
                    kept[0] += move.after
                    kept[1] += move.after > 0
    return {
        "movements": {key: (amount, len(who[key])) for key, amount in moved.items()},
        "by plan": {key: (kept[0], kept[1]) for key, kept in ends.items() if kept[1]},
        "cohorts": {key: (kept[0], kept[1]) for key, kept in cohorts.items()},
    }


def _month(at: datetime) -> date:
    return at.date().replace(day=1)


async def _movements(engine: AsyncEngine) -> Expected:
    report = await RevenueFigures(engine, "UTC").periods(DEFAULT_TENANT, TWO_YEARS)
    return {
        (period.first_day, kind): (figure.annual, figure.customers)
        for _, period in report.periods()
        for kind, figure in period.moved.items()
        if figure.customers
    }


async def _by_plan(engine: AsyncEngine) -> Expected:
    query = ReportQuery("usd", BEGIN, END, group=Grouping.PLAN)
    report = await RevenueFigures(engine, "UTC").periods(DEFAULT_TENANT, query)
    return {
        (segment.plan, period.first_day): (period.end, period.customers)
        for segment, period in report.periods()
        if period.customers
    }


async def _cohorts(engine: AsyncEngine) -> Expected:
    report = await CohortFigures(engine, "UTC").cohorts(DEFAULT_TENANT, TWO_YEARS)
    return {
        (cohort.first_day, month.first_day): (month.annual, month.customers)
        for found in report.lines.values()
        for cohort in found
        for month in cohort.months
        if month.first_day <= END
    }


REPORTS: Mapping[str, Callable[[AsyncEngine], Awaitable[Expected]]] = {
    "movements": _movements,
    "by plan": _by_plan,
    "cohorts": _cohorts,
}


async def _timed(engine: AsyncEngine, how: str, expected: Mapping[str, Expected], *, rounds: int) -> list[str]:
    lines = []
    for name, read in REPORTS.items():
        took = []
        for _ in range(rounds):
            began = time.perf_counter()
            try:
                found = await read(engine)
            except GatewayUnavailable:
                # Beyond what a statement may take.
                break
            took.append((time.perf_counter() - began) * 1000)
            assert found == expected[name], f"{name}, {how}: not what the lives say"
        shown = f"{statistics.median(took):>9.0f} ms, equal" if took else f"{'too slow':>12}"
        lines.append(f"{f'{name}, {how}':<40}{shown}")
    return lines
