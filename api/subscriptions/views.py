"""Responses about subscriptions: state, timeline, previews and invoices."""

from datetime import datetime
from typing import Any

from pydantic import BaseModel, Field

from api.http.lists import NextCursor
from api.subscriptions.circumstances import (
    CardView,
    DisputeView,
    PauseView,
    RecoveryView,
    SuspensionView,
    circumstances,
)
from api.subscriptions.confirmations import PendingConfirmationView
from configuration.mail_addresses import shown_address
from domain.access import Access
from domain.catalog.plans import Interval, Selection
from domain.subscription.cancellation import CancelPreview
from domain.subscription.commands import requested_end
from domain.subscription.ends import EndKind, ReasonCode
from domain.subscription.lifecycle import Status
from domain.subscription.policy import ChangeAt
from storage.db.codec import state_from_json
from storage.subscriptions.invoice_list import InvoiceRow
from storage.subscriptions.read_model import SubscriptionRow
from storage.subscriptions.timeline import PastEntry
from workflows.subscription.messages import Preview


class SubscriberView(BaseModel):
    """The customer of a subscription."""

    id: str
    external_id: str = Field(examples=["user-1815"])
    email: str = Field(examples=["ada@example.com"])
    name: str | None
    timezone: str = Field(examples=["Europe/London"])
    locale: str = Field(examples=["en-GB"])


class NextActionView(BaseModel):
    """An action that is scheduled unless somebody intervenes."""

    at: datetime
    action: str = Field(examples=["send_reminder"])
    why: str = Field(examples=["the trial ends in 7 days"])


class PendingChangeView(BaseModel):
    """A change of plan that takes effect later."""

    at: datetime | None
    plan: str
    plan_name: str
    interval: Interval
    quantity: int
    add_ons: dict[str, int]
    amount: int = Field(description="price of one period after the change, in minor units")
    currency: str

    @classmethod
    def of(cls, to: Selection, at: datetime | None) -> "PendingChangeView":
        return cls(
            at=at,
            plan=to.plan,
            plan_name=to.plan_name,
            interval=to.interval,
            quantity=to.quantity,
            add_ons=dict(to.add_ons),
            amount=to.total.amount,
            currency=to.total.currency,
        )


class BlockedStepView(BaseModel):
    """A step that the payment provider rejects or does not respond to. It is retried until it succeeds."""

    since: datetime
    action: str = Field(
        description="what is blocked: an action of `next_actions`, `hold`, `end`, `hear` …", examples=["convert"]
    )
    code: str = Field(description="stable and machine-readable", examples=["stripe_key"])
    why: str = Field(examples=["Stripe has no active price 'shop_pro_month_v2': run `tenure catalog push`"])
    next_try: datetime = Field(description="`retry-payment` and `tenure reconcile` retry at once")


class SubscriptionView(BaseModel):
    """A subscription's current state, and what happens next."""

    id: str = Field(examples=["5c1f2f0e-7a43-5d0b-9a52-3f0f6f1f8c11"])
    customer: SubscriberView
    plan: str = Field(examples=["starter"])
    plan_name: str = Field(examples=["Starter"])
    interval: Interval
    quantity: int
    add_ons: dict[str, int] = Field(examples=[{"users": 2}])
    amount: int = Field(description="price of one period, in minor units", examples=[4900])
    currency: str = Field(examples=["usd"])
    status: Status
    status_reason: str
    end_kind: EndKind | None = Field(
        default=None, description="what has ended it, or will at `cancel_at`; null if it is not ending"
    )
    reason_code: ReasonCode | None = Field(default=None, description="why the customer leaves, if given")
    access: Access
    trial_ends_at: datetime | None
    current_period_start: datetime | None
    current_period_end: datetime | None
    cancel_at: datetime | None
    resumes_at: datetime | None
    pending_change: PendingChangeView | None = None
    blocked: BlockedStepView | None = Field(default=None, description="null if nothing is blocked")
    pending_confirmation: PendingConfirmationView | None = Field(
        default=None, description="a payment that the customer has to confirm with their bank; null if there is none"
    )
    next_actions: list[NextActionView]
    card: CardView | None = Field(default=None, description="null if there is no card on file")
    recovery: RecoveryView | None = Field(default=None, description="null if no payment is being recovered")
    suspension: SuspensionView | None = Field(default=None, description="null if it is not suspended")
    pause: PauseView | None = Field(default=None, description="null if the customer has not paused it")
    dispute: DisputeView | None = Field(default=None, description="null if no payment is disputed")
    cancel_comment: str | None = Field(
        default=None,
        description="what was written with the cancellation; for keys of role operator or admin, in "
        "`GET /v1/subscriptions/{id}` alone",
    )
    metadata: dict[str, str]
    created_at: datetime

    @classmethod
    def of(cls, row: SubscriptionRow, *, cancel_comment: str | None = None) -> "SubscriptionView":
        return cls(
            id=row.id,
            customer=SubscriberView(
                id=row.customer_id,
                external_id=row.external_id,
                email=shown_address(row.email),
                name=row.name,
                timezone=row.timezone,
                locale=row.locale,
            ),
            plan=row.plan,
            plan_name=row.plan_name,
            interval=Interval(row.interval),
            quantity=row.quantity,
            add_ons=dict(row.add_ons),
            amount=row.amount,
            currency=row.currency,
            status=Status(row.status),
            status_reason=row.status_reason,
            **_end(row),
            access=Access(row.access),
            trial_ends_at=row.trial_ends_at,
            current_period_start=row.period_start,
            current_period_end=row.period_end,
            cancel_at=row.cancel_at,
            resumes_at=row.resumes_at,
            pending_change=_pending_change(row),
            blocked=BlockedStepView.model_validate(row.state["blocked"]) if row.state.get("blocked") else None,
            pending_confirmation=PendingConfirmationView.of(row),
            next_actions=actions(row),
            **circumstances(row),
            cancel_comment=cancel_comment,
            metadata=dict(row.metadata),
            created_at=row.created_at,
        )


class QuoteLineView(BaseModel):
    """One line of the invoice that a change would create."""

    text: str = Field(examples=["Remaining time on Professional after 05 Dec 2026"])
    amount: int


class ChangeQuoteView(BaseModel):
    """What a change would bill, and when. Nothing has changed."""

    change: PendingChangeView = Field(description="the result of the change; `at` is null if it takes effect at once")
    when: ChangeAt
    due_now: int = Field(
        description="minor units charged now; negative for a credit on later invoices", examples=[7500]
    )
    credit_applied: int = Field(default=0, description="part of the immediate invoice that is paid from earlier credit")
    carried_to_next: int = Field(
        default=0,
        description="part of the immediate invoice that is carried to the next one because it is too small to charge; "
        "negative for a credit",
    )
    currency: str = Field(examples=["usd"])
    lines: list[QuoteLineView]
    next_amount: int = Field(description="price of one period after the change", examples=[19900])
    next_at: datetime | None = Field(
        description="when that is billed next; null if one period after the change,"
        " or not by itself: the trial has expired"
    )
    exact_until: datetime | None = Field(
        description="until when the same change bills exactly this amount at once; null if nothing is prorated"
    )
    preview_at: datetime | None = Field(
        default=None, description="when this was previewed; give it with `expected_due` to `change-plan`"
    )
    replaces: PendingChangeView | None = Field(
        default=None,
        description="the planned change that this one would replace; null if there is none, or it is the same",
    )

    @classmethod
    def of(cls, preview: Preview) -> "ChangeQuoteView":
        at, replaced = preview.next_at if preview.at is ChangeAt.PERIOD_END else None, preview.replaces
        return cls(
            change=PendingChangeView.of(preview.to, at),
            when=preview.at,
            due_now=preview.due_now,
            credit_applied=preview.credit_applied,
            carried_to_next=preview.carried_to_next,
            currency=preview.currency,
            lines=[QuoteLineView(text=line.text, amount=line.amount) for line in preview.lines],
            next_amount=preview.next_amount,
            next_at=preview.next_at,
            exact_until=preview.exact_until,
            preview_at=preview.preview_at,
            replaces=PendingChangeView.of(replaced.to, replaced.at) if replaced is not None else None,
        )


class CancellationPreviewView(BaseModel):
    """What a cancellation would do. Nothing has changed."""

    ends_at: datetime = Field(description="when access ends")
    loses_paid_days: int = Field(description="whole days that were paid for and would be lost")
    voids_invoice: str | None = Field(
        description="id of the open invoice that would be voided; null if there is none",
        examples=["in_1Qx"],
    )
    undo_until: datetime | None = Field(
        description="until when `uncancel` can undo it; null if it takes effect at once"
    )

    @classmethod
    def of(cls, preview: CancelPreview) -> "CancellationPreviewView":
        return cls(
            ends_at=preview.ends_at,
            loses_paid_days=preview.loses_paid_days,
            voids_invoice=preview.voids_invoice or None,
            undo_until=preview.undo_until,
        )


class SubscriptionList(BaseModel):
    data: list[SubscriptionView]
    next_cursor: NextCursor


class CauseView(BaseModel):
    """Why something happened."""

    kind: str = Field(description="command, timer, webhook, provider, step or usage", examples=["webhook"])
    ref: str = Field(
        description="for a command, `sha256:` and the digest of its `Idempotency-Key`; else the webhook's event id or "
        "the action that was due",
        examples=["evt_1Qx"],
    )
    actor: str = Field(description="who gave the command", examples=["operator 7c0b"])


class TimelineEntryView(BaseModel):
    """Something that happened to a subscription."""

    at: datetime
    kind: str = Field(examples=["renewed"])
    summary: str = Field(examples=["Renewed until 2026-12-05"])
    cause: CauseView
    details: dict[str, str]

    @classmethod
    def of(cls, entry: PastEntry) -> "TimelineEntryView":
        cause = CauseView(kind=entry.cause_kind, ref=entry.cause_ref, actor=entry.cause_actor)
        return cls(at=entry.at, kind=entry.kind, summary=entry.summary, cause=cause, details=dict(entry.details))


class TimelineView(BaseModel):
    """A subscription's history with causes, and what happens next."""

    past: list[TimelineEntryView]
    next_cursor: NextCursor
    next_actions: list[NextActionView]


class InvoiceView(BaseModel):
    """An invoice of the payment provider."""

    id: str = Field(description="the provider's id", examples=["in_1Qx"])
    subscription: str
    number: str
    status: str = Field(examples=["paid"])
    amount: int = Field(description="`total` if it is a credit, else `amount_due`", examples=[4900])
    currency: str = Field(examples=["usd"])
    total: int = Field(
        description="minor units billed, including taxes and discounts; negative for a credit", examples=[4900]
    )
    amount_due: int = Field(description="minor units to pay, after the customer's balance", examples=[3900])
    amount_paid: int = Field(description="minor units paid", examples=[3900])
    credit_applied: int = Field(description="minor units of the total paid from the credit balance", examples=[1000])
    amount_refunded: int = Field(description="minor units refunded in total", examples=[0])
    issued_at: datetime | None = Field(description="when it was finalized; null for a draft, or if unknown")
    paid_at: datetime | None = Field(description="when it was paid; null if unpaid or unknown")
    url: str
    pdf: str
    attempts: int
    period_start: datetime | None
    period_end: datetime | None
    at: datetime = Field(description="when this state was last seen, in the subscription's own time")

    @classmethod
    def of(cls, row: InvoiceRow) -> "InvoiceView":
        return cls(
            id=row.ref,
            subscription=row.subscription,
            number=row.number,
            status=row.status,
            amount=row.amount,
            currency=row.currency,
            total=row.total,
            amount_due=row.amount_due,
            amount_paid=row.amount_paid,
            credit_applied=row.credit_applied,
            amount_refunded=row.amount_refunded,
            issued_at=row.issued_at,
            paid_at=row.paid_at,
            url=row.url,
            pdf=row.pdf,
            attempts=row.attempts,
            period_start=row.period_start,
            period_end=row.period_end,
            at=row.at,
        )


class InvoiceList(BaseModel):
    data: list[InvoiceView]
    next_cursor: NextCursor


def actions(row: SubscriptionRow) -> list[NextActionView]:
    return [NextActionView.model_validate(action) for action in row.next_actions]


def _end(row: SubscriptionRow) -> dict[str, Any]:
    """What has ended or will end a subscription, and why; most have no end, which spares decoding their state."""
    if row.status != Status.CANCELED and row.cancel_at is None:
        return {}
    it = state_from_json(dict(row.state))
    end = it.end or requested_end(it)
    return {"end_kind": end.kind, "reason_code": end.reason_code or None}


def _pending_change(row: SubscriptionRow) -> PendingChangeView | None:
    if not row.state.get("pending_change"):
        return None  # true of nearly all, which spares lists from decoding every state
    pending = state_from_json(dict(row.state)).pending_change
    return None if pending is None else PendingChangeView.of(pending.to, pending.at)
