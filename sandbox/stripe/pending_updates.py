"""Changes of a subscription that wait until their invoice is paid: `payment_behavior=pending_if_incomplete`."""

import copy

from sandbox.stripe import invoices
from sandbox.stripe.errors import invalid
from sandbox.stripe.events import shown
from sandbox.stripe.params import Params, merged_metadata
from sandbox.stripe.store import Object
from sandbox.stripe.subscriptions import period_of, save, set_cancel_at_period_end, updated
from sandbox.stripe.world import World

BEHAVIOR = "pending_if_incomplete"
LONGEST = 23 * 3600
SUPPORTED = frozenset(
    {
        "billing_cycle_anchor",
        "cancel_at_period_end",
        "expand",
        "items",
        "metadata",
        "payment_behavior",
        "proration_behavior",
        "proration_date",
        "trial_end",
    }
)
"""The parameters of a pending update; others are refused."""
REPLACING = frozenset({"billing_cycle_anchor", "items", "trial_end"})
"""An update with one of these replaces a pending one."""
_LATER = ("items", "billing_cycle_anchor", "status", "trial_end")


def check_supported(params: Params) -> None:
    """Refuse parameters that a pending update cannot have."""
    for name in sorted(params.keys() - SUPPORTED):
        raise invalid(
            f"When `payment_behavior` is set to `{BEHAVIOR}`, you can only pass supported params. `{name}` is not "
            "supported. See https://stripe.com/docs/billing/subscriptions/pending-updates-reference"
            "#supported-attributes for more details.",
            param=name,
        )


def hold_back(world: World, subscription: Object, was: Object, params: Params) -> None:
    """Restore *subscription* as it *was*; the change waits for the invoice that is about to be created."""
    wanted = {name: copy.deepcopy(subscription[name]) for name in _LATER}
    subscription.update(copy.deepcopy({name: was[name] for name in (*_LATER, "metadata")}))
    for name in ("cancel_at", "cancel_at_period_end", "canceled_at", "cancellation_details"):
        subscription[name] = copy.deepcopy(was[name])
    now = world.now(subscription["customer"])
    ends = [now + LONGEST, period_of(subscription)[1], was["trial_end"] if was["status"] == "trialing" else None]
    moves = wanted["billing_cycle_anchor"] != was["billing_cycle_anchor"]
    subscription["pending_update"] = {
        "billing_cycle_anchor": wanted["billing_cycle_anchor"] if moves else None,
        "cancel_at_period_end": params.get("cancel_at_period_end"),
        "discount": None,
        "discounts": None,
        "expires_at": min(end for end in ends if end is not None),
        "metadata": merged_metadata({}, params.get("metadata", {})) or None,
        "subscription_items": wanted["items"]["data"],
        "trial_end": wanted["trial_end"] if "trial_end" in params else None,
        "trial_from_plan": None,
    }
    subscription["_pending"] = {
        "wanted": wanted,
        "metadata": params.get("metadata", {}),
        "ends": params.get("cancel_at_period_end"),
    }


def belongs_to(world: World, subscription: Object, invoice: Object) -> None:
    """Record the invoice of the update; it does not make the subscription past due."""
    subscription["_pending"]["invoice"] = invoice["id"]
    save(world, subscription)
    invoice["_pending_update"] = True
    invoices.save(world, invoice)


def follow(world: World, invoice: Object) -> None:
    """Apply the change if its invoice is paid, discard it if that was voided."""
    subscription = world.store.get(invoice["_subscription"], "subscription")
    if subscription is None or (subscription.get("_pending") or {}).get("invoice") != invoice["id"]:
        return
    if invoice["status"] == "paid":
        _apply(world, subscription, invoice)
    elif invoice["status"] == "void":
        _drop(world, subscription)


def _apply(world: World, subscription: Object, invoice: Object) -> None:
    before, pending = shown(subscription), subscription.pop("_pending")
    subscription.update(pending["wanted"], pending_update=None)
    subscription["metadata"] = merged_metadata(subscription["metadata"], pending["metadata"])
    if pending["ends"] is not None:
        set_cancel_at_period_end(world, subscription, wanted=pending["ends"])
    save(world, subscription)
    del invoice["_pending_update"]
    invoices.save(world, invoice)
    updated(world, subscription, before)
    _tell(world, subscription, "applied")


def _drop(world: World, subscription: Object) -> None:
    before = shown(subscription)
    del subscription["_pending"]
    subscription["pending_update"] = None
    save(world, subscription)
    updated(world, subscription, before)
    _tell(world, subscription, "expired")


def _tell(world: World, subscription: Object, what: str) -> None:
    kind = f"customer.subscription.pending_update_{what}"
    world.events.emit(kind, subscription, customer=subscription["customer"])


def discard(world: World, subscription: Object) -> None:
    """Void the invoice of a pending update, if there is one, and discard it: it expired or was replaced."""
    pending = subscription.get("_pending")
    if pending is None:
        return
    invoice = world.named("invoice", pending["invoice"])
    if invoice["status"] == "open":
        invoices.close(world, invoice, "void")
    _drop(world, subscription)


def is_over(subscription: Object, now: int) -> bool:
    pending = subscription["pending_update"]
    return pending is not None and pending["expires_at"] <= now
