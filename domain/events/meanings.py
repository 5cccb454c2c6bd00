"""What each type of event tells, in one sentence: for OpenAPI and docs/events.md."""

from collections.abc import Mapping
from typing import Final

from domain.events.types import EventType

MEANINGS: Final[Mapping[EventType, str]] = {
    EventType.SUBSCRIPTION_CREATED: "A subscription exists: signed up, bought, or imported",
    EventType.TRIAL_STARTED: "Its trial has begun",
    EventType.TRIAL_EXTENDED: "Its trial ends later than it would have",
    EventType.TRIAL_ENDING: "Its trial ends soon; sent with each reminder",
    EventType.ACTIVATED: "It has become active for the first time, or its first payment was made",
    EventType.RENEWED: "Another period has begun; if its first charge is declined, past_due and recovered tell it",
    EventType.PAST_DUE: "A payment is due and could not be charged; access stays as `access` says",
    EventType.RECOVERED: "It was past due, and is active again",
    EventType.SUSPENDED: "Access is off and data is kept; `suspended_for` says why",
    EventType.REACTIVATED: "It was suspended, and is not any more; `status` says what it is",
    EventType.PAUSED: "The customer has paused it, or changed when the pause ends",
    EventType.RESUMED: "A pause is over",
    EventType.CHANGED: "It has another plan, interval, quantity or other add-ons",
    EventType.CHANGE_SCHEDULED: "It will change at the end of its period, as `pending_change` says",
    EventType.CHANGE_WITHDRAWN: "A scheduled change will not be made",
    EventType.CANCEL_SCHEDULED: "It will end at `cancel_at`",
    EventType.CANCEL_WITHDRAWN: "It will not end after all",
    EventType.CANCELED: "It is over for good; `end_kind` says how it came to that",
    EventType.ACCESS_CHANGED: "Access is another one while its status is the same",
    EventType.CONFIRMATION_NEEDED: "The customer has to confirm a payment with their bank",
    EventType.CONFIRMATION_ENDED: "A payment was not confirmed, and is not waited for any more",
    EventType.INVOICE_OPEN: "An invoice could not be charged when it was due",
    EventType.INVOICE_PAID: "An invoice was paid",
    EventType.INVOICE_VOIDED: "An invoice is no longer owed: voided, or written off",
    EventType.PAYMENT_FAILED: "An attempt to charge the customer was declined; `decline` has the code",
    EventType.REFUNDED: "Money went back; `reversal.amount` is the sum of all refunds of that charge",
    EventType.DISPUTED: "A customer's bank has taken a payment back, or inquires about one",
    EventType.DISPUTE_CLOSED: "The bank has decided a dispute; `reversal.status` says how",
    EventType.CUSTOMER_UPDATED: "The fields named in `changed` are others now",
    EventType.CUSTOMER_ERASED: "The customer's data was erased; what you call them was, too, so find them by our `id`",
    EventType.THRESHOLD_REACHED: "Usage has crossed a threshold of a limit",
}
