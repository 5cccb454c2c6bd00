"""Cancellations as facts: each request to cancel, and whether it was undone or took effect."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from domain.revenue.outcomes import ASKED_FOR, OutcomeChanges, RetainedBy
from domain.subscription.ends import EndKind
from domain.subscription.lifecycle import Status
from domain.subscription.state import Subscription


class AskedBy(StrEnum):
    """Who asked for a cancellation: everything else that ends a subscription is no request."""

    CUSTOMER = "customer"
    OPERATOR = "operator"


@dataclass(frozen=True)
class CancellationRequest:
    """A cancellation that was asked for."""

    asked_at: datetime
    by: AskedBy
    plan: str
    """Held at the time, as is `status`."""
    status: Status
    reason_code: str = ""
    comment: str = ""
    ended_at: datetime | None = None
    """If it took effect at once."""


@dataclass(frozen=True)
class CancellationResult:
    """What became of the latest cancellation that was asked for: one of these."""

    retained_by: RetainedBy | None = None
    ended_at: datetime | None = None

    @property
    def is_afterthought(self) -> bool:
        """True if it was undone before, and this says what was taken instead."""
        return self.retained_by in (RetainedBy.PAUSE, RetainedBy.CHANGE)


def cancellation_fact(
    before: Subscription | None, after: Subscription, changes: OutcomeChanges
) -> CancellationRequest | CancellationResult | None:
    """Returns what a step with these *changes* of the outcome says of a cancellation; None: nothing."""
    if before is None:
        return None
    if "canceled_asked_at" in changes:
        by = after.end_kind or EndKind.CUSTOMER
        if by not in ASKED_FOR:
            return None
        said = changes["reason_code"], changes["comment"]
        return CancellationRequest(
            changes["canceled_asked_at"], AskedBy(by), before.plan, before.status, *said, changes.get("ended_at")
        )
    retained_by = changes.get("retained_by")
    if retained_by is not None:
        return CancellationResult(retained_by)
    is_due = "ended_at" in changes and before.cancel_at is not None
    return CancellationResult(ended_at=changes["ended_at"]) if is_due else None
