"""Revenue at a glance, as Tenure returns it. Amounts are in minor units; ratios have six decimals."""

from dataclasses import dataclass
from typing import Literal

from tenure.client.metrics import About


@dataclass(frozen=True, kw_only=True)
class RevenueStanding:
    """What there is now."""

    mrr: int
    arr: int
    committed: int
    """Without subscriptions that are set to end."""
    at_risk: int
    """The part of `mrr` whose payment is being recovered."""
    paused: int
    trialing: int
    customers: int
    """Who pay."""
    free_customers: int
    trialing_customers: int


@dataclass(frozen=True, kw_only=True)
class PlanStanding(RevenueStanding):
    """What there is now of one plan."""

    plan: str


@dataclass(frozen=True, kw_only=True)
class BillingIntervalStanding(RevenueStanding):
    """What there is now of what is billed every month, or every year."""

    billing_interval: str


@dataclass(frozen=True, kw_only=True)
class StatusStanding(RevenueStanding):
    """What there is now in one status."""

    status: str


@dataclass(frozen=True)
class MonthGrowth:
    """How much came in and was lost in one month."""

    period: str
    """As `2026-10`."""
    start: int
    """MRR."""
    end: int
    """MRR, so far if the month is not over."""
    net_new: int
    growth: float | None
    """None: there was nothing at its start."""
    quick_ratio: float | None
    """None: nothing was lost."""


@dataclass(frozen=True, kw_only=True)
class CurrencyOverview(RevenueStanding):
    """What there is now in one currency."""

    currency: str
    arpu: int | None
    """None: nobody pays."""
    ltv: int | None
    ltv_missing: Literal["no_customers", "no_full_month", "no_churn"] | None = None
    """Why there is no `ltv`."""
    this_month: MonthGrowth
    last_month: MonthGrowth
    by_plan: tuple[PlanStanding, ...]
    by_billing_interval: tuple[BillingIntervalStanding, ...]
    by_status: tuple[StatusStanding, ...]


@dataclass(frozen=True, kw_only=True)
class RevenueOverview(About):
    """What there is now, by currency."""

    data: tuple[CurrencyOverview, ...]
