"""Subscriptions: items, debts, status and end."""

from collections.abc import Mapping, Sequence
from typing import Any

from sandbox.stripe import invoices
from sandbox.stripe.cards import Decline
from sandbox.stripe.errors import StripeFailure, invalid
from sandbox.stripe.events import changes, shown
from sandbox.stripe.ids import new_id
from sandbox.stripe.lists import list_of
from sandbox.stripe.meters import is_metered
from sandbox.stripe.params import merged_metadata
from sandbox.stripe.payment_methods import default_of
from sandbox.stripe.payments import Due, open_intent, settle
from sandbox.stripe.periods import end_after
from sandbox.stripe.store import Object
from sandbox.stripe.world import World

RUNNING = ("active", "past_due", "trialing", "unpaid")
OVER = ("canceled", "incomplete_expired")
BEHIND = ("past_due", "unpaid", "incomplete")
INCOMPLETE_FOR = 23 * 3600


def end_of_period(item: Object, anchor: int, moment: int) -> int:
    recurring = item["price"]["recurring"]
    return end_after(anchor, recurring["interval"], recurring["interval_count"], moment)


def new_item(world: World, subscription: str, given: Mapping[str, Any], param: str, now: int) -> Object:
    price = world.given("price", given["price"], f"{param}[price]")
    if not price["active"]:
        raise invalid(
            "The price specified is inactive. This field only accepts active prices.", param=f"{param}[price]"
        )
    if not price["recurring"]:
        raise invalid(
            "The price specified is set to `type=one_time` but this field only accepts prices with `type=recurring`.",
            param=f"{param}[price]",
        )
    item: Object = {
        "id": new_id("si", 14),
        "object": "subscription_item",
        "billing_thresholds": None,
        "created": now,
        "current_period_end": 0,
        "current_period_start": 0,
        "discounts": [],
        "metadata": merged_metadata({}, given.get("metadata", {})),
        **priced(price),
        "subscription": subscription,
        "tax_rates": [],
    }
    if not is_metered(item):
        item["quantity"] = quantity_of(given, param)
    elif "quantity" in given:
        raise invalid(
            f"Quantity should not be specified where usage type is `metered`. Remove quantity from `{param}`",
            param=f"{param}[quantity]",
        )
    return item


def priced(price: Object) -> Object:
    """A price as an item shows it: with the legacy plan object."""
    recurring, rule = price["recurring"], price["transform_quantity"]
    plan = {
        **{name: price[name] for name in ("id", "active", "billing_scheme", "created", "currency", "livemode")},
        **{name: price[name] for name in ("metadata", "nickname", "product", "tiers_mode")},
        "object": "plan",
        "amount": price["unit_amount"],
        "amount_decimal": price["unit_amount_decimal"],
        "interval": recurring["interval"],
        "interval_count": recurring["interval_count"],
        "meter": recurring["meter"],
        "transform_usage": rule,
        "trial_period_days": None,
        "usage_type": recurring["usage_type"],
    }
    return {"price": price, "plan": plan}


def quantity_of(given: Mapping[str, Any], param: str) -> int:
    quantity: int = given.get("quantity", 1)
    if quantity < 0:
        raise invalid("Invalid non-negative integer", param=f"{param}[quantity]", code="parameter_invalid_integer")
    return quantity


def with_period(items: Sequence[Object], start: int, end: int) -> list[Object]:
    """*items*, which must have the same interval, in this period."""
    terms = [(each["price"]["currency"], each["price"]["recurring"]["interval"]) for each in items]
    if len(set(terms)) > 1:
        raise invalid("Currency and interval fields must match across all prices on this subscription.", param="items")
    prices = [each["price"]["id"] for each in items]
    if len(set(prices)) < len(prices):
        raise invalid("Cannot add multiple subscription items with the same price.", param="items")
    return [{**each, "current_period_start": start, "current_period_end": end} for each in items]


def items_list(subscription: str, items: Sequence[Object]) -> Object:
    return list_of(items, f"/v1/subscription_items?subscription={subscription}")


def period_of(subscription: Object) -> tuple[int, int]:
    first = subscription["items"]["data"][0]
    return first["current_period_start"], first["current_period_end"]


def ask_bank(
    world: World, subscription: Object, bill: Sequence[Object], *, present: bool = False
) -> tuple[Object | None, Decline | None]:
    """The card for this invoice and its answer; not asked if nothing is owed.

    Raises:
        StripeFailure: something is owed and there is no card.

    """
    customer = world.named("customer", subscription["customer"])
    method = default_of(world, customer, subscription)
    due, _ = invoices.shared(owed(world, customer, subscription, bill), subscription["currency"])
    if not due:
        return method, None
    if method is None:
        raise invalid(invoices.NO_CARD, code="resource_missing")
    return method, world.bank.answer(customer["id"], method, present=present)


def owed(world: World, customer: Object, subscription: Object, bill: Sequence[Object]) -> int:
    waiting = invoices.waiting_lines(world, subscription)
    return int(sum(line["amount"] for line in [*waiting, *bill]) + customer["balance"])


def unpayable(
    world: World, subscription: Object, bill: Sequence[Object], method: Object | None, refusal: Decline
) -> StripeFailure:
    """The error of a call whose invoice could not be paid; only the failed payment intent stays."""
    customer = world.named("customer", subscription["customer"])
    amount = owed(world, customer, subscription, bill)
    assert method is not None, "only a card can refuse"  # noqa: S101
    due = Due(customer["id"], amount, subscription["currency"], "Subscription creation")
    intent = open_intent(world, due, method)
    settle(world, intent, method, refusal)
    return payment_refused(refusal, intent, method, "subscription_payment_intent_requires_action")


def payment_refused(refusal: Decline, intent: Object, method: Object, action_code: str) -> StripeFailure:
    """The 402; *action_code* is its code if the customer must authenticate."""
    fields: dict[str, Any] = {
        **refusal.as_error(),
        "payment_intent": shown(intent),
        "payment_method": shown(method),
    }
    if refusal.wants_customer:
        noun = action_code.split("_", maxsplit=1)[0]
        fields = {
            "code": action_code,
            "message": "This payment requires additional user action before it can be completed successfully. "
            f"Payment can be completed using the PaymentIntent associated with the {noun}.",
            "payment_intent": shown(intent),
        }
    elif intent["latest_charge"]:
        fields["charge"] = intent["latest_charge"]
    return StripeFailure(402, "card_error", keeps=True, **fields)


def save(world: World, subscription: Object) -> Object:
    moments: list[int | None] = []
    if subscription["status"] in RUNNING:
        pause = subscription["pause_collection"] or {}
        waits = subscription["pending_update"] or {}
        moments = [
            period_of(subscription)[1],
            subscription["cancel_at"],
            pause.get("resumes_at"),
            waits.get("expires_at"),
        ]
    elif subscription["status"] == "incomplete":
        moments = [subscription["created"] + INCOMPLETE_FOR]
    return world.store.save(subscription, due=min((m for m in moments if m is not None), default=None))


def set_cancel_at_period_end(world: World, subscription: Object, *, wanted: bool) -> None:
    subscription["cancel_at_period_end"] = wanted
    subscription["cancel_at"] = period_of(subscription)[1] if wanted else None
    subscription["canceled_at"] = world.now(subscription["customer"]) if wanted else None
    subscription["cancellation_details"]["reason"] = "cancellation_requested" if wanted else None


def set_status(world: World, subscription: Object, status: str) -> None:
    if subscription["status"] != status:
        before = shown(subscription)
        subscription["status"] = status
        save(world, subscription)
        updated(world, subscription, before)


def updated(world: World, subscription: Object, before: Object) -> None:
    changed = changes(before, subscription)
    if changed:
        world.events.emit(
            "customer.subscription.updated", subscription, customer=subscription["customer"], before=changed
        )


def status_follows(world: World, invoice: Object) -> None:
    """Update the status from the newest final invoice: past due while that is open after an attempt."""
    subscription = world.store.get(invoice["_subscription"], "subscription")
    if subscription is None:
        return
    # The invoice of a pending update does not affect the status.
    its_own = (each for each in world.store.find("invoice", parent=subscription["id"]) if "_pending_update" not in each)
    newest = next((each for each in its_own if each["number"] is not None), invoice)
    if subscription["status"] == "incomplete" and newest["status"] == "void":
        subscription["ended_at"] = world.now(subscription["customer"])
        set_status(world, subscription, "incomplete_expired")
        return
    is_behind = newest["status"] == "open" and newest["attempted"]
    if is_behind and subscription["status"] == "active":
        set_status(world, subscription, "past_due")
    elif not is_behind and subscription["status"] in BEHIND:
        set_status(world, subscription, "active")


def end(world: World, subscription: Object) -> None:
    """Cancel it now; nothing more is collected automatically."""
    now = world.now(subscription["customer"])
    subscription.update(status="canceled", ended_at=now, canceled_at=subscription["canceled_at"] or now)
    subscription["cancellation_details"]["reason"] = "cancellation_requested"
    subscription["pending_update"] = None
    subscription.pop("_pending", None)
    save(world, subscription)
    for invoice in world.store.find("invoice", parent=subscription["id"]):
        if invoice["status"] in ("draft", "open"):
            invoice.update(auto_advance=False, automatically_finalizes_at=None)
            invoices.save(world, invoice)
    world.events.emit("customer.subscription.deleted", subscription, customer=subscription["customer"])


def bill(world: World, subscription: Object, its_lines: Sequence[Object], now: int) -> Object:
    """An invoice outside the cycle, finalised at once."""
    subscription["latest_invoice"] = new_id("in")
    save(world, subscription)
    invoice = invoices.draft(world, subscription, its_lines, "subscription_update", (now, now))
    if subscription["pause_collection"] and obey_pause(world, subscription, invoice):
        return invoice
    invoices.finalize(world, invoice)
    if not invoice["amount_remaining"]:
        invoices.record_attempt(world, invoice, None, None)
    return invoice


def obey_pause(world: World, subscription: Object, invoice: Object) -> bool:
    """True if a pause of collection, or an unpaid subscription, keeps *invoice* from being charged."""
    behavior = (subscription["pause_collection"] or {}).get("behavior")
    if behavior == "void":
        invoices.close(world, invoice, "void")
    elif behavior == "mark_uncollectible":
        invoices.finalize(world, invoice)
        invoices.close(world, invoice, "uncollectible")
    elif behavior == "keep_as_draft" or subscription["status"] == "unpaid":
        invoice.update(auto_advance=False, automatically_finalizes_at=None)
        invoices.save(world, invoice)
    else:
        return False
    return True
