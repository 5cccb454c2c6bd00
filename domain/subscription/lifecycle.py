"""The lifecycle on one page: statuses, events and the complete transition table."""

from collections.abc import Mapping
from enum import StrEnum


class Status(StrEnum):
    """The status of a subscription."""

    TRIALING = "trialing"
    """Full access, nothing paid yet, until the trial ends."""
    ACTIVE = "active"
    """Paid up."""
    PAST_DUE = "past_due"
    """A payment failed and is being recovered."""
    SUSPENDED = "suspended"
    """Access off, data kept; a payment or an operator restores access."""
    PAUSED = "paused"
    """Paused by the customer until a date."""
    CANCELED = "canceled"
    """Permanently over."""


class Event(StrEnum):
    """What can happen to a subscription."""

    NOTED = "noted"
    """Something was recorded without a change of status."""
    REMINDED = "reminded"
    TRIAL_EXTENDED = "trial_extended"
    TRIAL_EXPIRED = "trial_expired"
    AWAITS_CONFIRMATION = "awaits_confirmation"
    """Signed up without a trial; the customer's bank requires confirmation of the first payment."""
    AWAITS_PAYMENT = "awaits_payment"
    """Signed up without a trial; the provider does not accept the first payment for now."""
    CONVERTED = "converted"
    RENEWED = "renewed"
    PAYMENT_FAILED = "payment_failed"
    RECOVERY_ADVANCED = "recovery_advanced"
    RECOVERED = "recovered"
    RECOVERY_SUSPENDED = "recovery_suspended"
    SUSPENDED_BY_OPERATOR = "suspended_by_operator"
    RETURNED_TO_TRIAL = "returned_to_trial"
    RETURNED_PAID_UP = "returned_paid_up"
    RETURNED_OWING = "returned_owing"
    CARD_REPLACED = "card_replaced"
    CANCEL_SCHEDULED = "cancel_scheduled"
    CANCEL_WITHDRAWN = "cancel_withdrawn"
    CANCELED = "canceled"
    PLAN_CHANGED = "plan_changed"
    CHANGE_SCHEDULED = "change_scheduled"
    CHANGE_WITHDRAWN = "change_withdrawn"
    MOVED_TO_FREE = "moved_to_free"
    PAUSED = "paused"
    RESUMED = "resumed"
    RETURNED_PAUSED = "returned_paused"
    NOTIFIED = "notified"
    """The customer was notified of a renewal or an expiring card."""
    DISPUTED = "disputed"
    DISPUTE_CLOSED = "dispute_closed"


_T, _A, _D, _S, _P, _X = (
    Status.TRIALING,
    Status.ACTIVE,
    Status.PAST_DUE,
    Status.SUSPENDED,
    Status.PAUSED,
    Status.CANCELED,
)

TRANSITIONS: Mapping[tuple[Status, Event], Status] = {
    (_T, Event.REMINDED): _T,
    (_T, Event.TRIAL_EXTENDED): _T,
    (_T, Event.TRIAL_EXPIRED): _S,
    (_T, Event.AWAITS_CONFIRMATION): _S,
    (_T, Event.AWAITS_PAYMENT): _S,
    (_T, Event.CONVERTED): _A,
    (_T, Event.PAYMENT_FAILED): _D,
    (_T, Event.SUSPENDED_BY_OPERATOR): _S,
    (_T, Event.NOTED): _T,
    (_T, Event.CARD_REPLACED): _T,
    (_T, Event.CANCEL_SCHEDULED): _T,
    (_T, Event.CANCEL_WITHDRAWN): _T,
    (_T, Event.CANCELED): _X,
    (_T, Event.PLAN_CHANGED): _T,
    (_T, Event.MOVED_TO_FREE): _A,
    (_A, Event.RENEWED): _A,
    (_A, Event.PAYMENT_FAILED): _D,
    (_A, Event.SUSPENDED_BY_OPERATOR): _S,
    (_A, Event.NOTED): _A,
    (_A, Event.CARD_REPLACED): _A,
    (_A, Event.CANCEL_SCHEDULED): _A,
    (_A, Event.CANCEL_WITHDRAWN): _A,
    (_A, Event.CANCELED): _X,
    # The free plan is not paid for, so the first payment converts.
    (_A, Event.CONVERTED): _A,
    (_A, Event.PLAN_CHANGED): _A,
    (_A, Event.CHANGE_SCHEDULED): _A,
    (_A, Event.CHANGE_WITHDRAWN): _A,
    (_A, Event.MOVED_TO_FREE): _A,
    (_A, Event.PAUSED): _P,
    (_A, Event.NOTIFIED): _A,
    (_A, Event.DISPUTED): _A,
    (_A, Event.DISPUTE_CLOSED): _A,
    # If the first payment failed, the recovery ends in a conversion.
    (_D, Event.CONVERTED): _A,
    (_D, Event.RECOVERY_ADVANCED): _D,
    (_D, Event.RECOVERED): _A,
    (_D, Event.RECOVERY_SUSPENDED): _S,
    (_D, Event.SUSPENDED_BY_OPERATOR): _S,
    (_D, Event.NOTED): _D,
    (_D, Event.CARD_REPLACED): _D,
    (_D, Event.CANCELED): _X,
    (_D, Event.DISPUTED): _D,
    (_D, Event.DISPUTE_CLOSED): _D,
    # Expired trials, failed recoveries and operators' holds are all suspensions; `Suspension.kind` distinguishes them.
    (_S, Event.TRIAL_EXTENDED): _T,
    (_S, Event.AWAITS_CONFIRMATION): _S,
    (_S, Event.CONVERTED): _A,
    (_S, Event.RECOVERY_ADVANCED): _S,
    (_S, Event.RECOVERED): _A,
    (_S, Event.RETURNED_TO_TRIAL): _T,
    (_S, Event.RETURNED_PAID_UP): _A,
    (_S, Event.RETURNED_OWING): _D,
    (_S, Event.NOTED): _S,
    (_S, Event.CARD_REPLACED): _S,
    (_S, Event.CANCELED): _X,
    (_S, Event.PLAN_CHANGED): _S,
    # After an expired trial.
    (_S, Event.MOVED_TO_FREE): _A,
    (_S, Event.RETURNED_PAUSED): _P,
    (_S, Event.DISPUTED): _S,
    (_S, Event.DISPUTE_CLOSED): _S,
    # Changing the end of a pause is also a pause.
    (_P, Event.PAUSED): _P,
    (_P, Event.RESUMED): _A,
    (_P, Event.RENEWED): _P,
    (_P, Event.SUSPENDED_BY_OPERATOR): _S,
    (_P, Event.NOTED): _P,
    (_P, Event.CARD_REPLACED): _P,
    (_P, Event.CHANGE_WITHDRAWN): _P,
    (_P, Event.DISPUTED): _P,
    (_P, Event.DISPUTE_CLOSED): _P,
    (_P, Event.CANCELED): _X,
}
"""All transitions. A pair that is not listed cannot happen; a canceled subscription has none."""
