"""Who began to pay in the same month, as Tenure returns it. Amounts are in minor units; ratios have six decimals."""

from dataclasses import dataclass

from tenure.client.metrics import Report


@dataclass(frozen=True)
class CohortMonth:
    """What is left of a cohort at the end of a month."""

    month: int
    """How many months after the first, which is 0."""
    period: str
    """As `2026-10`."""
    customers: int
    """Of the cohort who pay."""
    mrr: int
    arr: int
    customer_retention: float | None
    revenue_retention: float | None
    is_complete: bool
    """False: the month is not over."""


@dataclass(frozen=True, kw_only=True)
class Cohort:
    """Who first paid in one month."""

    cohort: str
    """As `2026-01`."""
    plan: str | None = None
    """That they began with."""
    billing_interval: str | None = None
    customers: int
    """How many they are."""
    mrr: int
    """What they began with."""
    arr: int
    months: tuple[CohortMonth, ...]
    """The month itself and all since; empty: nobody began in it."""


@dataclass(frozen=True, kw_only=True)
class Cohorts(Report):
    """The cohort of each month, oldest first."""

    data: tuple[Cohort, ...]
