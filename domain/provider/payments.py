"""What moves money, in our own words; no provider's vocabulary."""

from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from domain.provider.settlement import Settled

NO_CARD = "no_card"
"""The decline of a charge for which no card is on file: the customer has taken it away at the provider."""

UNKNOWN_PAYMENT_METHOD = "unknown_payment_method"
"""The code of a refusal when a payment method is not the customer's, or not any more."""

AUTHENTICATE = "authentication_required"
"""The decline of a charge that the customer must confirm to their bank."""

NO_SUCH_THING = "resource_missing"
"""The code of a refusal when the provider does not know what it was asked about."""

KEY_IS_TAKEN = "idempotency"
"""The code of a refusal when a try was begun in other words under the same key."""

HARD_DECLINES = frozenset(
    {
        AUTHENTICATE,
        "highest_risk_level",
        "incorrect_number",
        "lost_card",
        NO_CARD,
        "pickup_card",
        "revocation_of_all_authorizations",
        "revocation_of_authorization",
        "stolen_card",
        "transaction_not_allowed",
    }
)
"""Declines after which the same card must not be tried again, by the card networks' rules."""

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
    fingerprint: str = field(default="", compare=False)
    """The same for the same card number, whoever gives it; not compared: cards kept earlier lack it."""


@dataclass(frozen=True)
class Decline:
    """Why a charge was refused."""

    code: str
    advice: str = ""
    action_url: str = ""
    """Where the customer can authenticate the payment, if that is what is missing."""
    needs_new_details: bool = False
    """The bank wants the card's details confirmed or others given: to try again as it is would be in vain."""

    @property
    def is_hard(self) -> bool:
        """True when the same card must not be tried again."""
        return self.code in HARD_DECLINES or self.advice == DO_NOT_TRY_AGAIN or self.needs_new_details

    @property
    def words(self) -> str:
        """What happened, for operators and for products that call the API."""
        return "no card is on file" if self.code == NO_CARD else f"the card was declined: {self.code}"


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
    """As the provider counts them: the first, and those that it makes by itself, which are off; none of ours after."""
    period_start: datetime | None = None
    period_end: datetime | None = None
    total: int | None = None
    """What was billed, taxes and discounts included; negative: a credit. None: looked at before this was noted."""
    amount_due: int | None = None
    """What is or was to be paid, after the customer's balance."""
    amount_paid: int | None = None
    credit_applied: int | None = None
    """How much of the total came off the customer's credit balance."""
    issued_at: datetime | None = None
    """When it was finalised; None: it is a draft."""
    paid_at: datetime | None = None

    @property
    def to_pay(self) -> int:
        """What the customer is to pay with it, after credits."""
        return self.amount if self.amount_due is None else self.amount_due


@dataclass(frozen=True)
class Charge:
    """The answer to one business try of taking money."""

    outcome: ChargeOutcome
    invoice: Invoice | None = None
    decline: Decline | None = None
    agreement_ref: str = ""
    period_start: datetime | None = None
    period_end: datetime | None = None
    key: str = ""
    """The idempotency key under which it was asked for; empty when it was only looked at."""
    anchor: datetime | None = field(default=None, compare=False)
    """From where the provider counts the agreement's periods; None: not told, as no provider has to. Not compared."""
    is_apart: bool = False
    """Its bill was made by us, apart from the agreement's own: the newest of those is what it was."""
    waits_until: datetime | None = field(default=None, compare=False)
    """Until when the customer can confirm the payment, on the bill's page; None: nothing waits to be confirmed."""
    is_of_change: bool = field(default=False, compare=False)
    """Its bill is that of a change, in the middle of a period: it renews nothing, and nothing is owed when it fails."""


@dataclass(frozen=True)
class ProviderState:
    """Everything the provider knows now of one subscription: its card, its agreement, its latest bill."""

    card: Card | None
    agreement: AgreementStatus | None
    """None: there is no agreement yet."""
    latest: Charge | None = None
    """The agreement's newest bill and what has come of it."""
    is_held: bool | None = field(default=None, compare=False)
    """Whether billing is on hold; None: not told, as no provider has to. So it is not compared."""
    ends: bool | None = field(default=None, compare=False)
    """Whether the agreement will end by itself; likewise."""
    paused_for: str = field(default="", compare=False)
    """Why the provider itself has paused the agreement, by a customer's or the account's word; empty: it has not."""
    customer_ref: str = ""
    """Whose card it is, at the provider."""
    customer_is_deleted: bool = field(default=False, compare=False)
    """The provider says of itself that it deleted the customer, and with them their cards and agreements."""
    begun: Charge | None = None
    """What came of the tries without an answer, under the key of one of them; gone: nothing. None: it was not asked."""
    change: Charge | None = None
    """What came of the change without an answer; gone: nothing. None: it was not asked."""


@dataclass(frozen=True)
class Wallet:
    """A customer at the provider, with the card that is charged."""

    customer_ref: str
    card: Card | None
    given_at: datetime | None = None
    """When the customer gave the card, by the provider's clock; None: that was not asked."""
    is_default: bool = field(default=True, compare=False)
    """Whether the card is the one that the customer is charged on; else it is only kept there so far. Not compared."""


@dataclass(frozen=True)
class QuoteLine:
    """One line of a bill that does not exist yet."""

    text: str
    amount: int


@dataclass(frozen=True)
class Quote:
    """What a change of an agreement would bill at once, to the last minor unit; negative: a credit for later bills."""

    amount: int
    currency: str
    lines: tuple[QuoteLine, ...] = ()
    settled: Settled | None = None
    """How that would be settled; None: all of it is taken at once."""


@dataclass(frozen=True)
class UpcomingBill:
    """What the next renewal of an agreement would ask for, as things stand now: after credits, with use so far."""

    amount_due: int
    currency: str


class ReversalKind(StrEnum):
    """How money that was taken goes back."""

    REFUND = "refund"
    DISPUTE = "dispute"


class DisputeStatus(StrEnum):
    """How a dispute stands."""

    INQUIRY = "inquiry"
    """The bank only asks; the money is still ours."""
    OPEN = "open"
    """The bank has taken the money back for now."""
    WON = "won"
    LOST = "lost"


@dataclass(frozen=True)
class Reversal:
    """Money that went back, as the provider has it now."""

    kind: ReversalKind
    ref: str
    """The dispute's id; for refunds the id of the charge that they are of, however many there are."""
    invoice_ref: str
    """The bill that the money was for; empty when it was for none."""
    amount: int
    """In minor units, of all refunds of the charge together."""
    currency: str
    is_full: bool = False
    """Whether the whole charge went back."""
    status: DisputeStatus | None = None
    """None: it is a refund."""
    reason: str = ""
    agreement_ref: str = ""
    """The agreement whose bill it was; empty when it was for none."""
    amount_paid: int | None = field(default=None, compare=False)
    """What was paid with that bill; None: not told, as no provider has to. Not compared, as what follows is not."""
    invoice_number: str = field(default="", compare=False)
    card_brand: str = field(default="", compare=False)
    card_last4: str = field(default="", compare=False)
    """The card that was charged, to which the money goes back."""
