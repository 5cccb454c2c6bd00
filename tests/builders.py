"""Subscriptions and what surrounds them, ready made; a test names only what matters to it."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

from domain.access import Access
from domain.catalog.plans import Interval, Item, Selection
from domain.money import Money
from domain.provider.agreements import AgreedItem, Agreement, AgreementState
from domain.provider.payments import Card, Charge, ChargeOutcome, Decline, Invoice
from domain.subscription.journal import Cause, CauseKind
from domain.subscription.lifecycle import Status
from domain.subscription.reminders import Reminder
from domain.subscription.state import Pause, Recovery, Subscription, Suspension, SuspensionKind

NOW = datetime(2026, 3, 2, 12, tzinfo=UTC)
TRIAL_END = NOW + timedelta(days=14)
PERIOD_END = NOW + timedelta(days=31)
CAUSE = Cause(CauseKind.TIMER, "test")
FREE = Selection("free", "Free", Interval.MONTH, 1, {}, (), Money(0, "usd"))
PRO = Selection(
    "professional",
    "Professional",
    Interval.MONTH,
    1,
    {},
    (Item("manufacturing_professional_month_v1", 1),),
    Money(19900, "usd"),
)
VISA = Card("pm_visa", "visa", "4242", 12, 2031)
STARTER_AGREED = AgreedItem("price_1", "manufacturing_starter_month_v1", 1, 4900, "usd", "month")
MASTERCARD = Card("pm_mastercard", "mastercard", "4444", 12, 2031)


def a_trial(**changes: Any) -> Subscription:
    """A fortnight's trial of Starter, just begun, without a card."""
    trial = Subscription(
        id="5c1f2f0e-0000-4000-8000-000000000001",
        tenant="default",
        customer="5c1f2f0e-0000-4000-8000-00000000000c",
        plan="starter",
        plan_name="Starter",
        interval=Interval.MONTH,
        quantity=1,
        items=(Item("manufacturing_starter_month_v1", 1),),
        amount=4900,
        currency="usd",
        created_at=NOW,
        trial_ends_at=TRIAL_END,
        reminders=tuple(Reminder(days, TRIAL_END - timedelta(days=days)) for days in (7, 3, 1)),
        sequence=1,
    )
    return replace(trial, **changes)


def a_paid_subscription(**changes: Any) -> Subscription:
    """Paid up for a month, with a card on file."""
    paid_up: dict[str, Any] = {
        "status": Status.ACTIVE,
        "trial_ends_at": NOW,
        "reminders": (),
        "customer_ref": "cus_1",
        "agreement_ref": "sub_1",
        "card": VISA,
        "period_start": NOW,
        "period_end": PERIOD_END,
        "ask_at": PERIOD_END + timedelta(hours=3),
        "settled_invoice": "in_1",
    }
    return replace(a_trial(), **(paid_up | changes))


def a_free_subscription(**changes: Any) -> Subscription:
    """On the plan that costs nothing, with a card on file all the same."""
    nothing_paid: dict[str, Any] = {
        "agreement_ref": "",
        "period_start": None,
        "period_end": None,
        "ask_at": None,
        "status_reason": "free_plan",
        "settled_invoice": "",
    }
    return a_paid_subscription(**(nothing_paid | changes)).choosing(FREE)


def a_paused_subscription(**changes: Any) -> Subscription:
    """Paused a moment ago by the customer, until they say so."""
    stopped: dict[str, Any] = {
        "status": Status.PAUSED,
        "status_reason": "paused",
        "access": Access.NONE,
        "pause": Pause(NOW),
        "ask_at": None,
    }
    return a_paid_subscription(**(stopped | changes))


def a_recovery(**changes: Any) -> Recovery:
    recovery = Recovery(
        since=NOW,
        step=1,
        tries=1,
        decline=Decline("insufficient_funds"),
        card_ref=VISA.ref,
        invoice_ref="in_2",
        period_end=PERIOD_END,
    )
    return replace(recovery, **changes)


def a_past_due_subscription(**changes: Any) -> Subscription:
    """Its renewal was declined a moment ago."""
    owing: dict[str, Any] = {
        "status": Status.PAST_DUE,
        "status_reason": "insufficient_funds",
        "ask_at": None,
        "recovery": a_recovery(),
    }
    return replace(a_paid_subscription(), **(owing | changes))


def a_suspended_subscription(kind: SuspensionKind = SuspensionKind.NONPAYMENT, **changes: Any) -> Subscription:
    """Access is off: an expired trial, a failed recovery or an operator's hold on a paid one."""
    base, returns_to, cancel_at = {
        SuspensionKind.NONPAYMENT: (a_past_due_subscription(), Status.PAST_DUE, None),
        SuspensionKind.OPERATOR: (a_paid_subscription(), Status.ACTIVE, None),
        SuspensionKind.AWAITING_CONFIRMATION: (a_trial(reminders=(), trial_ends_at=None), Status.ACTIVE, None),
        SuspensionKind.AWAITING_PAYMENT: (a_trial(reminders=(), trial_ends_at=None), Status.ACTIVE, None),
        SuspensionKind.TRIAL_EXPIRED: (a_trial(reminders=()), Status.TRIALING, TRIAL_END + timedelta(days=30)),
    }[kind]
    suspension = Suspension(kind, NOW, "for a reason", returns_to, cancel_at)
    off: dict[str, Any] = {"status": Status.SUSPENDED, "access": Access.NONE, "suspension": suspension}
    return replace(base, **(off | changes))


def in_status(status: Status) -> Subscription:
    """A subscription that stands so, otherwise ordinary."""
    match status:
        case Status.TRIALING:
            return a_trial()
        case Status.ACTIVE:
            return a_paid_subscription()
        case Status.PAST_DUE:
            return a_past_due_subscription()
        case Status.SUSPENDED:
            return a_suspended_subscription()
        case Status.PAUSED:
            return a_paused_subscription()
        case _:
            return a_paid_subscription(status=status)


def a_paid_charge(ref: str = "in_2", amount: int = 4900, **changes: Any) -> Charge:
    bill = Invoice(ref, "T-0002", "paid", amount, "usd", "https://pay.example/in_2")
    charge = Charge(ChargeOutcome.PAID, bill, None, "sub_1", PERIOD_END, PERIOD_END + timedelta(days=30))
    return replace(charge, **changes)


def a_declined_charge(code: str = "insufficient_funds", ref: str = "in_2", **changes: Any) -> Charge:
    bill = Invoice(ref, "T-0002", "open", 4900, "usd", "https://pay.example/in_2", attempts=1)
    charge = Charge(ChargeOutcome.DECLINED, bill, Decline(code), "sub_1", PERIOD_END, PERIOD_END + timedelta(days=30))
    return replace(charge, **changes)


def an_agreement(**changes: Any) -> Agreement:
    """That of a paid subscription, its newest bill paid and known."""
    agreement = Agreement(
        ref="sub_1",
        customer_ref="cus_1",
        state=AgreementState.BILLING,
        items=(STARTER_AGREED,),
        created_at=NOW,
        subscription=a_paid_subscription().id,
        latest=a_paid_charge("in_1"),
    )
    return replace(agreement, **changes)
