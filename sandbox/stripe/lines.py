"""The lines of invoices: whole periods, and parts of them after a change."""

from collections.abc import Sequence
from datetime import UTC, datetime

from domain.money import Money, formatted
from sandbox.stripe.ids import new_id
from sandbox.stripe.meters import cost_of, is_metered, used
from sandbox.stripe.periods import share_left
from sandbox.stripe.store import Object
from sandbox.stripe.world import World


def whole_period(world: World, subscription: Object, *, free: bool = False) -> list[Object]:
    """A line for every item that is paid in advance, and its current period; *free* while it is a trial."""
    return [
        _line(
            subscription,
            item,
            amount=0 if free else amount_of(item),
            text=f"Trial period for {_name(world, item)}" if free else _priced(world, item),
            period=(item["current_period_start"], item["current_period_end"]),
        )
        for item in _paid_in_advance(subscription["items"]["data"])
    ]


def by_use(world: World, subscription: Object, items: Sequence[Object], until: int) -> list[Object]:
    """What was used of these items since their period began, or since they came, until then."""
    return [
        _used_line(world, subscription, item, (max(item["current_period_start"], item["created"]), until))
        for item in items
        if is_metered(item)
    ]


def _used_line(world: World, subscription: Object, item: Object, period: tuple[int, int]) -> Object:
    quantity = used(world, subscription["customer"], item["price"], *period)
    counted = {**item, "quantity": quantity}
    amount = cost_of(item["price"], quantity)
    return _line(subscription, counted, amount=amount, text=_priced(world, counted), period=period)


def counted_anew(world: World, line: Object, customer: str) -> Object:
    """A line for use as it stands now that more may have been told; any other line as it is."""
    details = (line["pricing"] or {}).get("price_details")
    price = world.store.get(details["price"], "price") if details else None
    if price is None or not is_metered({"price": price}):
        return line
    quantity = used(world, customer, price, line["period"]["start"], line["period"]["end"])
    item = {"price": price, "quantity": quantity}
    amount = cost_of(price, quantity)
    return {**line, "quantity": quantity, "amount": amount, "subtotal": amount, "description": _priced(world, item)}


def _paid_in_advance(items: Sequence[Object]) -> list[Object]:
    return [item for item in items if not is_metered(item)]


def first_part(world: World, subscription: Object, end: int, anchor_start: int) -> list[Object]:
    """Lines for a first period that ends early, at the billing anchor."""
    return [
        _line(
            subscription,
            item,
            amount=share_left(anchor_start, end, item["current_period_start"], amount_of(item)),
            text=_priced(world, item),
            period=(item["current_period_start"], end),
            proration=True,
        )
        for item in _paid_in_advance(subscription["items"]["data"])
    ]


def unused(world: World, subscription: Object, items: Sequence[Object], now: int) -> list[Object]:
    """Credits for what is left of the period of these items."""
    return [
        _line(
            subscription,
            item,
            amount=share_left(item["current_period_start"], item["current_period_end"], now, -amount_of(item)),
            text=f"Unused time on {_counted(world, item)} after {_day(now)}",
            period=(now, item["current_period_end"]),
            proration=True,
        )
        for item in _paid_in_advance(items)
    ]


def remaining(world: World, subscription: Object, items: Sequence[Object], now: int) -> list[Object]:
    """Charges for what is left of the period of these items."""
    return [
        _line(
            subscription,
            item,
            amount=share_left(item["current_period_start"], item["current_period_end"], now, amount_of(item)),
            text=f"Remaining time on {_counted(world, item)} after {_day(now)}",
            period=(now, item["current_period_end"]),
            proration=True,
        )
        for item in _paid_in_advance(items)
    ]


def amount_of(item: Object) -> int:
    return cost_of(item["price"], item["quantity"])


def _name(world: World, item: Object) -> str:
    product = world.store.get(item["price"]["product"], "product")
    return str(product["name"]) if product else "subscription"


def _counted(world: World, item: Object) -> str:
    many = f"{item['quantity']} × " if item["quantity"] != 1 else ""
    return f"{many}{_name(world, item)}"


def _priced(world: World, item: Object) -> str:
    price = item["price"]
    rule = price["transform_quantity"]
    per = f" / {price['recurring']['interval']}"
    if is_metered(item):
        per = f" for {rule['divide_by']}" if rule else " each"
    at = f"{formatted(Money(price['unit_amount'], price['currency']))}{per}"
    return f"{item['quantity']} × {_name(world, item)} (at {at})"


def _day(moment: int) -> str:
    return datetime.fromtimestamp(moment, UTC).strftime("%d %b %Y")


def _line(
    subscription: Object,
    item: Object,
    *,
    amount: int,
    text: str,
    period: tuple[int, int],
    proration: bool = False,
) -> Object:
    price = item["price"]
    return {
        "id": new_id("il"),
        "object": "line_item",
        "amount": amount,
        "currency": price["currency"],
        "description": text,
        "discount_amounts": [],
        "discountable": not proration,
        "discounts": [],
        "invoice": None,
        "livemode": False,
        "metadata": subscription["metadata"],
        "parent": {
            "invoice_item_details": None,
            "subscription_item_details": {
                "invoice_item": None,
                "proration": proration,
                "proration_details": {"credited_items": None},
                "subscription": subscription["id"],
                "subscription_item": item["id"],
            },
            "type": "subscription_item_details",
        },
        "period": {"start": period[0], "end": period[1]},
        "pretax_credit_amounts": [],
        "pricing": {
            "price_details": {"price": price["id"], "product": price["product"]},
            "type": "price_details",
            "unit_amount_decimal": price["unit_amount_decimal"],
        },
        "quantity": item["quantity"],
        "subtotal": amount,
        "taxes": [],
    }


def keep_for_next_invoice(world: World, subscription: Object, waiting: Sequence[Object]) -> None:
    for line in waiting:
        world.store.save(
            {
                "id": new_id("ii"),
                "object": "invoice_item",
                "_customer": subscription["customer"],
                "_subscription": subscription["id"],
                "_line": line,
            }
        )
