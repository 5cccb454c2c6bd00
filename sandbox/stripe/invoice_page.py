"""The hosted page of an invoice: what it is for, what is due, and how to pay it or to tell the bank who pays."""

from html import escape

from starlette.responses import Response

from sandbox.stripe.account import MERCHANT
from sandbox.stripe.page_parts import card, card_form, day, days, facts, money, page
from sandbox.stripe.payment_methods import default_of
from sandbox.stripe.store import Object
from sandbox.stripe.world import World

OWED = ("open", "uncollectible")


def show(world: World, invoice: Object, *, problem: str = "", status: int = 200) -> Response:
    is_owed = invoice["status"] in OWED
    due = money(invoice["amount_remaining"] if is_owed else invoice["total"], invoice)
    content = f'<p class="amount">{due}</p><p class="sum"><strong class="badge">{invoice["status"]}</strong>'
    content += f' <span class="quiet">{_since(invoice)}</span></p>'
    content += facts(
        [
            ("From", escape(MERCHANT)),
            ("To", escape(invoice["customer_email"] or "")),
            ("Invoice", escape(invoice["number"])),
            ("Issued", day(invoice["status_transitions"]["finalized_at"] or invoice["created"])),
        ]
    )
    content += _lines(invoice) + f'<p><a href="{escape(invoice["invoice_pdf"])}">Download PDF</a></p>'
    if is_owed:
        content += _pay_form(world, invoice, due)
    return page(f"Invoice {invoice['number']}", content, problem=problem, status=status)


def _since(invoice: Object) -> str:
    moments = invoice["status_transitions"]
    at = moments["paid_at"] or moments["voided_at"]
    return f"on {day(at)}" if at and invoice["status"] in ("paid", "void") else ""


def _lines(invoice: Object) -> str:
    rows = "".join(
        f"<tr><td>{escape(line['description'] or '')}<br>"
        f"<small>{days(line['period']['start'], line['period']['end'])}</small></td>"
        f"<td>{money(line['amount'], invoice)}</td></tr>"
        for line in invoice["lines"]["data"]
    )
    rows += f"<tr><th>Total</th><th>{money(invoice['total'], invoice)}</th></tr>"
    credit = max(0, min(invoice["total"], -(invoice["starting_balance"] or 0)))
    if credit:
        rows += f"<tr><td>Paid from credit</td><td>{money(-credit, invoice)}</td></tr>"
        rows += f"<tr><th>Amount due</th><th>{money(invoice['amount_due'], invoice)}</th></tr>"
    return f"<table><tr><th>For</th><th>Amount</th></tr>{rows}</table>"


def _pay_form(world: World, invoice: Object, due: str) -> str:
    customer = world.store.get(invoice["customer"], "customer")
    if customer is None:
        return "<p>The customer of this invoice was deleted: it cannot be paid here.</p>"
    subscription = world.store.get(invoice["_subscription"], "subscription")
    method = default_of(world, customer, subscription)
    first = f'<option value="">{card(method)}, on file</option>' if method else ""
    payment = world.store.find("invoice_payment", parent=invoice["id"])
    intent = payment and world.store.get(payment[0]["payment"]["payment_intent"], "payment_intent")
    if intent and intent["status"] == "requires_action":
        asked = "<p>Your bank wants to hear from you that it is you who pays.</p>"
        return f"<h2>Confirm the payment</h2>{asked}{card_form(f'Authenticate and pay {due}', first=first)}"
    return f"<h2>Pay this invoice</h2>{card_form(f'Pay {due}', first=first)}"
