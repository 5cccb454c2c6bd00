"""Subscriptions: begun, looked at, ended."""

from collections.abc import Mapping, Sequence
from typing import Any

from sandbox.stripe import invoices, lines
from sandbox.stripe.cards import Decline
from sandbox.stripe.errors import StripeFailure, invalid, missing_resource
from sandbox.stripe.events import changes, shown
from sandbox.stripe.ids import new_id
from sandbox.stripe.lists import list_of, page, within
from sandbox.stripe.params import (
    FLAG,
    METADATA,
    PAGING,
    RANGE,
    TEXT,
    WHOLE,
    Clearable,
    Either,
    Many,
    Params,
    Shape,
    Text,
    merged_metadata,
)
from sandbox.stripe.payment_methods import default_of, owned
from sandbox.stripe.payments import Due, open_intent, settle
from sandbox.stripe.periods import end_after, nth
from sandbox.stripe.store import Object
from sandbox.stripe.world import World

RUNNING = ("active", "past_due", "trialing", "unpaid")
BEHIND = ("past_due", "unpaid", "incomplete")
INCOMPLETE_FOR = 23 * 3600

DETAILS = Shape(
    {
        "comment": Clearable(TEXT),
        "feedback": Clearable(
            Text(
                "customer_service",
                "low_quality",
                "missing_features",
                "other",
                "switched_service",
                "too_complex",
                "too_expensive",
                "unused",
            )
        ),
    }
)
CREATE = Shape(
    {
        "customer": TEXT,
        "items": Many(Shape({"price": TEXT, "quantity": WHOLE, "metadata": METADATA}, required=["price"])),
        "default_payment_method": TEXT,
        "off_session": FLAG,
        "payment_behavior": Text("allow_incomplete", "error_if_incomplete"),
        "collection_method": Text("charge_automatically"),
        "trial_end": Either(Text("now"), WHOLE),
        "metadata": METADATA,
        "description": TEXT,
        "cancel_at_period_end": FLAG,
        "billing_cycle_anchor": WHOLE,
        "proration_behavior": Text("create_prorations", "none"),
    },
    required=["customer", "items"],
)
CANCEL = Shape({"invoice_now": FLAG, "prorate": FLAG, "cancellation_details": DETAILS})
LIST = Shape(
    {
        **PAGING,
        "customer": TEXT,
        "price": TEXT,
        "created": RANGE,
        "current_period_end": RANGE,
        "status": Text(
            "active",
            "all",
            "canceled",
            "ended",
            "incomplete",
            "incomplete_expired",
            "past_due",
            "paused",
            "trialing",
            "unpaid",
        ),
    }
)


def create(world: World, _ids: Params, params: Params) -> Object:
    customer = world.given("customer", params["customer"], "customer")
    subscription = _new(world, customer["id"], params)
    if "default_payment_method" in params:
        card = owned(world, params["default_payment_method"], customer["id"], "default_payment_method")
        subscription["default_payment_method"] = card["id"]
        world.bank.card_came_on_file(customer["id"], card["id"])
    first = _first_lines(world, subscription, params)
    method, refusal = ask_bank(world, subscription, first)
    if refusal and params.get("payment_behavior") == "error_if_incomplete":
        raise unpayable(world, subscription, first, method, refusal)
    if subscription["status"] == "active" and refusal:
        subscription["status"] = "incomplete"
    if params.get("cancel_at_period_end"):
        set_cancel_at_period_end(world, subscription, wanted=True)
    save(world, subscription)
    world.events.emit("customer.subscription.created", subscription, customer=customer["id"])
    now = subscription["start_date"]
    invoice = invoices.draft(world, subscription, first, "subscription_create", (now, now))
    invoices.finalize(world, invoice)
    invoices.record_attempt(world, invoice, method, refusal)
    return subscription


def _new(world: World, customer: str, params: Params) -> Object:
    now = world.now(customer)
    reference = new_id("sub")
    trial_end = params.get("trial_end", "now")
    trial_end = None if trial_end == "now" else trial_end
    if trial_end is not None and trial_end <= now:
        raise invalid("Invalid timestamp: must be an integer Unix timestamp in the future.", param="trial_end")
    items = [new_item(world, reference, given, f"items[{n}]", now) for n, given in enumerate(params["items"])]
    if not items:
        raise invalid("Missing required param: items.", param="items", code="parameter_missing")
    anchor = trial_end or _anchor(params, items[0], now)
    return {
        "id": reference,
        "object": "subscription",
        "application": None,
        "application_fee_percent": None,
        "automatic_tax": {"disabled_reason": None, "enabled": False, "liability": None},
        "billing_cycle_anchor": anchor,
        "billing_cycle_anchor_config": None,
        "billing_mode": {"flexible": {"proration_discounts": "included"}, "type": "flexible"},
        "billing_schedules": [],
        "billing_thresholds": None,
        "cancel_at": None,
        "cancel_at_period_end": False,
        "canceled_at": None,
        "cancellation_details": {"comment": None, "feedback": None, "reason": None},
        "collection_method": "charge_automatically",
        "created": now,
        "currency": items[0]["price"]["currency"],
        "customer": customer,
        "days_until_due": None,
        "default_payment_method": None,
        "default_source": None,
        "default_tax_rates": [],
        "description": params.get("description"),
        "discounts": [],
        "ended_at": None,
        "invoice_settings": {"account_tax_ids": None, "issuer": {"type": "self"}},
        "items": items_list(reference, with_period(items, now, _first_end(items[0], now, anchor))),
        "latest_invoice": new_id("in"),
        "livemode": False,
        "metadata": merged_metadata({}, params.get("metadata", {})),
        "next_pending_invoice_item_invoice": None,
        "on_behalf_of": None,
        "pause_collection": None,
        "payment_settings": {
            "payment_method_options": None,
            "payment_method_types": None,
            "save_default_payment_method": "off",
        },
        "pending_invoice_item_interval": None,
        "pending_setup_intent": None,
        "pending_update": None,
        "schedule": None,
        "start_date": now,
        "status": "trialing" if trial_end else "active",
        "test_clock": None,
        "transfer_data": None,
        "trial_end": trial_end,
        "trial_settings": {"end_behavior": {"missing_payment_method": "create_invoice"}},
        "trial_start": now if trial_end else None,
    }


def _anchor(params: Params, item: Object, now: int) -> int:
    anchor: int = params.get("billing_cycle_anchor", now)
    recurring = item["price"]["recurring"]
    if not now <= anchor <= nth(now, recurring["interval"], recurring["interval_count"], 1):
        raise invalid(
            "billing_cycle_anchor must be a timestamp in the future, at most one billing period away.",
            param="billing_cycle_anchor",
        )
    return anchor


def _first_end(item: Object, now: int, anchor: int) -> int:
    return anchor if anchor > now else end_of_period(item, anchor, now)


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
    return {
        "id": new_id("si", 14),
        "object": "subscription_item",
        "billing_thresholds": None,
        "created": now,
        "current_period_end": 0,
        "current_period_start": 0,
        "discounts": [],
        "metadata": merged_metadata({}, given.get("metadata", {})),
        "price": price,
        "quantity": quantity_of(given, param),
        "subscription": subscription,
        "tax_rates": [],
    }


def quantity_of(given: Mapping[str, Any], param: str) -> int:
    quantity: int = given.get("quantity", 1)
    if quantity < 0:
        raise invalid("Invalid non-negative integer", param=f"{param}[quantity]", code="parameter_invalid_integer")
    return quantity


def with_period(items: Sequence[Object], start: int, end: int) -> list[Object]:
    """*items*, which must be billed alike, in this period."""
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


def _first_lines(world: World, subscription: Object, params: Params) -> list[Object]:
    if subscription["status"] == "trialing":
        return lines.whole_period(world, subscription, free=True)
    start, end = period_of(subscription)
    if subscription["billing_cycle_anchor"] <= start:
        return lines.whole_period(world, subscription)
    if params.get("proration_behavior") == "none":
        return []
    recurring = subscription["items"]["data"][0]["price"]["recurring"]
    whole_start = nth(end, recurring["interval"], recurring["interval_count"], -1)
    return lines.first_part(world, subscription, end, whole_start)


def ask_bank(world: World, subscription: Object, bill: Sequence[Object]) -> tuple[Object | None, Decline | None]:
    """The card for this bill and its answer; not asked when nothing is owed.

    Raises:
        StripeFailure: something is owed and there is no card.

    """
    customer = world.named("customer", subscription["customer"])
    method = default_of(world, customer, subscription)
    if owed(world, customer, subscription, bill) <= 0:
        return method, None
    if method is None:
        raise invalid(invoices.NO_CARD, code="resource_missing")
    return method, world.bank.answer(customer["id"], method, present=False)


def owed(world: World, customer: Object, subscription: Object, bill: Sequence[Object]) -> int:
    waiting = invoices.waiting_lines(world, subscription)
    return int(sum(line["amount"] for line in [*waiting, *bill]) + customer["balance"])


def unpayable(
    world: World, subscription: Object, bill: Sequence[Object], method: Object | None, refusal: Decline
) -> StripeFailure:
    """The refusal of a call whose bill could not be paid; all that stays is the failed payment intent."""
    customer = world.named("customer", subscription["customer"])
    amount = owed(world, customer, subscription, bill)
    assert method is not None, "only a card can refuse"  # noqa: S101
    due = Due(customer["id"], amount, subscription["currency"], "Subscription creation")
    intent = open_intent(world, due, method)
    settle(world, intent, method, refusal)
    return payment_refused(refusal, intent, method, "subscription_payment_intent_requires_action")


def payment_refused(refusal: Decline, intent: Object, method: Object, action_code: str) -> StripeFailure:
    """402; *action_code* is what it is called when the customer must authenticate."""
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
        moments = [period_of(subscription)[1], subscription["cancel_at"], pause.get("resumes_at")]
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
    """Bring the subscription in line with its invoices: behind while one is open after a try, else active."""
    subscription = world.store.get(invoice["_subscription"], "subscription")
    if subscription is None:
        return
    open_ones = [
        each
        for each in world.store.find("invoice", parent=subscription["id"])
        if each["status"] == "open" and each["attempted"]
    ]
    if open_ones and subscription["status"] == "active":
        set_status(world, subscription, "past_due")
    elif not open_ones and subscription["status"] in BEHIND:
        set_status(world, subscription, "active")


def end(world: World, subscription: Object) -> None:
    """Cancel it now; nothing of it is collected any more by itself."""
    now = world.now(subscription["customer"])
    subscription.update(status="canceled", ended_at=now, canceled_at=subscription["canceled_at"] or now)
    subscription["cancellation_details"]["reason"] = "cancellation_requested"
    save(world, subscription)
    for invoice in world.store.find("invoice", parent=subscription["id"]):
        if invoice["status"] in ("draft", "open"):
            invoice.update(auto_advance=False, automatically_finalizes_at=None)
            invoices.save(world, invoice)
    world.events.emit("customer.subscription.deleted", subscription, customer=subscription["customer"])


def cancel(world: World, ids: Params, params: Params) -> Object:
    subscription = retrieve(world, ids, params)
    if subscription["status"] in ("canceled", "incomplete_expired"):
        raise missing_resource("subscription", subscription["id"])
    now = world.now(subscription["customer"])
    for name, value in params.get("cancellation_details", {}).items():
        subscription["cancellation_details"][name] = value or None
    if params.get("prorate") and subscription["status"] != "trialing":
        credit = lines.unused(world, subscription, subscription["items"]["data"], now)
        lines.keep_for_next_invoice(world, subscription, credit)
    end(world, subscription)
    if params.get("invoice_now") and invoices.waiting_lines(world, subscription):
        bill(world, subscription, [], now)
    return subscription


def bill(world: World, subscription: Object, its_lines: Sequence[Object], now: int) -> Object:
    """An invoice outside the cycle, final at once."""
    subscription["latest_invoice"] = new_id("in")
    save(world, subscription)
    invoice = invoices.draft(world, subscription, its_lines, "subscription_update", (now, now))
    invoices.finalize(world, invoice)
    if not invoice["amount_remaining"]:
        invoices.record_attempt(world, invoice, None, None)
    return invoice


def retrieve(world: World, ids: Params, _params: Params) -> Object:
    return world.named("subscription", ids["subscription"])


def list_all(world: World, _ids: Params, params: Params) -> Object:
    found = world.store.find("subscription", customer=params.get("customer"))
    status = params.get("status")
    if status is None:
        found = [each for each in found if each["status"] not in ("canceled", "incomplete_expired")]
    elif status == "ended":
        found = [each for each in found if each["status"] in ("canceled", "incomplete_expired")]
    elif status != "all":
        found = [each for each in found if each["status"] == status]
    if "price" in params:
        wanted = params["price"]
        found = [each for each in found if wanted in (item["price"]["id"] for item in each["items"]["data"])]
    if "current_period_end" in params:
        found = [each for each in found if within(period_of(each)[1], params["current_period_end"])]
    return page(found, params, "/v1/subscriptions")
