"""What reconciliation needs of our side: rows to compare, and a list for what it finds."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Protocol

from domain.notifications.ports import QueuedMail
from domain.reconciliation.differences import Discrepancy, Outcome, Projection
from domain.subscription.contact_changes import Trouble


@dataclass(frozen=True)
class StuckMails:
    """Mails of one subscription that were queued long ago."""

    subscription: str
    tenant: str
    mails: tuple[str, ...]


@dataclass(frozen=True)
class Found:
    """A difference and what came of it."""

    discrepancy: Discrepancy
    outcome: Outcome = Outcome.LISTED
    why_not: str = ""


class Comparison(Protocol):
    """Our side. Every method raises GatewayUnavailable when the database is out of reach."""

    async def of_agreements(self, refs: Sequence[str]) -> Mapping[str, Projection]:
        """The subscription that each agreement is of; of several the one that is not over."""
        ...

    async def related(self, ids: Sequence[str], customer_refs: Sequence[str]) -> Sequence[Projection]:
        """Subscriptions of these ids or of these customers at the provider, the live ones first."""
        ...

    async def one(self, subscription: str) -> Projection | None: ...

    async def mark_seen(self, ids: Sequence[str], run_began: datetime) -> None:
        """Note that agreements of these subscriptions were met at the provider in a run."""
        ...

    async def live(self, after: str | None, run_began: datetime, *, limit: int) -> Sequence[tuple[Projection, bool]]:
        """The next that are not over, or whose end is still to be told, by id.

        Each with whether its agreement was met in this run.
        """
        ...

    async def stuck_mails(self, after: str | None, *, waiting_for: timedelta, limit: int) -> Sequence[StuckMails]:
        """Mails that were queued so long ago, by subscription."""
        ...

    async def customer_troubles(self) -> Sequence[Trouble]:
        """What an operator must see to about customers."""
        ...

    async def queued(self, mail_ids: Sequence[str]) -> Sequence[QueuedMail]:
        """Those of these mails that still wait to be sent."""
        ...

    async def keep(self, run: str, found: Sequence[Found]) -> None:
        """Write down what was found; told again, the latest outcome stays."""
        ...

    async def forget_old(self) -> None:
        """Remove what was found a month ago."""
        ...
