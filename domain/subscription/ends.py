"""How a subscription has ended: a closed list of ours, set by the code path; what the customer says of it is apart."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum


class EndKind(StrEnum):
    """What has ended a subscription."""

    CUSTOMER = "customer"
    """Canceled by the customer, or by the product for them."""
    OPERATOR = "operator"
    NONPAYMENT = "nonpayment"
    TRIAL_EXPIRED = "trial_expired"
    NEVER_BEGAN = "never_began"
    """Its first payment was declined, or its sign-up refused: it was never in use."""
    DISPUTE_LOST = "dispute_lost"
    REFUNDED = "refunded"
    PROVIDER = "provider"
    """Ended at the payment provider, by somebody else's hand."""


class ReasonCode(StrEnum):
    """Why a customer leaves, as they say; the codes that others in the field use, so that figures compare."""

    TOO_EXPENSIVE = "too_expensive"
    MISSING_FEATURES = "missing_features"
    SWITCHED_SERVICE = "switched_service"
    UNUSED = "unused"
    CUSTOMER_SERVICE = "customer_service"
    LOW_QUALITY = "low_quality"
    TOO_COMPLEX = "too_complex"
    OTHER = "other"


FIRST_PAYMENT_DECLINED = "the first payment was declined"
"""Begins the reason for which a sign-up without a trial has ended at once."""
FIRST_PAYMENT_NOT_TAKEN = "the first payment was not taken"
"""It was canceled, or signed up for anew, before the provider took it."""
FIRST_PAYMENT_NOT_CONFIRMED = "the first payment was not confirmed"
REFUSED = "the sign-up was refused"
"""Why what was written down before it was sure has ended again."""
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
    """An end, and what is said of it."""

    kind: EndKind
    comment: str = ""
    """Free words: of whoever canceled, or ours where nobody did."""
    reason_code: str = ""
    """One of `ReasonCode`, or empty: the customer has not said."""

    @property
    def status_reason(self) -> str:
        """What a canceled subscription tells as its reason."""
        return self.comment or self.reason_code or "canceled"

    @classmethod
    def of_before(cls, status_reason: str) -> "End":
        """What is known of an end from before its kind was kept: its reason alone, which may be anybody's words."""
        if status_reason.startswith(FIRST_PAYMENT_DECLINED):
            return cls(EndKind.NEVER_BEGAN, status_reason)
        return cls(_KIND_OF_REASON.get(status_reason, EndKind.CUSTOMER), status_reason)
