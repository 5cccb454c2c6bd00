"""How trials, failed payments and cancellations come out, as Tenure returns it. Rates are from 0 to 1."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal

from tenure.client.metrics import About, Report, ReportLinks
from tenure.client.values import ReasonCode, Status


@dataclass(frozen=True)
class Conversion:
    """Of the trials that ended, how many converted."""

    ended: int
    converted: int
    conversion: float | None
    """None: none has ended."""


@dataclass(frozen=True)
class DaysToConvert:
    """From the start of a trial to the first payment, in days; None: none has converted."""

    median: float | None
    mean: float | None


@dataclass(frozen=True, kw_only=True)
class TrialsPeriod:
    """One period. A trial is in the period in which it ended."""

    period: str
    """As `2026-10`."""
    plan: str | None = None
    started: int
    running: int
    """At its end."""
    ended: int
    converted: int
    conversion: float | None
    expired: int
    canceled: int
    free: int
    """Continued on the free plan."""
    declined: int
    with_card: Conversion
    """Of trials with a card on file when they began; it is not known of all."""
    without_card: Conversion
    days_to_convert: DaysToConvert


@dataclass(frozen=True, kw_only=True)
class Trials(About):
    """What came of trials in each period, oldest first."""

    data: tuple[TrialsPeriod, ...]


@dataclass(frozen=True)
class Owed:
    """How many payments, and how much was owed, in minor units."""

    count: int
    amount: int


@dataclass(frozen=True)
class RecoveryFigure:
    """What came of payments that failed."""

    recovered: Owed
    lost: Owed
    open: Owed
    waived: Owed
    recovery_rate: float | None
    """None: none was recovered or lost."""
    recovery_amount_rate: float | None


@dataclass(frozen=True, kw_only=True)
class RecoveryPeriod(RecoveryFigure):
    """The recoveries of renewals that began in one period, and those of first payments."""

    period: str
    """As `2026-10`."""
    plan: str | None = None
    decline_code: str | None = None
    """With `group="decline_code"`."""
    tries: int | None = None
    """With `group="tries"`."""
    by: Literal["retry", "new_card", "customer", "provider", "operator"] | None = None
    """With `group="by"`: what brought the payment; None: it has not come."""
    first_payments: RecoveryFigure


@dataclass(frozen=True, kw_only=True)
class Recovery(Report):
    """What came of failed payments, by the period in which they failed first, oldest first."""

    data: tuple[RecoveryPeriod, ...]


@dataclass(frozen=True)
class TakenInstead:
    """What those took who undid their cancellation."""

    uncancel: int
    """Nothing else."""
    pause: int
    change: int


@dataclass(frozen=True, kw_only=True)
class CancellationsPeriod:
    """The cancellations that customers asked for in one period."""

    period: str
    """As `2026-10`."""
    plan: str | None = None
    reason_code: str | None = None
    """With `group="reason_code"`."""
    asked: int
    asked_on_trial: int
    """Of these, during a trial."""
    undone: int
    undone_by: TakenInstead
    in_effect: int
    pending: int
    save_rate: float | None
    """None: none was undone or took effect."""
    by_operators: int
    """In no other figure."""
    reasons: Mapping[str, int]
    """Of those asked; `none`: the customer did not say."""


@dataclass(frozen=True, kw_only=True)
class Cancellations(About):
    """Cancellations, by the period in which they were asked for, oldest first."""

    data: tuple[CancellationsPeriod, ...]


@dataclass(frozen=True, kw_only=True)
class Cancellation:
    """A cancellation that was asked for."""

    asked_at: datetime
    subscription: str
    customer: str
    """Your own id."""
    by: Literal["customer", "operator"]
    plan: str
    """Held at the time, as is `status`."""
    status: Status | None = None
    """None: not known."""
    reason_code: ReasonCode | None = None
    """None: the customer did not say."""
    comment: str | None = None
    retained_by: Literal["uncancel", "pause", "change"] | None = None
    """What was taken instead; None: it was not undone."""
    ended_at: datetime | None = None
    """None: it was undone, or is pending."""


@dataclass(frozen=True)
class CancellationPage:
    """One page of cancellations."""

    data: tuple[Cancellation, ...]
    next_cursor: str | None = None


@dataclass(frozen=True, kw_only=True)
class UsageFigure:
    """How the customers of one plan used one feature; None: statistics from before this was kept."""

    period: str
    """As `2026-10`."""
    plan: str | None = None
    """None: customers without a plan."""
    feature: str
    taken_at: datetime
    """The last statistics of the period."""
    customers: int
    """Who have begun to use it in their current period: the other figures are of these."""
    active: int | None = None
    """Who have used some of it."""
    used: int
    """By all of them together."""
    median: int | None = None
    p90: int | None = None
    highest: int
    limited: int | None = None
    """Who have a limit."""
    share_at_80: float | None = None
    """Of those who have a limit: at 80 % of it, or beyond."""
    share_at_90: float | None = None
    share_at_100: float | None = None


@dataclass(frozen=True, kw_only=True)
class UsageFigures:
    """How plans use features in each period, oldest first."""

    timezone: str
    """Whose days and months these are."""
    as_of: datetime
    complete_until: str
    """The last day of the last period that is over."""
    definitions: Mapping[str, str] = field(default_factory=dict)
    """What each figure means."""
    links: ReportLinks
    data: tuple[UsageFigure, ...]
