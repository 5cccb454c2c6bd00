"""`tenure metrics trials|recovery|cancellations|usage`: what comes of them, as tables."""

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Sequence
from fractions import Fraction
from typing import Annotated

from cyclopts import Parameter
from sqlalchemy.ext.asyncio import AsyncEngine

from configuration.loading import Process, load_settings
from domain.entitlements.usage_figures import UsageFigure
from domain.money import Money, formatted
from domain.names import DEFAULT_TENANT
from domain.revenue.cancellation_figures import CancellationGroup, CancellationPeriod
from domain.revenue.figures import Grouping, PeriodLength, Segment
from domain.revenue.outcomes import RetainedBy
from domain.revenue.queries import ReportQuery, day_named, label, last_day_named
from domain.revenue.recoveries import RecoveryOutcome
from domain.revenue.recovery_figures import RecoveryFigure, RecoveryGroup, RecoveryPeriod
from domain.revenue.trial_figures import TrialPeriod
from storage.access.tenants import Tenants
from storage.revenue.outcome_figures import OutcomeFigures
from storage.usage.figures import UsageFigures
from tenure.cli.connections import database
from tenure.cli.options import tenant_named
from tenure.cli.tables import aligned

From = Annotated[str | None, Parameter(name="--from")]
Table = list[str]
NOTHING = "-"
"""There is nothing to have a share of."""


def trials(
    *,
    first: From = None,
    to: str | None = None,
    interval: PeriodLength = PeriodLength.MONTH,
    plan: str = "",
    by_plan: bool = False,
    tenant: str = DEFAULT_TENANT,
) -> None:
    """Show trials and their conversion, by the period in which they ended.

    Parameters
    ----------
    first
        The first period, as 2026-01; by default the last twelve are shown.
    to
        The last period, included.
    interval
        How long the periods are.
    plan
        Trials of this plan alone.
    by_plan
        A row for each plan that was tried.
    tenant
        Whose trials.
    """
    query = _query(first, to, interval, plan, by_plan=by_plan)

    async def read(engine: AsyncEngine, timezone: str, of: str) -> Table:
        report = await OutcomeFigures(engine, timezone).trials(of, query)
        return trial_table(report.periods, interval)

    _show(read, tenant)


def recovery(
    *,
    first: From = None,
    to: str | None = None,
    interval: PeriodLength = PeriodLength.MONTH,
    plan: str = "",
    group: RecoveryGroup | None = None,
    currency: str = "",
    tenant: str = DEFAULT_TENANT,
) -> None:
    """Show the recovery of failed payments, by the period of the first failure.

    Parameters
    ----------
    first
        The first period, as 2026-01; by default the last twelve are shown.
    to
        The last period, included.
    interval
        How long the periods are.
    plan
        Payments of this plan alone.
    group
        A row for each.
    currency
        By default each, in a table of its own.
    tenant
        Whose payments.
    """

    async def read(engine: AsyncEngine, timezone: str, of: str) -> Table:
        figures, lines = OutcomeFigures(engine, timezone), []
        everything = await figures.recoveries(of, _query(first, to, interval, plan), group)
        for each in [currency] if currency else everything.extent.currencies:
            report = await figures.recoveries(of, _query(first, to, interval, plan, each), group)
            lines += recovery_table(report.periods, interval, each, group)
        return lines or ["nothing has been paid yet"]

    _show(read, tenant)


def cancellations(
    *,
    first: From = None,
    to: str | None = None,
    interval: PeriodLength = PeriodLength.MONTH,
    plan: str = "",
    group: CancellationGroup | None = None,
    tenant: str = DEFAULT_TENANT,
) -> None:
    """Show cancellations by reason and outcome, by the period of the request.

    Parameters
    ----------
    first
        The first period, as 2026-01; by default the last twelve are shown.
    to
        The last period, included.
    interval
        How long the periods are.
    plan
        Of this plan alone.
    group
        A row for each.
    tenant
        Whose customers.
    """
    query = _query(first, to, interval, plan)

    async def read(engine: AsyncEngine, timezone: str, of: str) -> Table:
        report = await OutcomeFigures(engine, timezone).cancellations(of, query, group)
        return cancellation_table(report.periods, interval, group)

    _show(read, tenant)


def usage(
    *,
    first: From = None,
    to: str | None = None,
    interval: PeriodLength = PeriodLength.MONTH,
    plan: str = "",
    feature: str = "",
    tenant: str = DEFAULT_TENANT,
) -> None:
    """Show how plans use features, by the last statistics of each period.

    Parameters
    ----------
    first
        The first period, as 2026-01; by default the last twelve are shown.
    to
        The last period, included.
    interval
        How long the periods are.
    plan
        Of this plan alone.
    feature
        Of this feature alone.
    tenant
        Whose usage.
    """
    query = _query(first, to, interval, plan)

    async def read(engine: AsyncEngine, timezone: str, of: str) -> Table:
        report = await UsageFigures(engine, timezone).report(of, query, feature)
        return usage_table(report.figures, interval)

    _show(read, tenant)


def _query(
    first: str | None, to: str | None, interval: PeriodLength, plan: str, currency: str = "", *, by_plan: bool = False
) -> ReportQuery:
    return ReportQuery(
        currency,
        day_named(first, "from") if first is not None else None,
        last_day_named(to, "to") if to is not None else None,
        interval,
        Segment(plan),
        Grouping.PLAN if by_plan else None,
    )


def _show(read: Callable[[AsyncEngine, str, str], Awaitable[Table]], tenant: str) -> None:
    for line in asyncio.run(_read(read, tenant_named(tenant))):
        print(line)


async def _read(read: Callable[[AsyncEngine, str, str], Awaitable[Table]], tenant: str) -> Table:
    settings = load_settings(Process.METRICS)
    async with database(settings) as engine:
        await Tenants(engine).check(tenant)
        return await read(engine, settings.timezone, tenant)


# The tables


def trial_table(periods: Sequence[TrialPeriod], length: PeriodLength) -> Table:
    """A line for each period, and one for each plan if they are told apart."""
    heads = (
        *("PERIOD", "PLAN", "STARTED", "RUNNING", "ENDED", "CONVERTED", "CONVERSION"),
        *("WITH CARD", "WITHOUT CARD", "MEDIAN DAYS", "MEAN DAYS"),
    )
    rows = [
        (
            *(label(each.first_day, length), each.group or "all", str(each.started), str(each.running)),
            *(str(each.all.ended), str(each.all.converted), percent(each.all.rate)),
            *(percent(each.with_card.rate), percent(each.without_card.rate)),
            *(NOTHING if days is None else f"{days:.1f}" for days in (each.median_days, each.mean_days)),
        )
        for each in periods
    ]
    return _table(heads, rows, named=2)


def recovery_table(
    periods: Sequence[RecoveryPeriod], length: PeriodLength, currency: str, group: RecoveryGroup | None
) -> Table:
    """A line for each period, and one for each group if they are told apart; those of renewals come first."""
    outcomes = [each.value.upper() for each in RecoveryOutcome]
    named = group.value.upper().replace("_", " ") if group is not None else "OF"
    heads = ("PERIOD", named, "PAYMENTS", *outcomes, "RATE", "RECOVERED AMOUNT", "LOST AMOUNT", "RATE OF AMOUNT")
    rows = []
    for each in periods:
        for kind, figure in (("renewals", each.renewals), ("first", each.first_payments)):
            if kind == "renewals" or figure.by_outcome:
                name = (each.group or NOTHING) if group is not None else "all"
                rows.append((label(each.first_day, length), name, kind, *_recovered(figure, currency)))
    return _table(heads, rows, named=3)


def _recovered(figure: RecoveryFigure, currency: str) -> Iterable[str]:
    yield from (str(figure.of(outcome).count) for outcome in RecoveryOutcome)
    yield percent(figure.rate)
    for outcome in (RecoveryOutcome.RECOVERED, RecoveryOutcome.LOST):
        yield formatted(Money(figure.of(outcome).amount, currency))
    yield percent(figure.amount_rate)


def cancellation_table(
    periods: Sequence[CancellationPeriod], length: PeriodLength, group: CancellationGroup | None
) -> Table:
    """A line for each period, and one for each group if they are told apart."""
    named = group.value.upper().replace("_", " ") if group is not None else "OF"
    heads = (
        *("PERIOD", named, "ASKED", "UNDONE", "PAUSED", "CHANGED", "IN EFFECT", "PENDING", "SAVE RATE"),
        *("BY OPERATORS", "REASONS"),
    )
    rows = [
        (
            *(label(each.first_day, length), each.group or "all", str(each.asked), str(each.undone)),
            *(str(each.retained[kept]) for kept in (RetainedBy.PAUSE, RetainedBy.CHANGE)),
            *(str(each.ended), str(each.pending), percent(each.save_rate), str(each.by_operators)),
            ", ".join(f"{reason} {count}" for reason, count in each.reasons.items() if count) or NOTHING,
        )
        for each in periods
    ]
    return aligned(heads, rows, to_the_right=heads[2:-1])


def usage_table(figures: Sequence[UsageFigure], length: PeriodLength) -> Table:
    """A line for each period, plan and feature."""
    if not figures:
        return ["no statistics yet: they are taken every six hours, or now by `tenure usage rollup`"]
    heads = (
        *("PERIOD", "PLAN", "FEATURE", "CUSTOMERS", "ACTIVE", "USED", "MEDIAN", "P90", "HIGHEST"),
        *("AT 80 %", "AT 90 %", "AT 100 %"),
    )
    rows = [
        (
            *(label(each.first_day, length), each.plan or "(none)", each.feature),
            *(number(each.customers), number(each.active), number(each.used), number(each.median)),
            *(number(each.p90), number(each.highest), *(percent(each.share_at(share)) for share in (80, 90, 100))),
        )
        for each in figures
    ]
    return _table(heads, rows, named=3)


def _table(heads: Sequence[str], rows: Sequence[Sequence[str]], *, named: int) -> Table:
    return aligned(heads, rows, to_the_right=heads[named:])


def percent(share: Fraction | None) -> str:
    """Return a share as `66.7 %`."""
    return NOTHING if share is None else f"{float(share * 100):.1f} %"


def number(value: int | None) -> str:
    """Return a number with its thousands set apart; None is not known."""
    return NOTHING if value is None else f"{value:,}"
