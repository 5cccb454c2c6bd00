"""Cards that have paid instead of the card on file: customers give one on an invoice's own page at the provider."""

from domain.provider.payments import Charge, ChargeOutcome
from domain.subscription.state import Subscription


def another_card(subscription: Subscription, charge: Charge) -> str:
    """Returns the payment method that has paid and is to become the card on file; empty: the one on file stays.

    A card that was given after the payment stays. So does one that was given after a decline, if the declined card has
    paid after all: that was our own attempt, whose answer came late.
    """
    card, recovery = subscription.card, subscription.recovery
    if charge.outcome is not ChargeOutcome.PAID or not charge.paid_with:
        return ""
    if card is None:
        return charge.paid_with
    paid_at, since = charge.invoice.paid_at if charge.invoice else None, subscription.card_since
    is_older = since is not None and paid_at is not None and paid_at < since
    was_declined = recovery is not None and charge.paid_with == recovery.card_ref
    return "" if charge.paid_with == card.ref or is_older or was_declined else charge.paid_with
