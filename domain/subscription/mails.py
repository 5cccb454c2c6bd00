"""Builds the mails of a step: occasion, key and facts."""

from datetime import datetime
from json import dumps

from domain.catalog.plans import Selection
from domain.formatting import moment
from domain.notifications.mail_types import Mail, Occasion
from domain.provider.payments import Charge, Invoice
from domain.subscription.state import Subscription

INVOICE_NUMBER = "invoice_number"
"""The fact, of mails and journal entries, by which an invoice is told from others."""


def mail(
    subscription: Subscription,
    occasion: Occasion,
    now: datetime,
    *,
    occasion_key: str | None = None,
    **facts: str,
) -> Mail:
    """Returns a mail about the subscription after the step; its key makes it unique per occasion."""
    common = {
        "plan": subscription.plan,
        "plan_name": subscription.plan_name,
        "interval": str(subscription.interval),
        "amount": str(subscription.amount),
        "currency": subscription.currency,
        "access": str(subscription.access),
        "has_card": "yes" if subscription.has_chargeable_card else "no",
    }
    if subscription.card_is_barred:
        common["card_is_barred"] = "yes"
    if subscription.card is not None:
        common |= {"card_brand": subscription.card.brand, "card_last4": subscription.card.last4}
    # Without its own key, a mail is unique per step, which happens once.
    key = f"{occasion}/{occasion_key or subscription.sequence}"
    return Mail(key, occasion, now, common | facts)


def price_facts(selection: Selection) -> dict[str, str]:
    """Returns what a period of a selection costs, where that is another than the current one."""
    total = selection.total
    return {"amount": str(total.amount), "currency": total.currency, "interval": str(selection.interval)}


def receipt(subscription: Subscription, charge: Charge, now: datetime) -> list[Mail]:
    """Returns the receipt for a paid invoice: one per invoice, however the payment was found."""
    invoice = charge.invoice
    if invoice is None or invoice.amount == 0:
        return []
    facts = invoice_facts(invoice, charge.period_end) | _bill_facts(invoice, charge.period_start)
    facts |= card_left_out(subscription, charge)
    return [mail(subscription, Occasion.RECEIPT, now, occasion_key=invoice.ref, **facts)]


def card_left_out(subscription: Subscription, charge: Charge) -> dict[str, str]:
    """Returns the facts by which a mail about a payment names no card, if another than the one on file has paid.

    Only the reference of that card is known.
    """
    card = subscription.card
    return {} if card is None or charge.paid_with in ("", card.ref) else {"card_brand": "", "card_last4": ""}


def _bill_facts(invoice: Invoice, period_start: datetime | None) -> dict[str, str]:
    """Returns what the amount is made of, as far as it is known."""
    instants = {"paid_at": invoice.paid_at, "period_start": period_start}
    amounts = {
        "invoice_total": invoice.total,
        "credit_applied": invoice.credit_applied,
        "discount": invoice.discount,
        "tax": invoice.tax,
    }
    facts = {name: moment(at) for name, at in instants.items() if at is not None}
    facts |= {name: str(amount) for name, amount in amounts.items() if amount}
    if invoice.tax:
        facts["tax_included"] = "yes" if invoice.tax_is_included else "no"
    if invoice.lines_add_up:
        facts["lines"] = dumps([[line.text, line.amount] for line in invoice.lines], ensure_ascii=False)
    return facts


def provider_key(charge: Charge) -> dict[str, str]:
    """Returns the idempotency key of a charge, for the journal."""
    return {"provider_key": charge.key} if charge.key else {}


def invoice_facts(invoice: Invoice, period_end: datetime | None) -> dict[str, str]:
    facts = {
        "amount": str(invoice.amount),
        "currency": invoice.currency,
        INVOICE_NUMBER: invoice.number or invoice.ref,
        "invoice_url": invoice.url,
        "invoice_pdf": invoice.pdf,
    }
    if period_end is not None:
        facts["period_end"] = moment(period_end)
    return facts
