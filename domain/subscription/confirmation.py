"""A payment that waits for the customer to confirm it with their bank."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from domain.catalog.plans import Selection

KEYS_KEPT = 8
"""How many commands that waited are remembered with their outcome."""


class ConfirmedAction(StrEnum):
    """What the payment is for."""

    CHANGE_PLAN = "change_plan"
    CONVERT = "convert"
    SIGN_UP = "sign_up"
    RETRY_PAYMENT = "retry_payment"
    """A payment that is owed: its invoice is open anyway, so nothing has to be withdrawn, and the ladder continues."""


@dataclass(frozen=True)
class Confirmation:
    """The waiting payment, where to confirm it and until when. A subscription has one at most."""

    action: ConfirmedAction
    url: str
    """The invoice page at the provider."""
    expires_at: datetime
    """When it is withdrawn; the provider's own expiry is then or later."""
    invoice_ref: str
    agreement_ref: str
    """The agreement of the invoice; it is the subscription's own only if a plan change waits."""
    command: str = ""
    """The key of the requesting command, so that a repeat gets the current state."""
    key: str = ""
    """The idempotency key of the charge."""
    to: Selection | None = None
    """The selection from then on; None: unchanged."""
    is_apart: bool = False
    """Its invoice is separate from the agreement's: once paid, the change is still to be applied."""

    @property
    def is_of_change(self) -> bool:
        """True if another plan waits for the payment; it is the first one where the free plan is left."""
        return self.action is ConfirmedAction.CHANGE_PLAN or self.to is not None
