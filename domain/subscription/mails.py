"""Mails as a step decides them: which occasion, under which key, with which facts."""

from datetime import datetime

from domain.formatting import moment
from domain.notifications.mail_types import Mail, Occasion
from domain.provider.payments import Charge, Invoice
from domain.subscription.state import Subscription


def mail(
    subscription: Subscription,
    occasion: Occasion,
    now: datetime,
    *,
    occasion_key: str | None = None,
    **facts: str,
) -> Mail:
    """A mail about the subscription as it stands after the step; its key makes it one per occasion."""
    told = {
        "plan": subscription.plan,
        "plan_name": subscription.plan_name,
        "interval": str(subscription.interval),
        "amount": str(subscription.amount),
        "currency": subscription.currency,
        "access": str(subscription.access),
        "has_card": "yes" if subscription.card else "no",
    }
    if subscription.card is not None:
        told |= {"card_brand": subscription.card.brand, "card_last4": subscription.card.last4}
    # Without a key of its own an occasion belongs to the step, which happens once.
    key = f"{occasion}/{occasion_key or subscription.sequence}"
    return Mail(key, occasion, now, told | facts)


def receipt(subscription: Subscription, charge: Charge, now: datetime) -> list[Mail]:
    """The receipt for a paid bill: one per bill, whoever learned of the payment first."""
    bill = charge.invoice
    if bill is None or bill.amount == 0:
        return []
    return [mail(subscription, Occasion.RECEIPT, now, occasion_key=bill.ref, **bill_facts(bill, charge.period_end))]


def provider_key(charge: Charge) -> dict[str, str]:
    """Under which key the provider knows a try, for the journal."""
    return {"provider_key": charge.key} if charge.key else {}


def bill_facts(bill: Invoice, period_end: datetime | None) -> dict[str, str]:
    facts = {
        "amount": str(bill.amount),
        "currency": bill.currency,
        "invoice_number": bill.number or bill.ref,
        "invoice_url": bill.url,
        "invoice_pdf": bill.pdf,
    }
    if period_end is not None:
        facts["period_end"] = moment(period_end)
    return facts
