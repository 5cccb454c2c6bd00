"""The port of our own records for reconciliation: rows to compare, and where findings are stored."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Protocol

from domain.notifications.ports import QueuedMail
from domain.provider.payments import Invoice
from domain.reconciliation.differences import Discrepancy, Outcome, Projection
from domain.reconciliation.passes import COMPARED_WITH_WORKFLOWS, LISTED_BY_PROVIDER, Walk
from domain.reconciliation.runs import RunReport, StoredDiscrepancy
from domain.subscription.contact_changes import CustomerProblem
from domain.subscription.state import Subscription


@dataclass(frozen=True)
class StuckMails:
    """Mails of one subscription that have been queued for long."""

    subscription: str
    tenant: str
    mails: tuple[str, ...]


@dataclass(frozen=True)
class RevenueDifference:
    """A subscription whose movements do not add up; amounts are annual, in minor units."""

    subscription: str
    tenant: str
    currency: str
    recorded: int
    worth: int


@dataclass(frozen=True)
class Found:
    """A difference and what was done about it."""

    discrepancy: Discrepancy
    outcome: Outcome = Outcome.LISTED
    why_not: str = ""


@dataclass(frozen=True)
class OpenDifference:
    """A difference that an earlier run has found, under its id."""

    id: str
    discrepancy: Discrepancy


class CallBudget(Protocol):
    """The calls to the provider that all reconciliations together may make."""

    async def take(self) -> None:
        """Return when the next call may be made.

        Raises:
            GatewayUnavailable: the database is unreachable.
        """
        ...


class Comparison(Protocol):
    """Our records. Every method raises GatewayUnavailable if the database is unreachable."""

    async def of_agreements(self, refs: Sequence[str]) -> Mapping[str, Projection]:
        """Returns the subscription of each agreement; of several the one that is not over."""
        ...

    async def related(self, ids: Sequence[str], customer_refs: Sequence[str]) -> Sequence[Projection]:
        """Returns subscriptions by id or by customer at the provider, the live ones first."""
        ...

    async def one(self, subscription: str) -> Projection | None: ...

    async def ends_of(self, ids: Sequence[str]) -> Mapping[str, bool]:
        """Returns those of these subscriptions that are stored, and whether each is over."""
        ...

    async def knows_customer(self, customer: str) -> bool:
        """True if a customer is stored under our id."""
        ...

    async def record_invoices(self, subscription: Subscription, invoices: Sequence[Invoice]) -> None:
        """Record invoices as the provider has them; those recorded as paid stay as they are."""
        ...

    async def open(self, after: str | None, run_began: datetime, *, limit: int) -> Sequence[OpenDifference]:
        """Returns the next open differences, by id, that were last found before *run_began*."""
        ...

    async def reports(self, since: datetime) -> Sequence[RunReport]:
        """Returns the reports of the runs that began since then and have come to their end."""
        ...

    async def stuck_mails(self, after: str | None, *, waiting_for: timedelta, limit: int) -> Sequence[StuckMails]:
        """Returns mails that have waited this long, by subscription."""
        ...

    async def customer_problems(self) -> Sequence[CustomerProblem]:
        """Returns problems with customers that need an operator."""
        ...

    async def revenue_differences(self, first: str, last: str) -> Sequence[RevenueDifference]:
        """Returns subscriptions between two ids whose recorded movements do not add up to what they are worth."""
        ...

    async def correct_revenue(self, subscription: str) -> None:
        """Record the movements that are missing."""
        ...

    async def queued(self, mail_ids: Sequence[str]) -> Sequence[QueuedMail]:
        """Returns those of these mails that still wait to be sent."""
        ...

    async def keep(self, run: str, found: Sequence[Found]) -> None:
        """Store findings; if stored again, the latest outcome replaces the earlier one."""
        ...

    async def end_run(self, report: RunReport) -> None:
        """Store what a run has found, and close the differences that it has not found any more."""
        ...

    async def forget_old(self) -> None:
        """Remove findings and runs older than a month."""
        ...


class StoredDiscrepancies(Protocol):
    """The differences of a tenant."""

    async def current(self, tenant: str, id: str) -> StoredDiscrepancy | None:  # noqa: A002 - it is one
        """The difference with this id as it was last found, under a newer id perhaps; None: there is none."""
        ...


@dataclass(frozen=True)
class WalkRequest:
    """The next pages of a walk, and what its run knows."""

    walk: Walk
    run_began: datetime
    since: datetime | None = None
    """When what has changed since the last run began to change; None: everything is compared."""
    without_provider: bool = False
    """The provider does not respond: compare only what does not need it."""
    asks_every_workflow: bool = False
    """Ask each workflow for its state, also where it shows what is stored."""


@dataclass(frozen=True)
class Page:
    """The result of comparing one page."""

    found: tuple[Discrepancy, ...] = ()
    next_cursor: str | None = None
    compared: int = 0
    not_ours: int = 0
    """Agreements that are not ours."""
    under_way: int = 0
    """Subscriptions that differ but are busy: the next run compares them again."""


class ComparedRows(Protocol):
    """Our subscriptions page by page, and when their agreements were last seen at the provider."""

    async def mark_seen(self, shards: Mapping[str, int], run_began: datetime) -> None:
        """Record that a run has seen the agreements of these subscriptions at the provider, and their shards."""
        ...

    async def live(
        self, after: str | None, run_began: datetime, *, limit: int, shard: int | None = None
    ) -> Sequence[tuple[Projection, bool]]:
        """Returns the next subscriptions, by id, that are not over or whose end is still to be sent to the provider.

        Each comes with whether its agreement needs no look of its own: this run has seen it or, with a *shard*, whose
        subscriptions alone are returned, the pass that this run is part of has seen it or will.
        """
        ...

    async def unlisted(
        self, after: str | None, run_began: datetime, *, shard: int, limit: int
    ) -> Sequence[tuple[Projection, bool]]:
        """Returns the next live subscriptions, by id, whose agreement is of a shard and was not seen since *run_began*.

        As by `live`, with false: their agreements need a look of their own.
        """
        ...

    async def forget_sightings(self, shard: int, run_began: datetime) -> None:
        """Forget sightings of a shard, from before a run, whose subscriptions are over."""
        ...

    async def due(self, after: str | None, *, late_since: datetime, limit: int) -> Sequence[Projection]:
        """Returns the next subscriptions, by id, with an action due before *late_since*, or with a blocked step."""
        ...


@dataclass(frozen=True)
class Walked:
    """The result of comparing some pages, and what is left of the walk."""

    walk: Walk
    found: tuple[Discrepancy, ...] = ()
    agreements: int = 0
    """Agreements compared with our subscriptions."""
    subscriptions: int = 0
    """Subscriptions compared with their workflows."""
    not_ours: int = 0
    under_way: int = 0
    pages: int = 0

    def with_page(self, page: Page) -> "Walked":
        """The result with the next page, which is of the first stage that is left."""
        stage = self.walk.stages[0]
        return Walked(
            self.walk.after_page(page.next_cursor),
            (*self.found, *page.found),
            self.agreements + (page.compared if stage in LISTED_BY_PROVIDER else 0),
            self.subscriptions + (page.compared if stage in COMPARED_WITH_WORKFLOWS else 0),
            self.not_ours + page.not_ours,
            self.under_way + page.under_way,
            self.pages + 1,
        )


class PageInspector(Protocol):
    """Compares subscriptions across provider, database and workflows. Changes only when they were last seen."""

    async def page(self, request: WalkRequest) -> Page:
        """Compare the next page of the walk's first stage."""
        ...


class MailInspector(Protocol):
    """Finds stuck mails, and what else the database shows in full at any time."""

    async def mails(self, after: str | None) -> Page: ...


class SubscriptionHealer(Protocol):
    """Fixes a subscription."""

    async def heal(self, run: str, found: Sequence[Discrepancy]) -> Sequence[Found]: ...
