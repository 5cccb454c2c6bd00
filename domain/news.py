"""News of the outside: hints at where to look, and whether looking can bring anything new."""

from dataclasses import dataclass
from enum import StrEnum

from domain.subscription import Subscription


class News(StrEnum):
    """What a message of the provider may mean."""

    BILL_PAID = "bill_paid"
    BILL_FAILED = "bill_failed"
    BILL_CLOSED = "bill_closed"
    """Voided or written off."""
    AGREEMENT_ENDED = "agreement_ended"
    CARD_GIVEN = "card_given"
    """A checkout was completed: a card waits to be put on file."""
    CARD_CHANGED = "card_changed"
    CARD_CHOSEN = "card_chosen"
    """Another card was made the one to be charged, by the customer or by somebody at the provider's dashboard."""
    CONTACT_CHANGED = "contact_changed"
    """The customer's address or name was changed; no subscription is told of it, for it is about the customer."""
    CARD_AND_CONTACT = "card_and_contact"
    """Another card was chosen and the address or name was changed, or it does not tell which of them."""
    REFUNDED = "refunded"
    DISPUTED = "disputed"
    """A dispute was opened, has moved on, or was closed."""
    LIFE_RESTORED = "life_restored"
    """Not the provider's: a lost workflow was started again, and must look before it does anything."""


ABOUT_CUSTOMERS = (News.CONTACT_CHANGED, News.CARD_AND_CONTACT)
"""After these it is looked at the provider for who the customer is."""

MONEY_WENT_BACK = (News.REFUNDED, News.DISPUTED)
"""What is taken note of even when the subscription is over."""


@dataclass(frozen=True)
class Hint:
    """One message of the provider, by its event id."""

    event: str
    news: News
    object_id: str
    is_choice: bool = False
    """The card that has changed is another one that was chosen, not the same one renewed by its bank."""

    @classmethod
    def of(cls, event: str, news: News, object_id: str) -> "Hint":
        """The hint as workflows are told it, in words that workers of the release before can read.

        What they cannot read they would drop unheard; a field that they do not know they pass over.
        """
        if news in (News.CARD_CHOSEN, News.CARD_AND_CONTACT):
            return cls(event, News.CARD_CHANGED, object_id, is_choice=True)
        return cls(event, news, object_id)


def is_worth_a_look(subscription: Subscription, hint: Hint) -> bool:
    """False when the subscription knows already what the hint can tell: an echo of its own doing."""
    if subscription.is_over or hint.news is News.CONTACT_CHANGED:
        return hint.news in MONEY_WENT_BACK
    recovery = subscription.recovery
    match hint.news:
        case News.BILL_PAID | News.BILL_CLOSED:
            return hint.object_id != subscription.settled_invoice
        case News.BILL_FAILED:
            return bool(subscription.agreement_ref) and (recovery is None or recovery.invoice_ref != hint.object_id)
        case News.AGREEMENT_ENDED:
            return hint.object_id == subscription.agreement_ref
        case News.CARD_CHOSEN | News.CARD_AND_CONTACT | News.CARD_CHANGED:
            is_choice = hint.is_choice or hint.news is not News.CARD_CHANGED
            return not is_choice or subscription.card is None or hint.object_id != subscription.card.ref
        case News.CARD_GIVEN | News.REFUNDED | News.DISPUTED | News.LIFE_RESTORED:
            return True
