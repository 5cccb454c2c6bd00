"""What callers are shown: subscriptions, what has happened to them, and their bills."""

from collections.abc import Iterable
from datetime import datetime
from typing import Any

from pydantic import BaseModel, Field

from api.subscriptions.confirmations import PendingConfirmationView
from configuration.mail_addresses import shown_address
from domain.access import Access
from domain.catalog.plans import Interval, Selection
from domain.subscription.cancellation import CancelPreview
from domain.subscription.commands import wished_end
from domain.subscription.ends import EndKind, ReasonCode
from domain.subscription.lifecycle import Status
from domain.subscription.policy import ChangeAt
from storage.db.codec import state_from_json
from storage.subscriptions.read_model import SubscriptionRow
from storage.subscriptions.timeline import InvoiceRow, PastEntry
from workflows.subscription.messages import Preview


class SubscriberView(BaseModel):
    """Whose subscription it is."""

    id: str
    external_id: str = Field(examples=["user-1815"])
    email: str = Field(examples=["ada@example.com"])
    name: str | None
    timezone: str = Field(examples=["Europe/London"])
    locale: str = Field(examples=["en-GB"])


class NextActionView(BaseModel):
    """Something that will happen if nobody intervenes."""

    at: datetime
    action: str = Field(examples=["send_reminder"])
    why: str = Field(examples=["the trial ends in 7 days"])


class PendingChangeView(BaseModel):
    """A change that takes effect later."""

    at: datetime | None
    plan: str
    plan_name: str
    interval: Interval
    quantity: int
    add_ons: dict[str, int]
    amount: int = Field(description="what one period costs then, in minor units")
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
    """A step that the payment provider refuses or gives no answer to; it is tried again until it is taken."""

    since: datetime
    action: str = Field(
        description="what waits: an action of `next_actions`, `hold`, `end`, `hear` …", examples=["convert"]
    )
    code: str = Field(description="stable, for programs", examples=["stripe_key"])
    why: str = Field(examples=["Stripe has no active price 'shop_pro_month_v2': run `tenure catalog push`"])
    next_try: datetime = Field(description="`retry-payment` and `tenure reconcile` try at once")


class SubscriptionView(BaseModel):
    """A subscription as it stands, and what happens to it next."""

    id: str = Field(examples=["5c1f2f0e-7a43-5d0b-9a52-3f0f6f1f8c11"])
    customer: SubscriberView
    plan: str = Field(examples=["starter"])
    plan_name: str = Field(examples=["Starter"])
    interval: Interval
    quantity: int
    add_ons: dict[str, int] = Field(examples=[{"users": 2}])
    amount: int = Field(description="what one period costs, in the currency's minor unit", examples=[4900])
    currency: str = Field(examples=["usd"])
    status: Status
    status_reason: str
    end_kind: EndKind | None = Field(default=None, description="what has ended it, or will at `cancel_at`; else null")
    reason_code: ReasonCode | None = Field(default=None, description="why the customer leaves, if they have said")
    access: Access
    trial_ends_at: datetime | None
    current_period_start: datetime | None
    current_period_end: datetime | None
    cancel_at: datetime | None
    resumes_at: datetime | None
    pending_change: PendingChangeView | None = None
    blocked: BlockedStepView | None = Field(default=None, description="null: all goes on")
    pending_confirmation: PendingConfirmationView | None = Field(
        default=None, description="a payment that the customer has to confirm to their bank; null: none waits"
    )
    next_actions: list[NextActionView]
    metadata: dict[str, str]
    created_at: datetime

    @classmethod
    def of(cls, row: SubscriptionRow) -> "SubscriptionView":
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
            metadata=dict(row.metadata),
            created_at=row.created_at,
        )


class QuoteLineView(BaseModel):
    """One line of the bill that a change would bring about."""

    text: str = Field(examples=["Remaining time on Professional after 05 Dec 2026"])
    amount: int


class ChangeQuoteView(BaseModel):
    """What a change would bill, and when; nothing has changed."""

    change: PendingChangeView = Field(description="what there would be; `at` is null when it takes effect at once")
    when: ChangeAt
    due_now: int = Field(description="minor units taken now; negative: a credit for later bills", examples=[7500])
    credit_applied: int = Field(default=0, description="of what is billed at once, what earlier credit pays")
    carried_to_next: int = Field(
        default=0,
        description="of what is billed at once, what is left to the next bill, as it is too little to be charged; "
        "negative: a credit for it",
    )
    currency: str = Field(examples=["usd"])
    lines: list[QuoteLineView]
    next_amount: int = Field(description="what one period costs then", examples=[19900])
    next_at: datetime | None = Field(description="when that is billed next; null: one period after the change")
    exact_until: datetime | None = Field(
        description="until when the same change bills just that at once; null: nothing is prorated"
    )
    replaces: PendingChangeView | None = Field(
        default=None,
        description="the planned change that would no longer take place; null: none is planned, or it is this one",
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
            replaces=PendingChangeView.of(replaced.to, replaced.at) if replaced is not None else None,
        )


class CancellationPreviewView(BaseModel):
    """What a cancellation would bring; nothing has changed."""

    ends_at: datetime = Field(description="when access ends")
    loses_paid_days: int = Field(description="whole days that were paid for and could not be used any more")
    voids_invoice: str | None = Field(
        description="the id of the open invoice that would not be owed any more; null: there is none",
        examples=["in_1Qx"],
    )
    undo_until: datetime | None = Field(description="until when `uncancel` undoes it; null: it takes effect at once")

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
    next_cursor: str | None = Field(description="give it as `cursor` to get the next page; null on the last")


class CauseView(BaseModel):
    """Why it happened."""

    kind: str = Field(description="command, timer, webhook, provider, step or usage", examples=["webhook"])
    ref: str = Field(
        description="of a command `sha256:` and the digest of its `Idempotency-Key`; else the webhook's event id or "
        "the action that was due",
        examples=["evt_1Qx"],
    )
    actor: str = Field(description="who gave the command", examples=["operator 7c0b"])


class TimelineEntryView(BaseModel):
    """Something that has happened."""

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
    """All that has happened to a subscription and because of what, oldest first, and what happens next."""

    past: list[TimelineEntryView]
    next_actions: list[NextActionView]


class InvoiceView(BaseModel):
    """One bill of the payment provider."""

    id: str = Field(description="the provider's id", examples=["in_1Qx"])
    subscription: str
    number: str
    status: str = Field(examples=["paid"])
    amount: int = Field(description="`total` if that is a credit, else `amount_due`", examples=[4900])
    currency: str = Field(examples=["usd"])
    total: int = Field(
        description="minor units billed, taxes and discounts included; negative: a credit", examples=[4900]
    )
    amount_due: int = Field(description="minor units to be paid, after the customer's balance", examples=[3900])
    amount_paid: int = Field(description="minor units that were paid", examples=[3900])
    credit_applied: int = Field(description="minor units of the total taken off the credit balance", examples=[1000])
    amount_refunded: int = Field(description="minor units given back since, by all refunds together", examples=[0])
    issued_at: datetime | None = Field(description="when it was finalised; null: a draft, or not known")
    paid_at: datetime | None = Field(description="when it was paid; null: it was not, or not known")
    url: str
    pdf: str
    attempts: int
    period_start: datetime | None
    period_end: datetime | None
    at: datetime = Field(description="when we last learned how it stands, in the subscription's own time")

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

    @classmethod
    def of(cls, rows: Iterable[InvoiceRow]) -> "InvoiceList":
        return cls(data=[InvoiceView.of(row) for row in rows])


def actions(row: SubscriptionRow) -> list[NextActionView]:
    return [NextActionView.model_validate(action) for action in row.next_actions]


def _end(row: SubscriptionRow) -> dict[str, Any]:
    """What has ended a subscription or will, and why; of most it is known without reading their state."""
    if row.status != Status.CANCELED and row.cancel_at is None:
        return {}
    it = state_from_json(dict(row.state))
    end = it.end or wished_end(it)
    return {"end_kind": end.kind, "reason_code": end.reason_code or None}


def _pending_change(row: SubscriptionRow) -> PendingChangeView | None:
    if not row.state.get("pending_change"):
        return None  # as with nearly all: a list need not read every state
    pending = state_from_json(dict(row.state)).pending_change
    return None if pending is None else PendingChangeView.of(pending.to, pending.at)
