"""Whether following a hint can bring anything new."""

from domain.provider.hints import MONEY_WENT_BACK, EventHint, EventKind
from domain.subscription.state import Subscription


def pays_waived(subscription: Subscription, hint: EventHint) -> bool:
    """True if the hint reports the payment of an invoice that was written off, which is still to be recorded."""
    return hint.news is EventKind.INVOICE_PAID and hint.object_id in subscription.waived_invoices


def is_relevant(subscription: Subscription, hint: EventHint) -> bool:
    """False if the subscription already knows what the hint is about, as with echoes of its own calls."""
    if subscription.is_over or hint.news is EventKind.CONTACT_CHANGED:
        return hint.news in MONEY_WENT_BACK
    recovery = subscription.recovery
    match hint.news:
        case EventKind.INVOICE_PAID | EventKind.INVOICE_CLOSED:
            return hint.object_id != subscription.settled_invoice
        case EventKind.INVOICE_FAILED:
            return bool(subscription.agreement_ref) and (recovery is None or recovery.invoice_ref != hint.object_id)
        case EventKind.AGREEMENT_ENDED:
            return hint.object_id == subscription.agreement_ref
        case EventKind.CARD_CHOSEN | EventKind.CARD_AND_CONTACT | EventKind.CARD_CHANGED:
            is_choice = hint.is_choice or hint.news is not EventKind.CARD_CHANGED
            return not is_choice or subscription.card is None or hint.object_id != subscription.card.ref
        case EventKind.CARD_GIVEN | EventKind.REFUNDED | EventKind.DISPUTED | EventKind.LIFE_RESTORED:
            return True
