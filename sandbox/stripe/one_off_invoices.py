"""One-off invoices without a subscription: lines are added, then they are finalised."""

from sandbox.stripe import invoices
from sandbox.stripe.blank_invoice import blank
from sandbox.stripe.errors import invalid
from sandbox.stripe.ids import new_id
from sandbox.stripe.invoice_items import line_of
from sandbox.stripe.lists import list_of
from sandbox.stripe.params import FLAG, METADATA, TEXT, WHOLE, Many, Params, Shape, Text, merged_metadata
from sandbox.stripe.payment_methods import owned
from sandbox.stripe.store import Object
from sandbox.stripe.world import World

CREATE = Shape(
    {
        "customer": TEXT,
        "currency": TEXT,
        "collection_method": Text("charge_automatically"),
        "auto_advance": FLAG,
        "pending_invoice_items_behavior": Text("exclude"),
        "default_payment_method": TEXT,
        "metadata": METADATA,
    },
    required=["customer"],
)
LINE = Shape(
    {
        "amount": WHOLE,
        "description": TEXT,
        "discountable": FLAG,
        "period": Shape({"start": WHOLE, "end": WHOLE}, required=["start", "end"]),
    },
    required=["amount"],
)
ADD_LINES = Shape({"lines": Many(LINE)}, required=["lines"])
FINALIZE = Shape({"auto_advance": FLAG})


def create(world: World, _ids: Params, params: Params) -> Object:
    customer = world.given("customer", params["customer"], "customer")
    now, reference = world.now(customer["id"]), new_id("in")
    currency = params.get("currency") or customer["currency"] or "usd"
    nothing: Object = {"id": None, "metadata": {}, "latest_invoice": reference, "currency": currency}
    invoice = blank(nothing, customer, now)
    if "default_payment_method" in params:
        card = owned(world, params["default_payment_method"], customer["id"], "default_payment_method")
        invoice["default_payment_method"] = card["id"]
    invoice.update(
        parent=None,
        billing_reason="manual",
        auto_advance=params.get("auto_advance", False),
        automatically_finalizes_at=None,
        metadata=merged_metadata({}, params.get("metadata", {})),
        lines=list_of([], f"/v1/invoices/{reference}/lines"),
        period_start=now,
        period_end=now,
    )
    invoices.save(world, invoice)
    world.events.emit("invoice.created", invoice, customer=customer["id"])
    return invoice


def add_lines(world: World, ids: Params, params: Params) -> Object:
    invoice = _draft(world, ids)
    added = [_line(invoice, given) for given in params["lines"]]
    invoice["lines"]["data"] = [*invoice["lines"]["data"], *added]
    invoices.add_up(invoice)
    return invoices.save(world, invoice)


def _line(invoice: Object, given: Params) -> Object:
    start = invoice["created"]
    item: Object = {
        "id": new_id("ii"),
        "amount": given["amount"],
        "currency": invoice["currency"],
        "description": given.get("description"),
        "metadata": {},
        "period": given.get("period", {"start": start, "end": start}),
        "_subscription": None,
    }
    discountable = given.get("discountable", given["amount"] > 0)
    return {**line_of(item), "invoice": invoice["id"], "discountable": discountable}


def finalize(world: World, ids: Params, _params: Params) -> Object:
    """Finalise it; one without an amount due is paid at once, and a credit goes to the customer's balance."""
    invoice = _draft(world, ids)
    invoices.finalize(world, invoice)
    if not invoice["amount_remaining"]:
        invoices.record_attempt(world, invoice, None, None)
    return invoice


def _draft(world: World, ids: Params) -> Object:
    invoice = world.named("invoice", ids["invoice"], param="invoice")
    if invoice["status"] != "draft":
        raise invalid(f"This invoice is already finalized: it is {invoice['status']}.", param="invoice")
    return invoice
