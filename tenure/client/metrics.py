"""Figures of recurring revenue, as Tenure returns them. Amounts are in minor units.

`mrr` is a twelfth of `arr`, rounded; sums of `arr` are exact.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime


@dataclass(frozen=True)
class MovementFigure:
    """What moved one way in a period; what is lost is negative."""

    mrr: int
    arr: int
    customers: int
    """Each is counted once."""


@dataclass(frozen=True)
class ChurnBy:
    """Churn by who or what ended it."""

    voluntary: MovementFigure
    """The customer."""
    involuntary: MovementFigure
    """A payment that failed, or was taken back by a bank."""
    operator: MovementFigure
    other: MovementFigure


@dataclass(frozen=True)
class ChurnFigure:
    """Churn in a period."""

    mrr: int
    arr: int
    customers: int
    by: ChurnBy


@dataclass(frozen=True)
class MovementsPeriod:
    """One period: what it starts with, what moved, and what it ends with."""

    period: str
    """As `2026-10`."""
    start: int
    """MRR."""
    start_arr: int
    new: MovementFigure
    expansion: MovementFigure
    contraction: MovementFigure
    churn: ChurnFigure
    reactivation: MovementFigure
    pause: MovementFigure
    resume: MovementFigure
    opening: MovementFigure
    """There before movements were recorded, or taken over from the payment provider."""
    entering: MovementFigure
    """In figures of one plan: changes from other plans."""
    leaving: MovementFigure
    """In figures of one plan: changes to other plans."""
    end: int
    """MRR."""
    end_arr: int
    plan: str | None = None
    billing_interval: str | None = None


@dataclass(frozen=True)
class MrrPeriod:
    """What there was at the end of a period."""

    period: str
    mrr: int
    arr: int
    paused: int
    """MRR that pauses have taken out."""
    customers: int
    """Who pay."""
    plan: str | None = None
    billing_interval: str | None = None


@dataclass(frozen=True)
class MrrNow:
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


@dataclass(frozen=True)
class ReportLinks:
    """The same report elsewhere."""

    csv: str


@dataclass(frozen=True, kw_only=True)
class About:
    """What every report says of itself."""

    currencies: tuple[str, ...]
    """All that there are figures in; they are never added."""
    timezone: str
    """Whose days and months these are."""
    as_of: datetime
    complete_until: str
    """The last day of the last period that is over."""
    since: str | None = None
    """From when on figures are exact; None: nothing has moved yet."""
    definitions: Mapping[str, str] = field(default_factory=dict)
    """What each figure means."""
    links: ReportLinks


@dataclass(frozen=True, kw_only=True)
class Report(About):
    """The same of a report in one currency."""

    currency: str


@dataclass(frozen=True, kw_only=True)
class Movements(Report):
    """What moved in each period, oldest first."""

    data: tuple[MovementsPeriod, ...]


@dataclass(frozen=True, kw_only=True)
class Mrr(Report):
    """Monthly recurring revenue: now, and at the end of each period, oldest first."""

    now: MrrNow
    data: tuple[MrrPeriod, ...]
