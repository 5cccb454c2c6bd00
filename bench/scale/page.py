"""docs/scale.md: what was measured, and what follows for millions."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Final

from bench.growth.kept import FOLDER
from bench.report.machine import ROOT
from bench.report.records import kept
from bench.scale.arithmetic import (
    DAYS_OF_A_MONTH,
    SIZES,
    Assumed,
    LifeFigures,
    Prices,
    ProviderDay,
    TableSize,
    TemporalMonth,
    connections,
    provider,
    temporal,
)
from bench.scale.measured import COPIES
from domain.reconciliation.passes import PAGES_PER_ACTIVITY, SHARDS, SHARDS_AT_ONCE
from gateways.stripe.rate_limits import LIVE_A_SECOND, steps_a_second
from storage.db.pooling import DEFAULT as POOL

PAGE = ROOT / "docs" / "scale.md"
INTRODUCTION = """\
# Scale

<!-- Written by `python -m bench scale`; nothing in it is typed in. -->

What {sizes} subscriptions take, by arithmetic. It begins with what one life was measured to take at commit
{commit}: 14 days of trial, three reminders, conversion and a year of monthly renewals, with mails as activities of
their own (`TENURE_STANDALONE_ACTIVITIES`). The bytes of a row are those of its tables and their indexes with that life
copied {copies:,} times. Prices and assumptions are in `bench/scale/prices.toml`; the rest are constants of the code.
What `python -m bench growth` has measured of many open workflows, and `growth rows` and `growth hour` at the sizes of
their bars, is at the end.
"""

WORKFLOWS: Final = (1000, 10_000, 50_000)
"""The order in which what was measured of this many is shown."""


@dataclass(frozen=True)
class Bar:
    """What is to be kept."""

    what: str
    found: float
    most: float
    unit: str

    @property
    def is_kept(self) -> bool:
        return self.found <= self.most


@dataclass(frozen=True)
class Figures:
    """All that the page tells."""

    commit: str
    life: LifeFigures
    with_workflows: LifeFigures
    """The same life with a workflow for each mail."""
    tables: Sequence[TableSize]
    prices: Prices
    assumed: Assumed

    @property
    def months(self) -> list[TemporalMonth]:
        return [temporal(number, self.life, self.prices, self.assumed) for number in SIZES]

    @property
    def days(self) -> list[ProviderDay]:
        return [provider(number, self.life, self.assumed) for number in SIZES]

    @property
    def bars(self) -> list[Bar]:
        largest, month = SIZES[-1], self.months[-1]
        of_each = max(
            each.reconciliation.actions_a_month / number for each, number in zip(self.months, SIZES, strict=True)
        )
        return [
            Bar(f"Temporal Cloud at {largest:,}, without fairness", month.dollars, 5_300, "USD a month"),
            Bar("reconciliation, at any of these sizes", of_each, 0.5, "actions a subscription-month"),
            Bar(
                f"a full pass at {largest:,}, {SHARDS_AT_ONCE} shards at once", month.reconciliation.pass_hours, 24, "h"
            ),
        ]


def page(figures: Figures) -> str:
    """The page."""
    sizes = ", ".join(f"{each:,}" for each in SIZES[:-1]) + f" and {SIZES[-1]:,}"
    parts = [
        INTRODUCTION.format(sizes=sizes, commit=figures.commit, copies=COPIES),
        *_bars(figures),
        *_measured(figures),
        *_temporal(figures),
        *_provider(figures),
        *_postgres(figures),
        *_connections(figures),
        *_grown(),
    ]
    return "\n".join(parts).rstrip() + "\n"


def _grown() -> Iterator[str]:
    """What was measured of many workflows and over copied lives, if it was."""
    for it in kept((*(f"growth {number}" for number in WORKFLOWS), "growth rows", "growth hour"), FOLDER):
        yield f"\n## {it.what}, measured\n"
        yield f"`{it.command}`: {it.at}, commit {it.commit}, load {it.load:.2f} before, {it.seconds:.0f} s.\n"
        yield f"{it.machine}\n"
        yield f"```text\n{it.result.text}\n```\n"
        if it.result.failure:
            yield f"**Missed:** {it.result.failure}.\n"


def _bars(figures: Figures) -> Iterator[str]:
    yield "## Bars\n"
    rows = [
        (each.what, f"{each.found:,.2f}", f"{each.most:,.2f}", each.unit, "kept" if each.is_kept else "**missed**")
        for each in figures.bars
    ]
    yield _table(("", "found", "at most", "", ""), rows)


def _measured(figures: Figures) -> Iterator[str]:
    yield "## Measured of one life\n"
    life, other = figures.life, figures.with_workflows
    yield _table(
        ("", "mails as activities", "mails as workflows"),
        [
            ("actions until it is converted", f"{life.early_actions:.0f}", f"{other.early_actions:.0f}"),
            ("actions of a month of renewal", f"{life.month_actions:.1f}", f"{other.month_actions:.1f}"),
            ("bytes of the open run, on average over time", f"{life.open_bytes:,.0f}", f"{other.open_bytes:,.0f}"),
            ("bytes of closed runs, a month", f"{life.month_closed_bytes:,.0f}", f"{other.month_closed_bytes:,.0f}"),
            (
                "requests to Stripe, a month",
                f"{life.month_provider_calls:.1f}",
                f"{other.month_provider_calls:.1f}",
            ),
            ("payment steps, a month", f"{life.month_payment_steps:.1f}", f"{other.month_payment_steps:.1f}"),
        ],
    )


def _temporal(figures: Figures) -> Iterator[str]:
    prices, months = figures.prices, figures.months
    yield "## Temporal Cloud, a month\n"
    yield (
        f"Prices as read in {prices.read_on}, with the plan's share of {prices.plan_share:.0%}, at least"
        f" ${prices.plan_at_least:,}."
        f" Reconciliation compares {SHARDS} shards, {PAGES_PER_ACTIVITY} pages an activity.\n"
    )
    other = [temporal(each, figures.with_workflows, prices, figures.assumed) for each in SIZES]
    rows = [
        ("actions of subscriptions, million", [each.business / 1e6 for each in months], 2),
        ("actions of reconciliation, million", [each.reconciliation.actions_a_month / 1e6 for each in months], 3),
        ("actions of the other Schedules, million", [each.schedules / 1e6 for each in months], 3),
        (
            "reconciliation, actions a subscription",
            [each.reconciliation.actions_a_month / number for each, number in zip(months, SIZES, strict=True)],
            3,
        ),
        ("active storage, GB", [each.active_gigabytes for each in months], 1),
        (f"retained storage ({prices.retention_days:.0f} days), GB", [each.retained_gigabytes for each in months], 1),
        ("actions, USD", [each.dollars_of_actions for each in months], 0),
        ("storage, USD", [each.dollars_of_storage for each in months], 0),
        ("**all, USD**", [each.dollars for each in months], 0),
        ("a thousand subscriptions, USD", [each.dollars / n * 1000 for each, n in zip(months, SIZES, strict=True)], 2),
        ("all with fairness, USD", [each.dollars_with_fairness for each in months], 0),
        ("all with mails as workflows, USD", [each.dollars for each in other], 0),
    ]
    yield _by_size(rows)


def _provider(figures: Figures) -> Iterator[str]:
    days = figures.days
    yield "## Stripe, a day\n"
    yield (
        f"Renewals spread over the month. The fleet starts {steps_a_second('sk_live_'):.0f} payment steps a second;"
        f" Stripe allows {LIVE_A_SECOND:.0f} requests a second. A page of reconciliation, with what is compared with"
        f" it, takes {figures.assumed.reconciled_page_seconds} s.\n"
    )
    hours = [each.reconciliation.pass_hours for each in figures.months]
    yield _by_size(
        [
            ("requests of subscriptions", [each.business_calls for each in days], 0),
            ("requests of reconciliation", [each.reconciliation_calls for each in days], 0),
            ("of what Stripe allows, %", [each.share_of_limit * 100 for each in days], 1),
            ("payment steps", [each.payment_steps for each in days], 0),
            ("hours in which the fleet starts them", [each.hours_of_steps for each in days], 1),
            ("hours if a tenth of a month falls on one day", [_rush(each) for each in days], 1),
            (f"hours of a full pass, {SHARDS_AT_ONCE} shards at once", hours, 1),
        ]
    )


def _rush(day: ProviderDay) -> float:
    return day.hours_of_steps * DAYS_OF_A_MONTH / 10


def _postgres(figures: Figures) -> Iterator[str]:
    yield "## PostgreSQL, after a year\n"
    yield (
        "In GB, with indexes. A table that is kept for less than a year stays as large; one that is kept for good grows"
        " by as much every year, but for what there is once of each subscription.\n"
    )
    ordered = sorted(figures.tables, key=lambda each: each.gigabytes(1), reverse=True)
    rows = [
        (
            f"`{each.name}`",
            f"{each.rows_a_year:,.0f}",
            f"{each.bytes_a_row:,.0f}",
            "for good" if each.kept_for is None else _age(each.kept_for),
            *(_shown(each.gigabytes(number), 1) for number in SIZES),
        )
        for each in ordered
    ]
    total = [_shown(sum(each.gigabytes(number) for each in ordered), 0) for number in SIZES]
    rows.append(("**all**", "", "", "", *total))
    yield _table(("table", "rows a subscription", "bytes a row", "kept", *(f"{each:,}" for each in SIZES)), rows)
    assumed = figures.assumed
    yield (
        f"Assumed: {assumed.keyed_uses_a_day} uses with a key and {assumed.gauges_that_change_a_day} changed gauge"
        f" a day, {assumed.commands_a_year} requests with an idempotency key a year.\n"
    )


def _connections(figures: Figures) -> Iterator[str]:
    yield "## Connections to PostgreSQL\n"
    yield f"Each process opens at most {POOL} (`TENURE_DATABASE_POOL`). The numbers of processes are assumed.\n"
    assumed = figures.assumed
    yield _by_size(
        [
            ("API processes", list(assumed.api_processes), 0),
            ("workers", list(assumed.worker_processes), 0),
            ("connections", [connections(place, assumed) for place in range(len(SIZES))], 0),
        ]
    )


def _by_size(rows: Sequence[tuple[str, Sequence[float], int]]) -> str:
    heads = ("subscriptions", *(f"{each:,}" for each in SIZES))
    return _table(heads, [(name, *(_shown(each, digits) for each in values)) for name, values, digits in rows])


def _shown(value: float, digits: int) -> str:
    return f"{value:,.{digits}f}"


def _age(age: timedelta) -> str:
    return f"{age / timedelta(days=1):,.0f} days"


def _table(heads: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [heads, ("---", *("--:" for _ in heads[1:])), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines) + "\n"
