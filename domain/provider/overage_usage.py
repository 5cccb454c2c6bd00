"""Billed overage usage: each is reported to the provider once."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from hashlib import sha256

REPEATED_WITHIN = timedelta(hours=23)
"""How long after a report began it may be repeated: the provider deduplicates reports for a day."""

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def event_name(product: str, feature: str) -> str:
    """The provider's meter event name for a feature."""
    return f"{product}_{feature}"


def report_key(tenant: str, key: str) -> str:
    """Identifies one usage to the provider: always the same for it, and short enough for every provider."""
    digest = sha256("\0".join((tenant, key)).encode())
    return f"tenure_{digest.hexdigest()}"


@dataclass(frozen=True)
class BilledUsage:
    """Usage beyond a plan's limit that the provider bills."""

    tenant: str
    key: str
    """The key it was counted under."""
    customer_ref: str
    """The customer's id at the provider."""
    counted_as: str
    """The provider's meter event name."""
    quantity: int
    at: datetime

    @property
    def report_key(self) -> str:
        return report_key(self.tenant, self.key)


@dataclass(frozen=True)
class ClaimedUsage:
    """A usage that we have claimed for reporting."""

    use: BilledUsage
    began_before: timedelta | None = None
    """How long ago an earlier report with unknown outcome began; None: this is the first."""
    began: datetime | None = None
    """When its report began: now, unless an earlier one has an unknown outcome."""

    @property
    def may_be_made_again(self) -> bool:
        """True if the provider would still recognize it from an earlier report that got through."""
        return self.began_before is None or self.began_before <= REPEATED_WITHIN

    @property
    def call_key(self) -> str:
        """The call's idempotency key: a new one every hour, as a provider may replay an old error of its own.

        What was refused is replayed for a day, even if its cause is fixed: reported again, it begins anew. That it is
        billed once is seen to by the usage's identifier.
        """
        hours = 0 if self.began_before is None else self.began_before // timedelta(hours=1)
        began = 0 if self.began is None else (self.began - _EPOCH) // timedelta(microseconds=1)
        return f"{self.use.report_key}/{began}/{hours}"


class ReportProblem(StrEnum):
    """Why a usage is not reported and waits for an operator."""

    UNKNOWN = "unknown"
    """A report began and its outcome is unknown; repeating it might bill twice."""
    REFUSED = "refused"
    """The provider does not accept it."""


@dataclass(frozen=True)
class UnreportedUsage:
    """A usage that waits for an operator."""

    tenant: str
    key: str
    customer: str
    """External id."""
    feature: str
    quantity: int
    at: datetime
    trouble: ReportProblem
    why: str
