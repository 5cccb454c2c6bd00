"""Which kinds of journal entries become events for products, and of which type. A test fails for a kind in no list."""

from collections.abc import Mapping
from typing import Final

from domain.events.types import EventType

TOLD: Final[Mapping[str, tuple[EventType, ...]]] = {
    "adopted": (EventType.SUBSCRIPTION_CREATED,),
    "canceled": (EventType.CANCELED,),
    "cancel_scheduled": (EventType.CANCEL_SCHEDULED,),
    "cancel_withdrawn": (EventType.CANCEL_WITHDRAWN,),
    "change_scheduled": (EventType.CHANGE_SCHEDULED,),
    "change_withdrawn": (EventType.CHANGE_WITHDRAWN,),
    "charge_declined": (EventType.PAYMENT_FAILED,),
    "confirmation_expired": (EventType.CONFIRMATION_ENDED,),
    "confirmation_needed": (EventType.CONFIRMATION_NEEDED,),
    "confirmation_withdrawn": (EventType.CONFIRMATION_ENDED,),
    "converted": (EventType.ACTIVATED,),
    "dispute_closed": (EventType.DISPUTE_CLOSED,),
    "dispute_noted": (EventType.DISPUTED,),
    "disputed": (EventType.DISPUTED,),
    "moved_to_free": (EventType.CHANGED,),
    "paused": (EventType.PAUSED,),
    "payment_failed": (EventType.PAYMENT_FAILED,),
    "plan_changed": (EventType.CHANGED,),
    "refunded": (EventType.REFUNDED,),
    "renewed": (EventType.RENEWED,),
    "resumed": (EventType.RESUMED,),
    "retry_failed": (EventType.PAYMENT_FAILED,),
    "signed_up": (EventType.SUBSCRIPTION_CREATED,),
    "suspended": (EventType.SUSPENDED,),
    "trial_ending": (EventType.TRIAL_ENDING,),
    "trial_expired": (EventType.SUSPENDED,),
    "trial_extended": (EventType.TRIAL_EXTENDED,),
    "trial_started": (EventType.SUBSCRIPTION_CREATED, EventType.TRIAL_STARTED),
}
"""What each of these is told as."""

BY_STATE: Final = frozenset(
    {
        "bill_waived",
        "charged_after_end",
        "customer_deleted",
        "end_told",
        "handed_over",
        "paid_while_suspended",
        "purchase_undone",
        "reactivated",
        "recovered",
        "recovery_advanced",
        "recovery_suspended",
        "waived_bill_paid",
    }
)
"""Told by what they change: the status or access of the subscription, an invoice, money that went back."""

TOLD_WITH_THE_CUSTOMER: Final = frozenset({"customer_changed", "customer_erased"})
"""Told once for the customer, where they change, and not for each of their subscriptions."""

NOT_TOLD: Final = frozenset(
    {
        "answer_missing",
        "blocked",
        "card_expiring",
        "card_removed",
        "card_replaced",
        "change_not_made",
        "conversion_planned",
        "news_refused",
        "notice_skipped",
        "payment_not_made",
        "policy_adopted",
        "provider_asked",
        "provider_paused",
        "provider_resumed",
        "reminder_skipped",
        "renewal_ahead",
        "renewal_undecided",
        "retry_skipped",
        "told_again",
        "unblocked",
        "usage_exceeds_plan",
        "written_again",
    }
)
"""The customer's business, or ours: what a product grants does not depend on it."""
