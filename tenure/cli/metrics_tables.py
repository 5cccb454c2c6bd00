"""Reports of revenue as tables in a terminal."""

from collections.abc import Callable, Iterator, Sequence
from fractions import Fraction

from domain.money import Money, formatted
from domain.revenue.cohorts import Cohort
from domain.revenue.customers import CAME, WENT, CustomerCounts
from domain.revenue.figures import ChurnGroup, Period, PeriodLength, monthly
from domain.revenue.overview import Overview, Standing
from domain.revenue.queries import label
from domain.revenue.ratios import (
    gross_churn,
    growth,
    logo_churn,
    logo_churn_by,
    minor_units,
    net_churn,
    quick_ratio,
    retention,
)
from storage.revenue.cohorts import CohortsReport
from storage.revenue.figures import Line, PeriodsReport
from tenure.cli.tables import aligned

NOTHING = "nothing has been paid for"
_NONE = "–"
_STANDING = ("MRR", "ARR", "COMMITTED", "AT RISK", "PAUSED", "TRIALING", "PAYING", "FREE", "ON TRIAL")


def overview_table(overview: Overview) -> list[str]:
    """One line for all, each plan, billing interval and status; then what there is to say of all."""
    currency = overview.currency
    parts: list[tuple[str, Standing]] = [("all", overview.total)]
    for by, found in (
        ("plan", overview.by_plan),
        ("billed every", overview.by_billing_interval),
        ("status", overview.by_status),
    ):
        parts += [(f"{by} {name}", standing) for name, standing in found.items()]
    rows = [[name, *_standing(standing, currency)] for name, standing in parts]
    lines = aligned((currency.upper(), *_STANDING), rows, to_the_right=_STANDING)
    value = overview.lifetime_value
    missing = f" ({value.missing.replace('_', ' ')})" if value.missing is not None else ""
    return [
        *lines,
        f"ARPU {_amount(overview.per_customer, currency)}, LTV {_amount(value.amount, currency)}{missing}",
        *(_month(month, currency) for month in (overview.this_month, overview.last_month)),
    ]


def mrr_table(report: PeriodsReport) -> Iterator[str]:
    heads = ("MRR", "ARR", "PAUSED", "CUSTOMERS")
    yield from _periods(
        report,
        heads,
        lambda period, currency: [
            *(_money(amount, currency) for amount in (monthly(period.end), period.end, monthly(period.paused))),
            str(period.customers),
        ],
    )


def movements_table(report: PeriodsReport) -> Iterator[str]:
    shown = _kinds(report)
    yield from _periods(
        report,
        ("START", *(kind.upper() for kind in shown), "END"),
        lambda period, currency: [
            _money(monthly(amount), currency)
            for amount in (period.start, *(period.moved[kind].annual for kind in shown), period.end)
        ],
    )


def customers_table(report: PeriodsReport) -> Iterator[str]:
    names = ("start", *CAME, *WENT, "end")
    yield from _periods(
        report,
        tuple(name.upper() for name in names),
        lambda period, _: [str(getattr(CustomerCounts.of(period), name)) for name in names],
    )


def churn_table(report: PeriodsReport) -> Iterator[str]:
    groups = tuple(ChurnGroup)
    yield from _periods(
        report,
        ("LOGO", "GROSS", "NET", "GRR", "NRR", *(group.upper() for group in groups)),
        lambda period, _: [
            *map(_percent, (logo_churn(period), gross_churn(period), net_churn(period))),
            *(_percent(retention(churn)) for churn in (gross_churn(period), net_churn(period))),
            *(_percent(logo_churn_by(period, group)) for group in groups),
        ],
    )


def cohorts_table(report: CohortsReport) -> Iterator[str]:
    """Shares of customers and of revenue at the end of each month; a month that is not over has a star."""
    for line, cohorts in report.lines.items():
        longest = max((len(each.months) for each in cohorts), default=0)
        heads = ("CUSTOMERS", "MRR", *(f"+{number}" for number in range(longest)))
        rows = [[label(each.first_day, PeriodLength.MONTH), *_cohort(each, line.currency, longest)] for each in cohorts]
        yield from (_title(line), *aligned(("COHORT", *heads), rows, to_the_right=heads), "")
    if not report.lines:
        yield NOTHING


def _cohort(cohort: Cohort, currency: str, longest: int) -> list[str]:
    months = [
        f"{_percent(month.customer_share, digits=0)} {_percent(month.revenue_share, digits=0)}"
        f"{'' if month.is_complete else '*'}"
        for month in cohort.months
    ]
    padding = [""] * (longest - len(months))
    return [str(cohort.customers), _money(monthly(cohort.began_with), currency), *months, *padding]


def _kinds(report: PeriodsReport) -> list[str]:
    """The movements that there are, in their order: most reports have few of them."""
    periods = [period for line in report.lines.values() for period in line]
    return [
        kind for kind in (periods[0].moved if periods else ()) if any(period.moved[kind].annual for period in periods)
    ]


def _periods(report: PeriodsReport, heads: Sequence[str], cells: Callable[[Period, str], list[str]]) -> Iterator[str]:
    for line, periods in report.lines.items():
        rows = [[label(period.first_day, report.range.length), *cells(period, line.currency)] for period in periods]
        yield from (_title(line), *aligned(("PERIOD", *heads), rows, to_the_right=heads), "")
    if not report.lines:
        yield NOTHING


def _title(line: Line) -> str:
    parts = [line.currency, line.segment.plan]
    if line.segment.billing_interval:
        parts.append(f"billed every {line.segment.billing_interval}")
    return ", ".join(part for part in parts if part)


def _month(month: Period, currency: str) -> str:
    return (
        f"{label(month.first_day, PeriodLength.MONTH)}: net new {_money(monthly(month.end - month.start), currency)},"
        f" growth {_percent(growth(month))}, quick ratio {_ratio(quick_ratio(month))}"
    )


def _standing(standing: Standing, currency: str) -> list[str]:
    amounts = (standing.committed, standing.at_risk, standing.paused, standing.trialing)
    return [
        _money(monthly(standing.annual), currency),
        _money(standing.annual, currency),
        *(_money(monthly(amount), currency) for amount in amounts),
        *(str(count) for count in (standing.paying_customers, standing.free_customers, standing.trialing_customers)),
    ]


def _money(amount: int, currency: str) -> str:
    return formatted(Money(amount, currency))


def _amount(amount: Fraction | None, currency: str) -> str:
    whole = minor_units(amount)
    return _NONE if whole is None else _money(whole, currency)


def _percent(share: Fraction | None, *, digits: int = 1) -> str:
    return _NONE if share is None else f"{float(share):.{digits}%}"


def _ratio(ratio: Fraction | None) -> str:
    return _NONE if ratio is None else f"{float(ratio):.2f}"
