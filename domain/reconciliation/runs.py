"""Reconciliation runs and the differences that are open, as operators see them."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from domain.reconciliation.differences import DifferenceKind, Discrepancy, Outcome
from domain.reconciliation.passes import Scope
from domain.reconciliation.remedies import remedy


@dataclass(frozen=True)
class RunReport:
    """What a run has looked at and found, in counts."""

    run: str
    began_at: datetime
    heals: bool
    """False: it only listed what differs."""
    agreements: int = 0
    """Agreements of the provider that were compared with our subscriptions."""
    subscriptions: int = 0
    """Subscriptions that were compared with their workflows."""
    not_ours: int = 0
    under_way: int = 0
    """Differences of subscriptions that were busy, which the next run looks at."""
    unheard: int = 0
    """Events of the provider that had never arrived, and were fetched."""
    found: Mapping[str, Mapping[str, int]] = field(default_factory=dict)
    """The number of differences by kind and outcome."""
    not_heard: str = ""
    """Why some events may not have been delivered or fetched; empty: all were."""
    not_compared: str = ""
    """Why the provider's agreements were not compared; empty: they were."""
    scope: Scope = Scope.WHOLE
    shards: tuple[int, ...] = ()
    """The shards that were compared in full, if it was not everything."""

    def count(self, outcome: Outcome | None = None) -> int:
        """The differences with this outcome; None: all."""
        return sum(
            number
            for outcomes in self.found.values()
            for name, number in outcomes.items()
            if outcome is None or name == outcome.value
        )

    @property
    def restored(self) -> int:
        """Lost workflows that were restarted."""
        return self.found.get(DifferenceKind.WORKFLOW_MISSING.value, {}).get(Outcome.HEALED.value, 0)


@dataclass(frozen=True)
class EndedRun:
    """A run that has come to its end."""

    report: RunReport
    ended_at: datetime


@dataclass(frozen=True)
class StoredDiscrepancy:
    """A difference as it was last found."""

    id: str
    discrepancy: Discrepancy
    since: datetime
    """When it was first found."""
    found_at: datetime
    """When it was last found."""
    outcome: Outcome
    why_not: str
    """Why it is not healed."""
    closed_at: datetime | None
    """When it was healed, or found no longer; None: it is open."""

    @property
    def remedy(self) -> str:
        return remedy(self.discrepancy.kind, is_healable=self.discrepancy.is_healable)


SEEN_WITHOUT_PROVIDER = frozenset(
    {
        DifferenceKind.WORKFLOW_MISSING,
        DifferenceKind.WORKFLOW_SILENT,
        DifferenceKind.END_UNWRITTEN,
        DifferenceKind.ROW_MISSING,
        DifferenceKind.INVOICES_MISSING,
        DifferenceKind.DATABASE_BEHIND,
        DifferenceKind.WORKFLOW_BEHIND,
        DifferenceKind.BLOCKED,
        DifferenceKind.MAIL_STUCK,
        DifferenceKind.MAIL_UNSENT,
        DifferenceKind.REVENUE_DIFFERS,
        DifferenceKind.ADDRESS_UNUSABLE,
        DifferenceKind.CUSTOMER_NOT_TOLD,
    }
)
"""Differences that a run finds even while the provider does not respond."""
