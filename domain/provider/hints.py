"""News of the outside: hints at where to look, and whether looking can bring anything new."""

from dataclasses import dataclass
from enum import StrEnum


class EventKind(StrEnum):
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


ABOUT_CUSTOMERS = (EventKind.CONTACT_CHANGED, EventKind.CARD_AND_CONTACT)
"""After these it is looked at the provider for who the customer is."""

MONEY_WENT_BACK = (EventKind.REFUNDED, EventKind.DISPUTED)
"""What is taken note of even when the subscription is over."""


@dataclass(frozen=True)
class EventHint:
    """One message of the provider, by its event id."""

    event: str
    news: EventKind
    object_id: str
    is_choice: bool = False
    """The card that has changed is another one that was chosen, not the same one renewed by its bank."""

    @classmethod
    def of(cls, event: str, news: EventKind, object_id: str) -> "EventHint":
        """The hint as workflows are told it, in words that workers of the release before can read.

        What they cannot read they would drop unheard; a field that they do not know they pass over.
        """
        if news in (EventKind.CARD_CHOSEN, EventKind.CARD_AND_CONTACT):
            return cls(event, EventKind.CARD_CHANGED, object_id, is_choice=True)
        return cls(event, news, object_id)
