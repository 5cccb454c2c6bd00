"""Provider events as hints: what may have changed and where to look."""

from dataclasses import dataclass
from enum import StrEnum


class EventKind(StrEnum):
    """What an event from the provider may mean."""

    INVOICE_PAID = "bill_paid"
    INVOICE_FAILED = "bill_failed"
    INVOICE_CLOSED = "bill_closed"
    """Voided or written off."""
    AGREEMENT_ENDED = "agreement_ended"
    CARD_GIVEN = "card_given"
    """A checkout was completed: its card is to be put on file."""
    CARD_CHANGED = "card_changed"
    CARD_CHOSEN = "card_chosen"
    """The customer, or somebody at the provider's dashboard, chose another default card."""
    CONTACT_CHANGED = "contact_changed"
    """The customer's address or name was changed. It concerns the customer, so it goes to no subscription."""
    CARD_AND_CONTACT = "card_and_contact"
    """The default card, the address or the name changed; the event does not always say which."""
    REFUNDED = "refunded"
    DISPUTED = "disputed"
    """A dispute was opened, updated or closed."""
    LIFE_RESTORED = "life_restored"
    """Not from the provider: a lost workflow was restarted and must check the provider before anything else."""


ABOUT_CUSTOMERS = (EventKind.CONTACT_CHANGED, EventKind.CARD_AND_CONTACT)
"""After these, the customer's contact data is read from the provider."""

MONEY_WENT_BACK = (EventKind.REFUNDED, EventKind.DISPUTED)
"""Processed even when the subscription is over."""


@dataclass(frozen=True)
class EventHint:
    """A hint, identified by its event id."""

    event: str
    news: EventKind
    object_id: str
    is_choice: bool = False
    """The customer chose another card; the bank did not just renew the same one."""

    @classmethod
    def of(cls, event: str, news: EventKind, object_id: str) -> "EventHint":
        """Returns the hint for workflows, in a form that workers of the previous release can read.

        They would drop a kind they do not know, but ignore an unknown field.
        """
        if news in (EventKind.CARD_CHOSEN, EventKind.CARD_AND_CONTACT):
            return cls(event, EventKind.CARD_CHANGED, object_id, is_choice=True)
        return cls(event, news, object_id)
