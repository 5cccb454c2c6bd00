"""Commands as the API builds them from a request."""

from collections.abc import Callable
from datetime import datetime
from typing import Any

from domain.catalog.plans import Catalog, Interval, Selection
from domain.provider.hints import EventHint
from domain.subscription import plan_changes
from domain.subscription.commands import CancelAt, ConvertAt
from domain.subscription.ends import EndKind
from domain.subscription.policy import ChangeAt
from domain.subscription.state import Subscription
from workflows.subscription.messages import (
    AdoptPolicy,
    Cancel,
    ChangePlan,
    Command,
    ContactChanged,
    Convert,
    ExtendTrial,
    OpenCheckout,
    PauseUntil,
    PreviewCancel,
    PutPaymentMethod,
    Reactivate,
    Reconcile,
    Refund,
    Suspend,
)
from workflows.subscription.workflow import SubscriptionWorkflow

ACTOR = "the shop"
Build = Callable[..., Command]


def _convert(key: str, payment_method: str | None = None, when: str = "trial_end") -> Command:
    return Convert(key, ACTOR, payment_method, ConvertAt(when))


def _cancel(key: str, at: str = "period_end", reason_code: str = "", by: str = "customer", **more: Any) -> Command:
    return Cancel(key, ACTOR, CancelAt(at), reason_code=reason_code, by=EndKind(by), **more)


def _open_checkout(key: str) -> Command:
    return OpenCheckout(key, ACTOR, "https://shop.example/thanks", "https://shop.example/back")


def _with_reason(message: Callable[[str, str, str], Command]) -> Build:
    return lambda key, reason="for a reason": message(key, ACTOR, reason)


def _plain(key: str) -> Command:
    return Command(key, ACTOR)


COMMANDS: dict[str, tuple[Any, Build]] = {
    "convert": (SubscriptionWorkflow.convert, _convert),
    "payment-method": (
        SubscriptionWorkflow.put_payment_method,
        lambda key, payment_method: PutPaymentMethod(key, ACTOR, payment_method),
    ),
    "retry-payment": (SubscriptionWorkflow.retry_payment, _plain),
    "cancel": (SubscriptionWorkflow.cancel, _cancel),
    "preview-cancel": (
        SubscriptionWorkflow.preview_cancel,
        lambda key, at="period_end": PreviewCancel(key, ACTOR, CancelAt(at)),
    ),
    "uncancel": (SubscriptionWorkflow.uncancel, _plain),
    "extend-trial": (
        SubscriptionWorkflow.extend_trial,
        lambda key, days, reason="for a reason": ExtendTrial(key, ACTOR, days, reason),
    ),
    "suspend": (SubscriptionWorkflow.suspend, _with_reason(Suspend)),
    "reactivate": (SubscriptionWorkflow.reactivate, _with_reason(Reactivate)),
    "refund": (
        SubscriptionWorkflow.refund,
        lambda key, invoice, amount=None, at_most=None, reason="a day of downtime": Refund(
            key, ACTOR, invoice, reason, amount, at_most
        ),
    ),
    "open-checkout": (SubscriptionWorkflow.open_checkout, _open_checkout),
    "pause": (SubscriptionWorkflow.pause, lambda key, resumes_at=None: PauseUntil(key, ACTOR, resumes_at)),
    "resume": (SubscriptionWorkflow.resume, _plain),
    "withdraw-change": (SubscriptionWorkflow.withdraw_change, _plain),
    "adopt-policy": (SubscriptionWorkflow.adopt_policy, lambda key, policy: AdoptPolicy(key, ACTOR, policy)),
    "contact-changed": (
        SubscriptionWorkflow.contact_changed,
        lambda key, fields: ContactChanged(key, ACTOR, tuple(fields)),
    ),
    "reconcile": (SubscriptionWorkflow.reconcile, lambda key, **what: Reconcile(key, ACTOR, **what)),
}
"""By their names in the API: the update, and what builds its message of a key and the request's fields.

A change of plan is not among them: it is computed from the subscription (`change`).
"""
CHANGES = {"change-plan": SubscriptionWorkflow.change_plan, "preview-change": SubscriptionWorkflow.preview_change}


def change(
    key: str,
    subscription: Subscription,
    catalog: Catalog,
    *,
    plan: str | None = None,
    interval: str | None = None,
    quantity: int | None = None,
    add_ons: dict[str, int] | None = None,
    when: str | None = None,
    basis: str | None = None,
    expected_due: int | None = None,
    preview_at: datetime | None = None,
) -> ChangePlan:
    """A change of plan; what is not given stays as in the planned change, or else as it is."""
    base = plan_changes.basis(subscription)
    to = _select(catalog, base, plan, interval, quantity, add_ons)
    is_upgrade = catalog.is_upgrade(subscription.selection, to)
    at = ChangeAt(when) if when is not None else None
    computed_from = plan_changes.basis_name(subscription) if basis is None else basis
    return ChangePlan(key, ACTOR, to, is_upgrade, at, computed_from, expected_due, preview_at)


def _select(
    catalog: Catalog,
    base: Selection,
    plan: str | None,
    interval: str | None,
    quantity: int | None,
    add_ons: dict[str, int] | None,
) -> Selection:
    free, wanted = catalog.free_plan, plan or base.plan
    if free is not None and wanted == free.plan:
        return free
    by = Interval(interval) if interval is not None else base.interval
    return catalog.select(wanted, by, quantity or base.quantity, base.add_ons if add_ons is None else add_ons)


def woken(event: str, news: Any) -> EventHint:
    """A message that says nothing, so that a workflow looks up and does what is due."""
    return EventHint(event, news, "")


def update_name(update: Any) -> str:
    """The name under which an update is known to Temporal."""
    return str(update._defn.name)
