"""Calls about subscriptions: create, retrieve, cancel. `subscription_changes` has updates."""

from sandbox.stripe import invoices, lines
from sandbox.stripe.errors import invalid, missing_resource
from sandbox.stripe.frozen_clocks import refuse_more_subscriptions
from sandbox.stripe.ids import new_id
from sandbox.stripe.lists import page, within
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
from sandbox.stripe.payment_methods import owned
from sandbox.stripe.periods import nth
from sandbox.stripe.store import Object
from sandbox.stripe.subscriptions import (
    ask_bank,
    bill,
    end,
    end_of_period,
    items_list,
    new_item,
    period_of,
    save,
    set_cancel_at_period_end,
    unpayable,
    with_period,
)
from sandbox.stripe.world import World

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
        "test_clock": TEXT,
        "created": RANGE,
        "current_period_end": RANGE,
        "current_period_start": RANGE,
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


def create(world: World, _ids: Params, params: Params, *, present: bool = False) -> Object:
    """Create a subscription with its first invoice; customers who are *present* authenticate."""
    customer = world.given("customer", params["customer"], "customer")
    refuse_more_subscriptions(world, customer)
    subscription = new(world, customer["id"], params)
    if "default_payment_method" in params:
        card = owned(world, params["default_payment_method"], customer["id"], "default_payment_method")
        subscription["default_payment_method"] = card["id"]
        world.bank.card_came_on_file(customer["id"], card["id"])
    first = first_lines(world, subscription, params)
    method, refusal = ask_bank(world, subscription, first, present=present)
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


def new(world: World, customer: str, params: Params) -> Object:
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
        "test_clock": world.named("customer", customer)["test_clock"],
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


def first_lines(world: World, subscription: Object, params: Params) -> list[Object]:
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
    was_used = lines.by_use(world, subscription, subscription["items"]["data"], now)
    end(world, subscription)
    if params.get("invoice_now") and (was_used or invoices.waiting_lines(world, subscription)):
        invoice = bill(world, subscription, was_used, now)
        if invoice["status"] == "open":
            invoices.collect(world, invoice, subscription)
    return subscription


def retrieve(world: World, ids: Params, _params: Params) -> Object:
    return world.named("subscription", ids["subscription"])


def list_all(world: World, _ids: Params, params: Params) -> Object:
    found = world.store.find("subscription", customer=params.get("customer"))
    if "test_clock" in params or "customer" not in params:
        found = [each for each in found if each["test_clock"] == params.get("test_clock")]
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
    if "current_period_start" in params:
        found = [each for each in found if within(period_of(each)[0], params["current_period_start"])]
    if "current_period_end" in params:
        found = [each for each in found if within(period_of(each)[1], params["current_period_end"])]
    return page(found, params, "/v1/subscriptions")
