"""What moves money, in our own words; no provider's vocabulary."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

HARD_DECLINES = frozenset(
    {
        "authentication_required",
        "highest_risk_level",
        "incorrect_number",
        "lost_card",
        "pickup_card",
        "revocation_of_all_authorizations",
        "revocation_of_authorization",
        "stolen_card",
        "transaction_not_allowed",
    }
)
"""Declines after which the same card must not be tried again (docs.stripe.com/declines/codes)."""

DO_NOT_TRY_AGAIN = "do_not_try_again"


class ChargeOutcome(StrEnum):
    """What came of asking for money."""

    PAID = "paid"
    DECLINED = "declined"
    ACTION_REQUIRED = "action_required"
    """The customer has to authenticate; only they can bring it on."""
    PENDING = "pending"
    """Not decided yet: ask again later."""
    GONE = "gone"
    """There is nothing left to pay: voided, written off, or its agreement has ended."""


class AgreementStatus(StrEnum):
    """How the provider's side of a paid subscription stands."""

    LIVE = "live"
    ENDED = "ended"


@dataclass(frozen=True)
class Card:
    """The card on file, as much of it as may be kept."""

    ref: str
    brand: str
    last4: str
    exp_month: int
    exp_year: int


@dataclass(frozen=True)
class Decline:
    """Why a charge was refused."""

    code: str
    advice: str = ""
    action_url: str = ""
    """Where the customer can authenticate the payment, if that is what is missing."""

    @property
    def is_hard(self) -> bool:
        """True when the same card must not be tried again."""
        return self.code in HARD_DECLINES or self.advice == DO_NOT_TRY_AGAIN


@dataclass(frozen=True)
class Invoice:
    """One bill, as the provider has it now."""

    ref: str
    number: str
    status: str
    """draft, open, paid, void or uncollectible; others may come."""
    amount: int
    currency: str
    url: str = ""
    pdf: str = ""
    attempts: int = 0
    period_start: datetime | None = None
    period_end: datetime | None = None


@dataclass(frozen=True)
class Charge:
    """The answer to one business try of taking money."""

    outcome: ChargeOutcome
    invoice: Invoice | None = None
    decline: Decline | None = None
    agreement_ref: str = ""
    period_start: datetime | None = None
    period_end: datetime | None = None


@dataclass(frozen=True)
class Standing:
    """Everything the provider knows now of one subscription: its card, its agreement, its latest bill."""

    card: Card | None
    agreement: AgreementStatus | None
    """None: there is no agreement yet."""
    latest: Charge | None = None
    """The agreement's newest bill and what has come of it."""


@dataclass(frozen=True)
class Wallet:
    """A customer at the provider, with the card that is charged."""

    customer_ref: str
    card: Card | None
