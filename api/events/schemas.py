"""What products are sent, type by type.

The schemas are public: a field that goes or means something else is another version (`domain.events.types.VERSION`),
and a field may be added at any time.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Final, Literal

from pydantic import BaseModel, Field

from domain.access import Access
from domain.catalog.plans import Interval
from domain.events.types import EventType
from domain.provider.payments import DisputeStatus
from domain.subscription.confirmation import ConfirmedAction
from domain.subscription.ends import EndKind, ReasonCode
from domain.subscription.lifecycle import Status
from domain.subscription.state import SuspensionKind

# What they are about


class EventCustomer(BaseModel):
    """Whose it is."""

    id: str = Field(description="our id, which also stays after an erasure")
    external_id: str = Field(description="what you call them, as of when this was sent", examples=["user-1815"])


class EventPendingChange(BaseModel):
    """A change that takes effect later."""

    at: datetime
    plan: str
    interval: Interval
    quantity: int
    add_ons: dict[str, int]
    amount: int = Field(description="price of one period, in minor units")
    currency: str


class EventSubscription(BaseModel):
    """The subscription as it was after the event."""

    id: str
    sequence: int = Field(description="higher than in every earlier event about it")
    status: Status
    access: Access
    plan: str = Field(examples=["starter"])
    interval: Interval
    quantity: int
    add_ons: dict[str, int]
    amount: int = Field(description="price of one period, in minor units", examples=[4900])
    currency: str = Field(examples=["usd"])
    trial_ends_at: datetime | None
    current_period_start: datetime | None
    current_period_end: datetime | None
    cancel_at: datetime | None
    resumes_at: datetime | None
    suspended_for: SuspensionKind | None = Field(description="null if it is not suspended")
    end_kind: EndKind | None = Field(description="what has ended it, or will at `cancel_at`")
    reason_code: ReasonCode | None
    pending_change: EventPendingChange | None


class EventInvoice(BaseModel):
    """An invoice of the payment provider; amounts are in minor units, and null where they are not known."""

    id: str = Field(examples=["in_1T2b3C"])
    number: str | None
    status: str = Field(description="open, paid, void or uncollectible; more may be added", examples=["paid"])
    amount: int | None
    amount_due: int | None
    amount_paid: int | None
    currency: str
    period_start: datetime | None
    period_end: datetime | None


class EventDecline(BaseModel):
    """Why a charge was declined."""

    code: str = Field(examples=["insufficient_funds"])
    attempt: int = Field(description="counted from 1 for one debt")


class EventReversal(BaseModel):
    """Money that went back."""

    id: str = Field(description="of the dispute; of a refund, that of the charge")
    invoice: str | None
    amount: int = Field(description="in minor units; of refunds, the sum of all of that charge")
    currency: str
    is_full: bool
    status: DisputeStatus | None = Field(description="null for a refund")


class EventConfirmation(BaseModel):
    """A payment that waits for the customer's bank."""

    action: ConfirmedAction
    expires_at: datetime
    invoice: str


class EventUsage(BaseModel):
    """Usage of a feature that is limited."""

    subscription: str
    feature: str = Field(examples=["storage_gb"])
    threshold: int = Field(description="percent of the limit", examples=[90])
    included: int = Field(description="the limit")
    used: int
    plan: str
    period_start: datetime
    resets_at: datetime | None = Field(description="null for what never resets")
    is_billed: bool = Field(description="usage beyond the limit goes on, and costs")


# Their data


class SubscriptionData(BaseModel):
    """A subscription and its customer."""

    subscription: EventSubscription
    customer: EventCustomer


class ConfirmationData(SubscriptionData):
    """The payment that is to be confirmed."""

    confirmation: EventConfirmation


class InvoiceData(SubscriptionData):
    """The invoice."""

    invoice: EventInvoice


class PaymentFailedData(SubscriptionData):
    """The declined attempt."""

    decline: EventDecline
    invoice: EventInvoice | None = Field(description="null where the provider makes an invoice only once it is paid")


class ReversalData(SubscriptionData):
    """The refund or dispute."""

    reversal: EventReversal


class CustomerUpdatedData(BaseModel):
    """The customer."""

    customer: EventCustomer
    changed: list[str] = Field(description="names of fields, such as `email`; read the customer for what they are now")


class CustomerErasedData(BaseModel):
    """The customer."""

    customer: EventCustomer


class ThresholdReachedData(BaseModel):
    """The usage."""

    customer: EventCustomer
    usage: EventUsage


# The events


class _Event(BaseModel):
    id: str = Field(description="the same however often it is sent")
    version: Literal[1] = Field(description="of this schema")
    timestamp: datetime = Field(description="when it happened")
    sequence: int | None = Field(description="of the subscription: its events in order; null if it is about no step")


class SubscriptionEvent(_Event):
    """Something happened to a subscription."""

    type: Literal[
        EventType.SUBSCRIPTION_CREATED,
        EventType.TRIAL_STARTED,
        EventType.TRIAL_EXTENDED,
        EventType.TRIAL_ENDING,
        EventType.ACTIVATED,
        EventType.RENEWED,
        EventType.PAST_DUE,
        EventType.RECOVERED,
        EventType.SUSPENDED,
        EventType.REACTIVATED,
        EventType.PAUSED,
        EventType.RESUMED,
        EventType.CHANGED,
        EventType.CHANGE_SCHEDULED,
        EventType.CHANGE_WITHDRAWN,
        EventType.CANCEL_SCHEDULED,
        EventType.CANCEL_WITHDRAWN,
        EventType.CANCELED,
        EventType.ACCESS_CHANGED,
        EventType.CONFIRMATION_ENDED,
    ]
    data: SubscriptionData


class ConfirmationEvent(_Event):
    """A customer has to confirm a payment."""

    type: Literal[EventType.CONFIRMATION_NEEDED]
    data: ConfirmationData


class InvoiceEvent(_Event):
    """Something happened to an invoice."""

    type: Literal[EventType.INVOICE_OPEN, EventType.INVOICE_PAID, EventType.INVOICE_VOIDED]
    data: InvoiceData


class PaymentFailedEvent(_Event):
    """A customer could not be charged."""

    type: Literal[EventType.PAYMENT_FAILED]
    data: PaymentFailedData


class ReversalEvent(_Event):
    """Money went back, or may."""

    type: Literal[EventType.REFUNDED, EventType.DISPUTED, EventType.DISPUTE_CLOSED]
    data: ReversalData


class CustomerUpdatedEvent(_Event):
    """A customer was changed."""

    type: Literal[EventType.CUSTOMER_UPDATED]
    data: CustomerUpdatedData


class CustomerErasedEvent(_Event):
    """A customer was erased."""

    type: Literal[EventType.CUSTOMER_ERASED]
    data: CustomerErasedData


class ThresholdReachedEvent(_Event):
    """A customer uses much of what they may."""

    type: Literal[EventType.THRESHOLD_REACHED]
    data: ThresholdReachedData


AnyEvent = (
    SubscriptionEvent
    | ConfirmationEvent
    | InvoiceEvent
    | PaymentFailedEvent
    | ReversalEvent
    | CustomerUpdatedEvent
    | CustomerErasedEvent
    | ThresholdReachedEvent
)
KINDS: Final[tuple[type[_Event], ...]] = (
    SubscriptionEvent,
    ConfirmationEvent,
    InvoiceEvent,
    PaymentFailedEvent,
    ReversalEvent,
    CustomerUpdatedEvent,
    CustomerErasedEvent,
    ThresholdReachedEvent,
)


def schemas() -> Mapping[EventType, type[BaseModel]]:
    """The model of each type."""
    return {type_: kind for kind in KINDS for type_ in kind.model_fields["type"].annotation.__args__}  # type: ignore[union-attr]
