"""Who comes, who goes and what is lost, as Tenure returns it. Amounts are in minor units; ratios have six decimals."""

from dataclasses import dataclass

from tenure.client.metrics import MovementFigure, Report


@dataclass(frozen=True)
class CustomersPeriod:
    """One period. Each time counts: `start` and all who came, less all who went, is `end`."""

    period: str
    """As `2026-10`."""
    start: int
    """Who pay at its start."""
    opening: int
    new: int
    reactivation: int
    resume: int
    entering: int
    """From another plan or currency."""
    churn: int
    pause: int
    leaving: int
    """To another plan or currency."""
    end: int
    """Who pay at its end."""
    plan: str | None = None
    billing_interval: str | None = None


@dataclass(frozen=True, kw_only=True)
class CustomerCounts(Report):
    """How many customers pay in each period, oldest first."""

    data: tuple[CustomersPeriod, ...]


@dataclass(frozen=True)
class ChurnShare:
    """Churn for such reasons, and its share of what there was."""

    mrr: int
    arr: int
    customers: int
    logo_churn: float | None = None
    gross_revenue_churn: float | None = None


@dataclass(frozen=True)
class ChurnShares:
    """Churn by who or what ended it."""

    voluntary: ChurnShare
    """The customer."""
    involuntary: ChurnShare
    """A payment that failed, or was taken back by a bank."""
    operator: ChurnShare
    other: ChurnShare


@dataclass(frozen=True, kw_only=True)
class ChurnPeriod:
    """One period. Ratios are None if there was nothing at its start; what is lost is negative."""

    period: str
    """As `2026-10`."""
    plan: str | None = None
    billing_interval: str | None = None
    customers_at_start: int
    start: int
    """MRR at its start."""
    start_arr: int
    logo_churn: float | None = None
    gross_revenue_churn: float | None = None
    net_revenue_churn: float | None = None
    grr: float | None = None
    """Gross revenue retention."""
    nrr: float | None = None
    """Net revenue retention."""
    churn: MovementFigure
    contraction: MovementFigure
    expansion: MovementFigure
    reactivation: MovementFigure
    by: ChurnShares


@dataclass(frozen=True, kw_only=True)
class ChurnRates(Report):
    """What is lost in each period, oldest first."""

    data: tuple[ChurnPeriod, ...]
