"""What the simulator does when a customer's clock reaches a due time."""

from collections.abc import Callable, Mapping
from datetime import UTC, datetime

from sandbox.stripe import checkout, invoices, lines, pending_updates, subscriptions
from sandbox.stripe.events import shown
from sandbox.stripe.ids import new_id
from sandbox.stripe.store import Object
from sandbox.stripe.world import World


def catch_up(world: World, customer: str, until: datetime) -> bool:
    """Do the first thing due for this Stripe customer by *until*; returns whether there was one."""
    due = world.store.next_due(customer)
    if due is None or due[0] > until.timestamp():
        return False
    moment, reference, kind = due
    with world.clocks.stopped(customer, datetime.fromtimestamp(moment, UTC)), world.store.transaction():
        _ACTS[kind](world, world.named(kind, reference))
    return True


def _subscription_due(world: World, subscription: Object) -> None:
    now = world.now(subscription["customer"])
    pause = subscription["pause_collection"] or {}
    if subscription["status"] == "incomplete":
        _expire(world, subscription)
    elif pending_updates.is_over(subscription, now):
        pending_updates.discard(world, subscription)
    elif subscription["cancel_at"] is not None and subscription["cancel_at"] <= now:
        _end_of_itself(world, subscription)
    elif pause.get("resumes_at") is not None and pause["resumes_at"] <= now:
        before = shown(subscription)
        subscription["pause_collection"] = None
        subscriptions.save(world, subscription)
        subscriptions.updated(world, subscription, before)
    else:
        _renew(world, subscription)


def _end_of_itself(world: World, subscription: Object) -> None:
    """At the scheduled end; usage is billed as at a renewal."""
    over = subscriptions.period_of(subscription)
    its_lines = lines.by_use(world, subscription, subscription["items"]["data"], world.now(subscription["customer"]))
    if its_lines:
        subscription["latest_invoice"] = new_id("in")
    subscriptions.end(world, subscription)
    if its_lines:
        invoice = invoices.draft(world, subscription, its_lines, "subscription_cycle", over)
        subscriptions.obey_pause(world, subscription, invoice)


def _expire(world: World, subscription: Object) -> None:
    before = shown(subscription)
    subscription.update(status="incomplete_expired", ended_at=world.now(subscription["customer"]))
    subscriptions.save(world, subscription)
    for invoice in world.store.find("invoice", parent=subscription["id"]):
        if invoice["status"] == "open":
            invoices.close(world, invoice, "void")
    subscriptions.updated(world, subscription, before)


def _renew(world: World, subscription: Object) -> None:
    before = shown(subscription)
    over = subscriptions.period_of(subscription)
    items = subscription["items"]["data"]
    was_used = lines.by_use(world, subscription, items, over[1])
    end = subscriptions.end_of_period(items[0], subscription["billing_cycle_anchor"], over[1])
    placed = subscriptions.with_period(items, over[1], end)
    subscription["items"] = subscriptions.items_list(subscription["id"], placed)
    if subscription["status"] == "trialing":
        subscription["status"] = "active"
    subscription["latest_invoice"] = new_id("in")
    subscriptions.save(world, subscription)
    its_lines = [*was_used, *lines.whole_period(world, subscription)]
    invoice = invoices.draft(world, subscription, its_lines, "subscription_cycle", over)
    subscriptions.updated(world, subscription, before)
    subscriptions.obey_pause(world, subscription, invoice)


def _invoice_due(world: World, invoice: Object) -> None:
    subscription = world.named("subscription", invoice["_subscription"])
    if subscriptions.obey_pause(world, subscription, invoice):
        return
    invoices.finalize(world, invoice)
    invoices.collect(world, invoice, subscription)
    subscriptions.status_follows(world, invoice)


_ACTS: Mapping[str, Callable[[World, Object], None]] = {
    "subscription": _subscription_due,
    "invoice": _invoice_due,
    "checkout.session": checkout.expire_now,
}
