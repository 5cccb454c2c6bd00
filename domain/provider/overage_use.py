"""Use beyond a plan's limit on its way to a bill: each is told to the provider once."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from hashlib import sha256

REPEATED_WITHIN = timedelta(hours=23)
"""So long after a report was begun it may be made again: the provider knows for a day what it was told."""


def event_name(product: str, feature: str) -> str:
    """The name by which the provider counts use of a feature."""
    return f"{product}_{feature}"


def report_key(tenant: str, key: str) -> str:
    """Names one use to the provider: the same for the same use, and of a length that every provider takes."""
    named = sha256("\0".join((tenant, key)).encode())
    return f"tenure_{named.hexdigest()}"


@dataclass(frozen=True)
class BilledUse:
    """Use beyond a plan's limit that the provider is to bill."""

    tenant: str
    key: str
    """Its own, under which it was counted."""
    customer_ref: str
    """Whose it is, at the provider."""
    counted_as: str
    """The name by which the provider counts it."""
    quantity: int
    at: datetime

    @property
    def report_key(self) -> str:
        return report_key(self.tenant, self.key)


@dataclass(frozen=True)
class Claimed:
    """A use whose report is ours to make."""

    use: BilledUse
    began_before: timedelta | None = None
    """How long ago an earlier report of it was begun, of which no outcome is known; None: this is the first."""

    @property
    def may_be_made_again(self) -> bool:
        """Whether the provider would know it from an earlier report, should that have got through."""
        return self.began_before is None or self.began_before <= REPEATED_WITHIN

    @property
    def call_key(self) -> str:
        """Names the call: another every hour, as a provider may answer by an old fault of its own under the same."""
        hours = 0 if self.began_before is None else self.began_before // timedelta(hours=1)
        return f"{self.use.report_key}/{hours}"


class Trouble(StrEnum):
    """Why a use is not reported, and waits for an operator."""

    UNKNOWN = "unknown"
    """A report was begun and nobody knows what came of it; made again, it might be billed twice."""
    REFUSED = "refused"
    """The provider does not take it."""


@dataclass(frozen=True)
class Troubled:
    """A use that waits for an operator."""

    tenant: str
    key: str
    customer: str
    """External id."""
    feature: str
    quantity: int
    at: datetime
    trouble: Trouble
    why: str
