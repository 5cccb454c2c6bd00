"""`tenure metrics`: reports of revenue as tables."""

import asyncio
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Annotated

from cyclopts import Parameter
from sqlalchemy.ext.asyncio import AsyncEngine

from configuration.loading import Process, load_settings
from domain.catalog.plans import Interval
from domain.names import DEFAULT_TENANT
from domain.revenue.figures import Grouping, PeriodLength, Segment
from domain.revenue.queries import ReportQuery, day_named, last_day_named
from storage.access.tenants import Tenants
from storage.revenue.cohorts import CohortFigures, CohortsReport
from storage.revenue.figures import OverviewReport, PeriodsReport, RevenueFigures
from tenure.cli.connections import database
from tenure.cli.metrics_tables import (
    NOTHING,
    churn_table,
    cohorts_table,
    customers_table,
    movements_table,
    mrr_table,
    overview_table,
)


@Parameter(name="*")
@dataclass(frozen=True, kw_only=True)
class Part:
    """Whose revenue, and which part of it."""

    tenant: str = DEFAULT_TENANT
    """Whose revenue."""
    plan: str = ""
    """Of this plan alone."""
    billing_interval: Interval | None = None
    """Of what is billed every month, or every year, alone."""
    currency: str = ""
    """By default each: they are never added."""

    def segment(self) -> Segment:
        return Segment(self.plan, self.billing_interval.value if self.billing_interval is not None else "")


@Parameter(name="*")
@dataclass(frozen=True, kw_only=True)
class Months(Part):
    """Which months."""

    first: Annotated[str | None, Parameter(name="--from")] = None
    """The first period, as 2026-01; by default the last twelve."""
    last: Annotated[str | None, Parameter(name="--to")] = None
    """The last period; by default the current one."""
    group: Grouping | None = None
    """A table for each plan, or each billing interval."""

    def query(self, length: PeriodLength = PeriodLength.MONTH) -> ReportQuery:
        return ReportQuery(
            self.currency,
            day_named(self.first, "from") if self.first is not None else None,
            last_day_named(self.last, "to") if self.last is not None else None,
            length,
            self.segment(),
            self.group,
        )


@Parameter(name="*")
@dataclass(frozen=True, kw_only=True)
class Periods(Months):
    """Which periods."""

    interval: PeriodLength = PeriodLength.MONTH
    """The length of periods."""


def overview(part: Part = Part()) -> None:
    """Show what there is now: revenue, customers, growth, ARPU and LTV, by plan, billing interval and status."""
    report = asyncio.run(_overview(part))
    _print(line for each in report.overviews for line in (*overview_table(each), ""))
    if not report.overviews:
        print(NOTHING)


def mrr(periods: Periods = Periods()) -> None:
    """Show monthly recurring revenue at the end of each period."""
    _print(mrr_table(asyncio.run(_read(periods))))


def movements(periods: Periods = Periods()) -> None:
    """Show what moved monthly recurring revenue in each period."""
    _print(movements_table(asyncio.run(_read(periods))))


def customers(periods: Periods = Periods()) -> None:
    """Show paying customers in each period: at the start, gained, lost, at the end."""
    _print(customers_table(asyncio.run(_read(periods))))


def churn(periods: Periods = Periods()) -> None:
    """Show churn and retention in each period."""
    _print(churn_table(asyncio.run(_read(periods))))


def cohorts(months: Months = Months()) -> None:
    """Show the retention of customers and revenue by monthly cohort.

    A month that is not over has a star.
    """
    _print(cohorts_table(asyncio.run(_cohorts(months))))


async def _overview(part: Part) -> OverviewReport:
    async with _reading(part.tenant) as (engine, timezone):
        return await RevenueFigures(engine, timezone).overview(part.tenant, part.segment(), part.currency)


async def _read(asked: Periods) -> PeriodsReport:
    async with _reading(asked.tenant) as (engine, timezone):
        return await RevenueFigures(engine, timezone).periods(asked.tenant, asked.query(asked.interval))


async def _cohorts(asked: Months) -> CohortsReport:
    async with _reading(asked.tenant) as (engine, timezone):
        return await CohortFigures(engine, timezone).cohorts(asked.tenant, asked.query())


@asynccontextmanager
async def _reading(tenant: str) -> AsyncIterator[tuple[AsyncEngine, str]]:
    settings = load_settings(Process.METRICS)
    async with database(settings) as engine:
        await Tenants(engine).check(tenant)
        yield engine, settings.timezone


def _print(lines: Iterable[str]) -> None:
    for line in lines:
        print(line)
