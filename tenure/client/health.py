"""How the engine is, as Tenure returns it to operators."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from tenure.client.values import HealingOutcome, InboxState, MailState, ScheduledRunStatus, ScheduleState


@dataclass(frozen=True)
class InboxEvent:
    """An event of the payment provider."""

    id: str
    type: str
    object: str
    """What it is about, by the provider's id."""
    state: InboxState
    received_at: datetime
    customer: str | None = None
    """The customer at the provider, if it names one."""
    agreement: str | None = None
    """The provider's subscription, if it names one."""
    outcome: str | None = None
    """What was done with it, in words."""
    handled_at: datetime | None = None


@dataclass(frozen=True)
class InboxPage:
    """One page of events."""

    data: tuple[InboxEvent, ...]
    next_cursor: str | None = None
    """The next page's cursor; None on the last page."""


@dataclass(frozen=True)
class RecentDeliveries:
    """What arrived within the last hour."""

    received: int
    delivered: int
    p50_seconds: float | None = None
    """Median seconds from receipt to delivery; None if nothing was delivered."""
    p95_seconds: float | None = None
    """95th percentile of the same."""


@dataclass(frozen=True)
class InboxSummary:
    """How far behind delivery is; no more than 10,000 events are counted."""

    waiting: int
    set_aside: int
    last_hour: RecentDeliveries
    oldest_waiting: datetime | None = None


@dataclass(frozen=True)
class Discrepancy:
    """A difference between the payment provider, the database and the workflows."""

    id: str
    kind: str
    details: str
    since: datetime
    """When it was first found."""
    found_at: datetime
    outcome: HealingOutcome
    is_healable: bool
    """False: no rule can decide it, an operator has to."""
    remedy: str
    """What healing does, or what an operator has to do."""
    subscription: str | None = None
    agreement: str | None = None
    """The provider's subscription, if one is involved."""
    why_not: str | None = None
    """Why it is not healed."""
    closed_at: datetime | None = None
    """When it was healed, or found no longer; None while it is open."""


@dataclass(frozen=True)
class DiscrepancyPage:
    """One page of differences."""

    data: tuple[Discrepancy, ...]
    next_cursor: str | None = None
    """The next page's cursor; None on the last page."""


@dataclass(frozen=True)
class ReconciliationRun:
    """A reconciliation run that has come to its end, in counts."""

    run: str
    began_at: datetime
    ended_at: datetime
    heals: bool
    agreements: int
    subscriptions: int
    differences: int
    healed: int
    failed: int
    restored: int
    """Lost workflows that were restarted."""
    not_ours: int = 0
    under_way: int = 0
    events_fetched: int = 0
    found: Mapping[str, Mapping[str, int]] = field(default_factory=dict)
    """The number of differences by kind and outcome."""
    not_compared: str | None = None
    """Why the provider's subscriptions were not compared."""
    not_heard: str | None = None
    """Why some events may be missing."""


@dataclass(frozen=True)
class ReconciliationRunPage:
    """One page of runs."""

    data: tuple[ReconciliationRun, ...]
    next_cursor: str | None = None
    """The next page's cursor; None on the last page."""


@dataclass(frozen=True)
class ScheduledRun:
    """A run of a Temporal Schedule."""

    workflow: str
    run: str
    status: ScheduledRunStatus
    started_at: datetime
    ended_at: datetime | None = None


@dataclass(frozen=True)
class Schedule:
    """A Temporal Schedule."""

    id: str
    state: ScheduleState
    note: str = ""
    """How it is run manually."""
    every_seconds: int | None = None
    next_times: tuple[datetime, ...] = ()
    runs: tuple[ScheduledRun, ...] = ()
    """The latest, the newest first."""


@dataclass(frozen=True)
class ScheduleList:
    """All Schedules."""

    data: tuple[Schedule, ...]


@dataclass(frozen=True)
class Mail:
    """A mail to a customer, without what it says."""

    id: str
    subscription: str
    occasion: str
    state: MailState
    created_at: datetime
    why_not: str | None = None
    """Why it was given up."""
    sent_at: datetime | None = None


@dataclass(frozen=True)
class MailPage:
    """One page of mails."""

    data: tuple[Mail, ...]
    next_cursor: str | None = None
    """The next page's cursor; None on the last page."""


@dataclass(frozen=True)
class MailSummary:
    """How many mails did not go out; no more than 10,000 are counted."""

    waiting: int
    given_up: int
    """Of those written within a week."""
    oldest_waiting: datetime | None = None


@dataclass(frozen=True)
class Worker:
    """A worker that has asked for work within the last minutes."""

    identity: str
    """Its process and machine."""
    last_seen: datetime
    build: str | None = None
    """The build that it runs, such as a release or a digest of its code."""
    deployment: str | None = None
    """The deployment that the build is a version of; None: the worker has no version."""


@dataclass(frozen=True)
class Routing:
    """The builds that new work of a task queue goes to, where workers have versions."""

    current_build: str | None = None
    """None: new work goes to workers without versions."""
    ramping_build: str | None = None
    """It gets a share of new work."""
    ramping_percentage: float = 0.0


@dataclass(frozen=True)
class TaskQueue:
    """A task queue of Temporal."""

    name: str
    is_known: bool
    """False: Temporal does not respond, and the rest says nothing."""
    workers: tuple[Worker, ...] = ()
    backlog: int | None = None
    """Tasks that no worker has taken yet, about."""
    backlog_age_seconds: float | None = None
    routing: Routing = Routing()


@dataclass(frozen=True)
class CatalogInForce:
    """The catalog in force."""

    name: str
    revision: int
    published_at: datetime
    in_force_since: datetime | None = None


@dataclass(frozen=True)
class PolicyInForce:
    """The policy that new subscriptions begin under."""

    version: str
    published_at: datetime | None = None


@dataclass(frozen=True)
class System:
    """How the parts of an installation are."""

    version: str
    database: str
    """`ok`, or what is wrong."""
    temporal: str
    """`ok`, or what is wrong."""
    queues: tuple[TaskQueue, ...]
    policy: PolicyInForce
    catalog: CatalogInForce | None = None
