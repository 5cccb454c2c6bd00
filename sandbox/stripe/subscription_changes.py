"""Changing a subscription: its plan, its pause, its end."""

import copy
from collections.abc import Sequence
from dataclasses import dataclass, field

from sandbox.stripe import invoices, lines, pending_updates
from sandbox.stripe.errors import invalid
from sandbox.stripe.events import shown
from sandbox.stripe.meters import is_metered
from sandbox.stripe.params import (
    CLEAR,
    FLAG,
    METADATA,
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
from sandbox.stripe.store import Object
from sandbox.stripe.subscription_calls import DETAILS, retrieve
from sandbox.stripe.subscriptions import (
    RUNNING,
    ask_bank,
    bill,
    end_of_period,
    items_list,
    new_item,
    owed,
    period_of,
    priced,
    quantity_of,
    save,
    set_cancel_at_period_end,
    status_follows,
    unpayable,
    updated,
    with_period,
)
from sandbox.stripe.world import World

ITEM = Shape({"id": TEXT, "price": TEXT, "quantity": WHOLE, "deleted": FLAG, "metadata": METADATA})
_PAUSE = Shape(
    {"behavior": Text("void", "keep_as_draft", "mark_uncollectible"), "resumes_at": WHOLE}, required=["behavior"]
)
ANCHOR = Shape({"type": Text("now", "unchanged")}, required=["type"])
UPDATE = Shape(
    {
        "metadata": METADATA,
        "description": Clearable(TEXT),
        "default_payment_method": Clearable(TEXT),
        "cancel_at_period_end": FLAG,
        "cancel_at": Clearable(WHOLE),
        "cancellation_details": DETAILS,
        "pause_collection": Clearable(_PAUSE),
        "items": Many(ITEM),
        "billing_cycle_anchor": ANCHOR,
        "trial_end": Either(Text("now"), WHOLE),
        "proration_behavior": Text("create_prorations", "always_invoice", "none"),
        "proration_date": WHOLE,
        "payment_behavior": Text("allow_incomplete", "error_if_incomplete", pending_updates.BEHAVIOR),
        "off_session": FLAG,
    }
)
_AFTER_END = {"metadata", "cancellation_details"}


@dataclass
class Change:
    """The cost of a new plan: lines to bill now, and lines for the next invoice."""

    now: list[Object] = field(default_factory=list)
    later: list[Object] = field(default_factory=list)
    bills: bool = False


def update(world: World, ids: Params, params: Params) -> Object:
    subscription = retrieve(world, ids, params)
    if subscription["status"] in ("canceled", "incomplete_expired") and params.keys() - _AFTER_END:
        raise invalid(
            "A canceled subscription can only update its cancellation_details and metadata.",
            code="invalid_canceled_subscription_fields",
        )
    if params.get("payment_behavior") == pending_updates.BEHAVIOR:
        pending_updates.check_supported(params)
    if params.keys() & pending_updates.REPLACING:
        pending_updates.discard(world, subscription)
    before, was = shown(subscription), copy.deepcopy(subscription)
    _apply_plain(world, subscription, params)
    change = apply_plan(world, subscription, params)
    if change.bills:
        _bill(world, subscription, change, params, was)
    else:
        lines.keep_for_next_invoice(world, subscription, change.later)
        save(world, subscription)
        updated(world, subscription, before)
    return world.named("subscription", subscription["id"])


def _bill(world: World, subscription: Object, change: Change, params: Params, was: Object) -> None:
    strict = params.get("payment_behavior") == "error_if_incomplete"
    customer = world.named("customer", subscription["customer"])
    if subscription["pause_collection"]:
        method, refusal = None, None
    elif strict or default_of(world, customer, subscription):
        method, refusal = ask_bank(world, subscription, change.now)
        if refusal and strict:
            raise unpayable(world, subscription, change.now, method, refusal)
    else:
        method, refusal = None, None
    is_unpaid = refusal or (method is None and owed(world, customer, subscription, change.now) > 0)
    waits = params.get("payment_behavior") == pending_updates.BEHAVIOR and is_unpaid
    if waits and not subscription["pause_collection"]:
        pending_updates.hold_back(world, subscription, was, params)
    invoice = bill(world, subscription, change.now, world.now(customer["id"]))
    if subscription["pending_update"]:
        pending_updates.belongs_to(world, subscription, invoice)
    updated(world, subscription, shown(was))
    if invoice["status"] == "open":
        invoices.record_attempt(world, invoice, method, refusal)
    status_follows(world, invoice)


def _apply_plain(world: World, subscription: Object, params: Params) -> None:
    if "metadata" in params:
        subscription["metadata"] = merged_metadata(subscription["metadata"], params["metadata"])
    if "description" in params:
        subscription["description"] = params["description"] or None
    for name, value in params.get("cancellation_details", {}).items():
        subscription["cancellation_details"][name] = value or None
    if "default_payment_method" in params:
        _set_card(world, subscription, params["default_payment_method"])
    if "pause_collection" in params:
        pause = params["pause_collection"]
        subscription["pause_collection"] = None if pause == CLEAR else {"resumes_at": None, **pause}
    if "cancel_at" in params:
        _set_cancel_at(world, subscription, params["cancel_at"])
    if "cancel_at_period_end" in params:
        wanted = params["cancel_at_period_end"]
        if wanted != subscription["cancel_at_period_end"]:
            set_cancel_at_period_end(world, subscription, wanted=wanted)


def _set_card(world: World, subscription: Object, reference: str) -> None:
    if reference == CLEAR:
        subscription["default_payment_method"] = None
        return
    method = owned(world, reference, subscription["customer"], "default_payment_method")
    subscription["default_payment_method"] = method["id"]
    world.bank.card_came_on_file(subscription["customer"], method["id"])


def _set_cancel_at(world: World, subscription: Object, moment: int | str) -> None:
    now = world.now(subscription["customer"])
    if moment == CLEAR:
        subscription.update(cancel_at=None, canceled_at=None, cancel_at_period_end=False)
    elif isinstance(moment, int) and moment > now:
        subscription.update(cancel_at=moment, canceled_at=now, cancel_at_period_end=False)
    else:
        raise invalid("`cancel_at` must be a timestamp in the future.", param="cancel_at")


def apply_plan(world: World, subscription: Object, params: Params) -> Change:
    """Apply the new items and period and return their cost."""
    now = world.now(subscription["customer"])
    old = copy.deepcopy(subscription)
    new = _new_items(world, subscription, params.get("items", []), now)
    trial_over = _apply_trial(subscription, params.get("trial_end"), now)
    prorates = params.get("proration_behavior", "create_prorations") != "none"
    free = old["status"] == "trialing"
    restarts = _interval(new) != _interval(old["items"]["data"]) and not free
    moment = _proration_date(old, params, now)
    if trial_over or restarts or _begins_now(params):
        return _restart(world, old, subscription, new, now, credit_from=moment if prorates and not free else None)
    subscription["items"] = items_list(subscription["id"], with_period(new, *_period(subscription, new)))
    if free or not prorates or subscription["status"] not in RUNNING:
        return Change()
    parts = _parts(world, old, subscription, moment)
    if params.get("proration_behavior") == "always_invoice" and parts:
        return Change(now=parts, bills=True)
    return Change(later=parts)


def _begins_now(params: Params) -> bool:
    return params.get("billing_cycle_anchor") == {"type": "now"}


def _proration_date(subscription: Object, params: Params, now: int) -> int:
    moment: int = params.get("proration_date", now)
    start, end = period_of(subscription)
    if "proration_date" in params and not start <= moment < end:
        raise invalid("Cannot specify a proration date outside of the current billing period.", param="proration_date")
    return moment


def _period(subscription: Object, new: Sequence[Object]) -> tuple[int, int]:
    start, end = period_of(subscription)
    if subscription["status"] == "trialing" and subscription["trial_end"] is not None:
        return start, subscription["trial_end"]
    return start, end if new else start


def _interval(items: Sequence[Object]) -> tuple[str, int]:
    recurring = items[0]["price"]["recurring"]
    return recurring["interval"], recurring["interval_count"]


def _new_items(world: World, subscription: Object, given: Sequence[Params], now: int) -> list[Object]:
    items = {each["id"]: copy.deepcopy(each) for each in subscription["items"]["data"]}
    for n, change in enumerate(given):
        param = f"items[{n}]"
        reference = change.get("id")
        if reference is None:
            if "price" not in change:
                raise invalid(
                    f"Missing required param: {param}[price].", param=f"{param}[price]", code="parameter_missing"
                )
            added = new_item(world, subscription["id"], change, param, now)
            items[added["id"]] = added
        elif reference not in items:
            raise invalid(f"No such subscription item: '{reference}'", param=f"{param}[id]", code="resource_missing")
        elif change.get("deleted"):
            del items[reference]
        else:
            _change_item(world, items[reference], change, param, now)
    if not items:
        raise invalid("A subscription must have at least one active item.", param="items")
    return list(items.values())


def _change_item(world: World, item: Object, change: Params, param: str, now: int) -> None:
    if "price" in change and change["price"] != item["price"]["id"]:
        if is_metered(item) or is_metered({"price": world.given("price", change["price"], f"{param}[price]")}):
            raise invalid(
                "This simulator makes no item one of a metered price, nor of another: delete it and add one.",
                param=f"{param}[price]",
            )
        item.update(priced(new_item(world, item["subscription"], change, param, now)["price"]))
    if "quantity" in change:
        if is_metered(item):
            raise invalid(
                f"Quantity should not be specified where usage type is `metered`. Remove quantity from `{param}`",
                param=f"{param}[quantity]",
            )
        item["quantity"] = quantity_of(change, param)
    if "metadata" in change:
        item["metadata"] = merged_metadata(item["metadata"], change["metadata"])


def _apply_trial(subscription: Object, trial_end: int | str | None, now: int) -> bool:
    """Move the end of a trial; returns whether it is over now."""
    if trial_end is None:
        return False
    if trial_end == "now":
        was_trialing: bool = subscription["status"] == "trialing"
        if was_trialing:
            subscription.update(status="active", trial_end=now)
        return was_trialing
    if not isinstance(trial_end, int) or trial_end <= now:
        raise invalid("Invalid timestamp: must be an integer Unix timestamp in the future.", param="trial_end")
    if subscription["status"] != "trialing":
        raise invalid("This simulator moves the end of running trials only.", param="trial_end")
    subscription.update(trial_end=trial_end, billing_cycle_anchor=trial_end)
    return False


def _restart(
    world: World, old: Object, subscription: Object, new: list[Object], now: int, *, credit_from: int | None
) -> Change:
    """Start a new period now, billed at once; the rest of the old one is credited or, with None, lost."""
    was = old["items"]["data"]
    credit = [] if credit_from is None else lines.unused(world, old, was, credit_from)
    stays = {each["id"] for each in new}
    # Without proration, removed items are not billed.
    counted = [each for each in was if credit_from is not None or each["id"] in stays]
    credit += lines.by_use(world, old, counted if old["status"] != "trialing" else [], now)
    subscription["billing_cycle_anchor"] = now
    placed = with_period(new, now, end_of_period(new[0], now, now))
    subscription["items"] = items_list(subscription["id"], placed)
    if subscription["cancel_at_period_end"]:
        subscription["cancel_at"] = period_of(subscription)[1]
    return Change(now=[*credit, *lines.whole_period(world, subscription)], bills=True)


def _parts(world: World, old: Object, subscription: Object, moment: int) -> list[Object]:
    terms_before = {each["id"]: _terms(each) for each in old["items"]["data"]}
    terms_after = {each["id"]: _terms(each) for each in subscription["items"]["data"]}
    gone = [each for each in old["items"]["data"] if terms_after.get(each["id"]) != _terms(each)]
    come = [each for each in subscription["items"]["data"] if terms_before.get(each["id"]) != _terms(each)]
    was_used = lines.by_use(world, old, gone, world.now(old["customer"]))
    return [*lines.unused(world, old, gone, moment), *was_used, *lines.remaining(world, subscription, come, moment)]


def _terms(item: Object) -> tuple[str, int]:
    return item["price"]["id"], item.get("quantity", 0)
