"""How a subscription ended: our own closed list of kinds, separate from the customer's comment."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum


class EndKind(StrEnum):
    """Why a subscription ended."""

    CUSTOMER = "customer"
    """Canceled by the customer, or by the product on their behalf."""
    OPERATOR = "operator"
    NONPAYMENT = "nonpayment"
    TRIAL_EXPIRED = "trial_expired"
    NEVER_BEGAN = "never_began"
    """Its first payment was declined, or its sign-up was refused: it was never usable."""
    DISPUTE_LOST = "dispute_lost"
    REFUNDED = "refunded"
    PROVIDER = "provider"
    """Ended at the payment provider by somebody else."""


class ReasonCode(StrEnum):
    """The customer's stated reason; the codes are common in the field, so that figures are comparable."""

    TOO_EXPENSIVE = "too_expensive"
    MISSING_FEATURES = "missing_features"
    SWITCHED_SERVICE = "switched_service"
    UNUSED = "unused"
    CUSTOMER_SERVICE = "customer_service"
    LOW_QUALITY = "low_quality"
    TOO_COMPLEX = "too_complex"
    OTHER = "other"


FIRST_PAYMENT_DECLINED = "the first payment was declined"
"""The start of the reason of a sign-up without a trial that ended immediately."""
FIRST_PAYMENT_NOT_TAKEN = "the first payment was not taken"
"""It was canceled, or replaced by a new sign-up, before the provider accepted it."""
FIRST_PAYMENT_NOT_CONFIRMED = "the first payment was not confirmed"
REFUSED = "the sign-up was refused"
"""The reason of a subscription that was stored before its sign-up was refused."""
ENDED_AT_PROVIDER = "ended_at_provider"

_KIND_OF_REASON: Mapping[str, EndKind] = {
    "nonpayment": EndKind.NONPAYMENT,
    "trial_expired": EndKind.TRIAL_EXPIRED,
    "operator": EndKind.OPERATOR,
    "dispute_lost": EndKind.DISPUTE_LOST,
    "refunded": EndKind.REFUNDED,
    ENDED_AT_PROVIDER: EndKind.PROVIDER,
    REFUSED: EndKind.NEVER_BEGAN,
    "refused": EndKind.NEVER_BEGAN,
}


@dataclass(frozen=True)
class End:
    """An end and its reasons."""

    kind: EndKind
    comment: str = ""
    """Free text: given with the cancellation, or ours."""
    reason_code: str = ""
    """One of `ReasonCode`; empty: the customer did not say."""

    @property
    def status_reason(self) -> str:
        """The status reason of the canceled subscription."""
        return self.comment or self.reason_code or "canceled"

    @classmethod
    def of_before(cls, status_reason: str) -> "End":
        """Derives an end from before its kind was stored from its reason alone, which may be any text."""
        if status_reason.startswith(FIRST_PAYMENT_DECLINED):
            return cls(EndKind.NEVER_BEGAN, status_reason)
        return cls(_KIND_OF_REASON.get(status_reason, EndKind.CUSTOMER), status_reason)
