"""Invoices: draft, finalised, paid or not."""

from collections.abc import Sequence

from gateways.stripe.minimum_charges import SMALLEST_CHARGES
from sandbox.stripe.blank_invoice import blank
from sandbox.stripe.cards import Decline
from sandbox.stripe.ids import new_id
from sandbox.stripe.lines import counted_anew
from sandbox.stripe.lists import list_of
from sandbox.stripe.payment_methods import default_of
from sandbox.stripe.payments import Due, cancel_intent, open_intent, settle
from sandbox.stripe.store import Object
from sandbox.stripe.world import World

NO_CARD = (
    "This customer has no attached payment source or default payment method. Please consider adding a default "
    "payment method. For more information, visit https://stripe.com/docs/billing/subscriptions/"
    "payment-methods-setting#payment-method-priority."
)


def save(world: World, invoice: Object) -> Object:
    """Write it; a draft that advances automatically is due when it is to be finalised."""
    moves = invoice["status"] == "draft" and invoice["auto_advance"]
    return world.store.save(invoice, due=invoice["automatically_finalizes_at"] if moves else None)


def waiting_lines(world: World, subscription: Object) -> list[Object]:
    """The prorations and invoice items for the next invoice."""
    items = world.store.find("invoice_item", parent=subscription["id"], newest_first=False)
    return [item["_line"] for item in [*items, *_pending(world, subscription)]]


def _pending(world: World, subscription: Object) -> list[Object]:
    """The invoice items that are on no invoice yet."""
    made = world.store.find("invoiceitem", parent=subscription["id"], newest_first=False)
    return [item for item in made if item["invoice"] is None]


def draft(world: World, subscription: Object, lines: Sequence[Object], reason: str, period: tuple[int, int]) -> Object:
    """Create the subscription's `latest_invoice`, a draft with these lines and the pending prorations."""
    invoice = assembled(world, subscription, [*waiting_lines(world, subscription), *lines], reason, period)
    invoice["automatically_finalizes_at"] = invoice["created"] + world.finalize_after
    for item in world.store.find("invoice_item", parent=subscription["id"]):
        world.store.forget(item["id"])
    for item in _pending(world, subscription):
        world.store.save({**item, "invoice": invoice["id"]})
    save(world, invoice)
    world.events.emit("invoice.created", invoice, customer=invoice["customer"])
    return invoice


def assembled(
    world: World, subscription: Object, lines: Sequence[Object], reason: str, period: tuple[int, int]
) -> Object:
    """An unsaved draft with these lines."""
    customer = world.named("customer", subscription["customer"])
    invoice = blank(subscription, customer, world.now(customer["id"]))
    url = f"/v1/invoices/{invoice['id']}/lines"
    invoice["lines"] = list_of([{**line, "invoice": invoice["id"]} for line in lines], url)
    invoice.update(billing_reason=reason, period_start=period[0], period_end=period[1])
    add_up(invoice)
    return invoice


def add_up(invoice: Object) -> None:
    """Set the totals from its lines."""
    total = sum(line["amount"] for line in invoice["lines"]["data"])
    invoice.update(
        subtotal=total,
        subtotal_excluding_tax=total,
        total=total,
        total_excluding_tax=total,
        amount_due=max(0, total),
        amount_remaining=max(0, total),
    )


def shared(owed: int, currency: str) -> tuple[int, int]:
    """The amount due of a debt, and the new balance: less than Stripe's minimum stays on the balance."""
    return (0, owed) if owed < SMALLEST_CHARGES.get(currency, 0) else (owed, 0)


def finalize(world: World, invoice: Object) -> None:
    """Finalise it with its number and amount; it is open now."""
    customer = world.named("customer", invoice["customer"])
    now = world.now(customer["id"])
    # Usage that was reported since the draft was created is on it too.
    invoice["lines"]["data"] = [counted_anew(world, each, customer["id"]) for each in invoice["lines"]["data"]]
    add_up(invoice)
    due, left = shared(invoice["total"] + customer["balance"], invoice["currency"])
    invoice["starting_balance"] = customer["balance"]
    invoice["ending_balance"] = left
    invoice["number"] = f"{customer['invoice_prefix']}-{customer['next_invoice_sequence']:04}"
    customer["next_invoice_sequence"] += 1
    customer["balance"] = left
    customer["currency"] = invoice["currency"]
    world.store.save(customer)
    invoice.update(
        status="open",
        effective_at=now,
        amount_due=due,
        amount_remaining=due,
        automatically_finalizes_at=None,
        hosted_invoice_url=f"{world.base_url}/i/{invoice['id']}",
        invoice_pdf=f"{world.base_url}/i/{invoice['id']}/pdf",
    )
    invoice["status_transitions"]["finalized_at"] = now
    save(world, invoice)
    world.events.emit("invoice.finalized", invoice, customer=customer["id"])


def due_of(invoice: Object) -> Due:
    reason = "creation" if invoice["billing_reason"] == "subscription_create" else "update"
    return Due(invoice["customer"], invoice["amount_remaining"], invoice["currency"], f"Subscription {reason}")


def payment_of(world: World, invoice: Object) -> Object | None:
    """Its payment; exists if there is an amount to pay."""
    payments = world.store.find("invoice_payment", parent=invoice["id"])
    return payments[0] if payments else None


def _open_payment(world: World, invoice: Object, method: Object | None) -> Object:
    payment = payment_of(world, invoice)
    if payment is not None:
        return payment
    intent = open_intent(world, due_of(invoice), method)
    return world.store.save(
        {
            "id": new_id("inpay"),
            "object": "invoice_payment",
            "amount_paid": None,
            "amount_requested": invoice["amount_remaining"],
            "created": world.now(invoice["customer"]),
            "currency": invoice["currency"],
            "invoice": invoice["id"],
            "is_default": True,
            "livemode": False,
            "payment": {"payment_intent": intent["id"], "type": "payment_intent"},
            "status": "open",
            "status_transitions": {"canceled_at": None, "paid_at": None},
            "_customer": invoice["customer"],
        }
    )


def intent_of(world: World, invoice: Object) -> Object | None:
    payment = payment_of(world, invoice)
    return world.named("payment_intent", payment["payment"]["payment_intent"]) if payment else None


def record_attempt(world: World, invoice: Object, method: Object | None, refusal: Decline | None) -> bool:
    """Record an attempt to collect an open invoice; returns whether it was paid. Without *method* it fails."""
    if not invoice["amount_remaining"]:
        _paid(world, invoice)
        return True
    payment = _open_payment(world, invoice, method)
    intent = world.named("payment_intent", payment["payment"]["payment_intent"])
    # It would only grow by Stripe's own retries, and these are off.
    invoice["attempt_count"] = 1
    invoice["attempted"] = True
    if method is not None:
        settle(world, intent, method, refusal)
    if method is not None and refusal is None:
        _paid(world, invoice, payment)
        return True
    save(world, invoice)
    customer = invoice["customer"]
    if refusal is not None and refusal.wants_customer:
        world.events.emit("invoice.payment_action_required", invoice, customer=customer)
    world.events.emit("invoice.payment_failed", invoice, customer=customer)
    return False


def _paid(world: World, invoice: Object, payment: Object | None = None) -> None:
    now = world.now(invoice["customer"])
    amount = invoice["amount_remaining"]
    if payment is not None:
        payment.update(status="paid", amount_paid=amount)
        payment["status_transitions"]["paid_at"] = now
        world.store.save(payment)
    invoice.update(
        status="paid",
        attempted=True,
        auto_advance=False,
        amount_paid=invoice["amount_paid"] + amount,
        amount_remaining=0,
        next_payment_attempt=None,
    )
    invoice["status_transitions"]["paid_at"] = now
    save(world, invoice)
    world.events.emit("invoice.paid", invoice, customer=invoice["customer"])


def collect(
    world: World, invoice: Object, subscription: Object | None, *, method: Object | None = None, present: bool = False
) -> Decline | None:
    """Try to collect an open invoice; returns why it was declined, if it was."""
    customer = world.named("customer", invoice["customer"])
    method = method or default_of(world, customer, subscription)
    refusal = None
    if method is not None and invoice["amount_remaining"]:
        refusal = world.bank.answer(customer["id"], method, present=present)
    record_attempt(world, invoice, method, refusal)
    return refusal


def close(world: World, invoice: Object, status: str) -> None:
    """Void it or write it off."""
    now = world.now(invoice["customer"])
    if status == "void" and invoice["status"] != "draft":
        _give_back_balance(world, invoice)
    moment = {"void": "voided_at", "uncollectible": "marked_uncollectible_at"}[status]
    invoice.update(status=status, auto_advance=False, automatically_finalizes_at=None)
    invoice["status_transitions"][moment] = now
    payment = payment_of(world, invoice)
    if status == "void" and payment is not None:
        payment["status"] = "canceled"
        payment["status_transitions"]["canceled_at"] = now
        world.store.save(payment)
        cancel_intent(world, world.named("payment_intent", payment["payment"]["payment_intent"]), "void_invoice")
    save(world, invoice)
    kind = {"void": "invoice.voided", "uncollectible": "invoice.marked_uncollectible"}[status]
    world.events.emit(kind, invoice, customer=invoice["customer"])


def _give_back_balance(world: World, invoice: Object) -> None:
    used = invoice["starting_balance"] - invoice["ending_balance"]
    if used:
        customer = world.named("customer", invoice["customer"])
        customer["balance"] += used
        world.store.save(customer)
