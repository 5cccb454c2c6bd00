"""Calls about invoices."""

from sandbox.stripe import invoices, pending_updates
from sandbox.stripe.errors import StripeFailure, invalid
from sandbox.stripe.events import changes, shown
from sandbox.stripe.lists import page
from sandbox.stripe.params import FLAG, METADATA, PAGING, RANGE, TEXT, Params, Shape, Text, merged_metadata
from sandbox.stripe.payment_methods import default_of, owned
from sandbox.stripe.store import Object
from sandbox.stripe.subscriptions import payment_refused, status_follows
from sandbox.stripe.world import World

PAY = Shape({"payment_method": TEXT, "off_session": FLAG})
UPDATE = Shape({"metadata": METADATA})
LIST = Shape(
    {
        **PAGING,
        "customer": TEXT,
        "subscription": TEXT,
        "created": RANGE,
        "status": Text("draft", "open", "paid", "uncollectible", "void"),
    }
)

PAYMENT_LIST = Shape(
    {
        **PAGING,
        "invoice": TEXT,
        "payment": Shape({"type": Text("payment_intent"), "payment_intent": TEXT}, required=["type"]),
        "status": Text("canceled", "open", "paid"),
    }
)


def retrieve(world: World, ids: Params, _params: Params) -> Object:
    return world.named("invoice", ids["invoice"], param="invoice")


def update(world: World, ids: Params, params: Params) -> Object:
    invoice = retrieve(world, ids, params)
    before = shown(invoice)
    if "metadata" in params:
        invoice["metadata"] = merged_metadata(invoice["metadata"], params["metadata"])
    world.store.save(invoice)
    changed = changes(before, invoice)
    if changed:
        world.events.emit("invoice.updated", invoice, customer=invoice["customer"], before=changed)
    return invoice


def list_all(world: World, _ids: Params, params: Params) -> Object:
    found = world.store.find("invoice", customer=params.get("customer"), parent=params.get("subscription"))
    if "status" in params:
        found = [each for each in found if each["status"] == params["status"]]
    return page(found, params, "/v1/invoices")


def pay(world: World, ids: Params, params: Params) -> Object:
    invoice = retrieve(world, ids, params)
    _refuse_unpayable(invoice)
    given = params.get("payment_method")
    method = owned(world, given, invoice["customer"], "payment_method") if given else None
    return pay_invoice(world, invoice, method)


def pay_invoice(world: World, invoice: Object, method: Object | None = None, *, present: bool = False) -> Object:
    """Collect an invoice now, with this card or the one on file; customers who are *present* authenticate.

    Raises:
        StripeFailure: it needs no payment, there is no card, or the card refuses.

    """
    _refuse_unpayable(invoice)
    subscription = world.store.get(invoice["_subscription"], "subscription")
    customer = world.named("customer", invoice["customer"])
    method = method or default_of(world, customer, subscription)
    if method is None and invoice["amount_remaining"]:
        raise invalid(invoices.NO_CARD, code="resource_missing")
    if invoice["status"] == "draft":
        invoices.finalize(world, invoice)
    refusal = invoices.collect(world, invoice, subscription, method=method, present=present)
    pending_updates.follow(world, invoice)
    status_follows(world, invoice)
    if refusal is not None:
        intent = invoices.intent_of(world, invoice)
        assert intent is not None, "a refused charge has an intent"  # noqa: S101
        assert method is not None, "only a card can refuse"  # noqa: S101
        raise payment_refused(refusal, intent, method, "invoice_payment_intent_requires_action")
    return invoice


def _refuse_unpayable(invoice: Object) -> None:
    if invoice["status"] == "paid":
        raise StripeFailure(
            400, "invalid_request_error", "Invoice is already paid", ran=True, code="invoice_already_paid"
        )
    if invoice["status"] == "void":
        raise invalid("You can only pay an invoice that is open, but this one has been voided.")


def void(world: World, ids: Params, _params: Params) -> Object:
    return _close(world, retrieve(world, ids, {}), "void", ("open", "uncollectible"))


def mark_uncollectible(world: World, ids: Params, _params: Params) -> Object:
    return _close(world, retrieve(world, ids, {}), "uncollectible", ("open",))


def _close(world: World, invoice: Object, status: str, allowed: tuple[str, ...]) -> Object:
    if invoice["status"] not in allowed:
        raise invalid(
            f"You can only pass in {' or '.join(allowed)} invoices. This invoice is currently {invoice['status']}.",
            param="invoice",
        )
    invoices.close(world, invoice, status)
    pending_updates.follow(world, invoice)
    status_follows(world, invoice)
    return invoice


def list_payments(world: World, _ids: Params, params: Params) -> Object:
    found = world.store.find("invoice_payment", parent=params.get("invoice"))
    intent = params.get("payment", {}).get("payment_intent")
    if intent is not None:
        found = [each for each in found if each["payment"]["payment_intent"] == intent]
    if "status" in params:
        found = [each for each in found if each["status"] == params["status"]]
    return page(found, params, "/v1/invoice_payments")
