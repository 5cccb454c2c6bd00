"""The port of our own records for reconciliation: rows to compare, and where findings are stored."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Protocol

from domain.notifications.ports import QueuedMail
from domain.provider.payments import Invoice
from domain.reconciliation.differences import Discrepancy, Outcome, Projection
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

    async def mark_seen(self, ids: Sequence[str], run_began: datetime) -> None:
        """Record that a run has seen the agreements of these subscriptions at the provider."""
        ...

    async def live(self, after: str | None, run_began: datetime, *, limit: int) -> Sequence[tuple[Projection, bool]]:
        """Returns the next subscriptions, by id, that are not over or whose end is still to be sent to the provider.

        Each comes with whether this run has seen its agreement.
        """
        ...

    async def stuck_mails(self, after: str | None, *, waiting_for: timedelta, limit: int) -> Sequence[StuckMails]:
        """Returns mails that have waited this long, by subscription."""
        ...

    async def customer_problems(self) -> Sequence[CustomerProblem]:
        """Returns problems with customers that need an operator."""
        ...

    async def revenue_differences(self) -> Sequence[RevenueDifference]:
        """Returns subscriptions whose recorded movements do not add up to what they are worth."""
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
class Page:
    """The result of comparing one page."""

    found: tuple[Discrepancy, ...] = ()
    next_cursor: str | None = None
    compared: int = 0
    not_ours: int = 0
    """Agreements that are not ours."""
    under_way: int = 0
    """Subscriptions that differ but are busy: the next run compares them again."""


class Inspector(Protocol):
    """Compares subscriptions across provider, database and workflows."""

    async def agreements(self, cursor: str | None, run_began: datetime) -> Page: ...
    async def subscriptions(
        self,
        after: str | None,
        run_began: datetime,
        *,
        without_provider: bool = False,
        asks_every_workflow: bool = False,
    ) -> Page: ...


class MailInspector(Protocol):
    """Finds stuck mails."""

    async def mails(self, after: str | None) -> Page: ...


class SubscriptionHealer(Protocol):
    """Fixes a subscription."""

    async def heal(self, run: str, found: Sequence[Discrepancy]) -> Sequence[Found]: ...
