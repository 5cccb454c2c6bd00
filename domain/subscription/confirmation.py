"""A payment that waits until the customer has confirmed it to their bank."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from domain.catalog.plans import Selection

KEYS_KEPT = 8
"""So many commands that have waited are remembered with what came of them."""


class ConfirmedAction(StrEnum):
    """What the payment is for."""

    CHANGE_PLAN = "change_plan"
    CONVERT = "convert"
    SIGN_UP = "sign_up"
    RETRY_PAYMENT = "retry_payment"
    """Of what is owed: the bill is open anyway, so nothing has to be withdrawn, and the ladder goes on."""


@dataclass(frozen=True)
class Confirmation:
    """What waits, where it is confirmed and until when. A subscription has one at most."""

    action: ConfirmedAction
    url: str
    """The bill's page at the provider."""
    expires_at: datetime
    """Then it is withdrawn; the provider's own end is this or later."""
    invoice_ref: str
    agreement_ref: str
    """The agreement that the bill is of; it is the subscription's own only when a change of plan waits."""
    command: str = ""
    """The key of the command that asked, so that a repeat of it is answered as things stand."""
    key: str = ""
    """Under which the provider was asked for the money."""
    to: Selection | None = None
    """What the subscription is to from then on; None: what it is to already."""
    is_apart: bool = False
    """Its bill is apart from the agreement's own: once it is paid the change is still to be made."""
