"""Cards, charges, invoices and reversals, independent of any provider's vocabulary."""

from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from domain.provider.settlement import Settled

NO_CARD = "no_card"
"""The decline code of a charge without a card on file: the customer has removed it at the provider."""

UNKNOWN_PAYMENT_METHOD = "unknown_payment_method"
"""The refusal code for a payment method that is not, or no longer, the customer's."""

AUTHENTICATE = "authentication_required"
"""The decline code of a charge that the customer must confirm with their bank."""

NO_SUCH_THING = "resource_missing"
"""The refusal code for an object that the provider does not know."""

KEY_IS_TAKEN = "idempotency"
"""The refusal code for an attempt that began with other parameters under the same key."""

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
"""Decline codes after which the card networks forbid retrying the same card."""

DO_NOT_TRY_AGAIN = "do_not_try_again"


class ChargeOutcome(StrEnum):
    """The outcome of a charge."""

    PAID = "paid"
    DECLINED = "declined"
    ACTION_REQUIRED = "action_required"
    """The customer has to authenticate the payment."""
    PENDING = "pending"
    """Not decided yet: check again later."""
    GONE = "gone"
    """Nothing is left to pay: voided, written off, or its agreement has ended."""


class AgreementStatus(StrEnum):
    """Whether the provider's agreement for a paid subscription is live."""

    LIVE = "live"
    ENDED = "ended"


@dataclass(frozen=True)
class Card:
    """The card on file, as far as its details may be stored."""

    ref: str
    brand: str
    last4: str
    exp_month: int
    exp_year: int
    fingerprint: str = field(default="", compare=False)
    """The same for the same card number, across customers; not compared, as cards stored earlier lack it."""


@dataclass(frozen=True)
class Decline:
    """Why a charge was declined."""

    code: str
    advice: str = ""
    action_url: str = ""
    """Where the customer can authenticate the payment, if that is required."""
    needs_new_details: bool = False
    """The bank requires confirmed or new card details: retrying the card as it is will fail."""

    @property
    def is_hard(self) -> bool:
        """True if the same card must not be tried again."""
        return self.code in HARD_DECLINES or self.advice == DO_NOT_TRY_AGAIN or self.needs_new_details

    @property
    def needs_confirmation(self) -> bool:
        """True if the bank wants the customer to confirm the payment."""
        return bool(self.action_url) or self.code == "authentication_required"

    @property
    def words(self) -> str:
        """Describes the decline for operators and API clients."""
        return "no card is on file" if self.code == NO_CARD else f"the card was declined: {self.code}"


@dataclass(frozen=True)
class InvoiceLine:
    """What one line of an invoice is for, in the provider's words, and how much it adds."""

    text: str
    amount: int
    """Minor units, before discounts and taxes that come on top; negative: a credit."""


@dataclass(frozen=True)
class Invoice:
    """An invoice as the provider has it now."""

    ref: str
    number: str
    status: str
    """draft, open, paid, void or uncollectible; more may be added."""
    amount: int
    currency: str
    url: str = ""
    pdf: str = ""
    attempts: int = 0
    """As the provider counts them: the first and its automatic retries, which are off; not our later attempts."""
    period_start: datetime | None = None
    period_end: datetime | None = None
    total: int | None = None
    """The total with taxes and discounts; negative: a credit. None: read before this was recorded."""
    amount_due: int | None = None
    """The amount due after the customer's balance was applied."""
    amount_paid: int | None = None
    credit_applied: int | None = None
    """How much of the total was paid from the customer's credit balance."""
    issued_at: datetime | None = None
    """When it was finalised; None: it is a draft."""
    paid_at: datetime | None = None
    lines: tuple[InvoiceLine, ...] = field(default=(), compare=False)
    """Its lines; the provider may name only the first ones. Not compared, like the rest: optional for providers."""
    discount: int = field(default=0, compare=False)
    tax: int | None = field(default=None, compare=False)
    """The tax in the total; None: not known."""
    tax_is_included: bool = field(default=False, compare=False)
    """The lines contain the tax; otherwise it comes on top."""

    @property
    def lines_add_up(self) -> bool:
        """Whether lines, discount and tax make the total: only then are they all there is."""
        on_top = 0 if self.tax_is_included else self.tax or 0
        return bool(self.lines) and sum(line.amount for line in self.lines) - self.discount + on_top == self.total

    @property
    def to_pay(self) -> int:
        """The amount due after credits."""
        return self.amount if self.amount_due is None else self.amount_due


@dataclass(frozen=True)
class Charge:
    """The result of one charge attempt."""

    outcome: ChargeOutcome
    invoice: Invoice | None = None
    decline: Decline | None = None
    agreement_ref: str = ""
    period_start: datetime | None = None
    period_end: datetime | None = None
    key: str = ""
    """The idempotency key of the attempt; empty when its state was only read."""
    anchor: datetime | None = field(default=None, compare=False)
    """The provider's billing anchor; None: not reported, as it is optional for providers. Not compared."""
    is_apart: bool = False
    """We created its invoice separately: the agreement's own latest invoice is unchanged."""
    waits_until: datetime | None = field(default=None, compare=False)
    """Until when the customer can confirm the payment on the invoice page; None: nothing awaits confirmation."""
    is_of_change: bool = field(default=False, compare=False)
    """Its invoice is for a change within a period: it renews nothing, and nothing is owed if it fails."""
    paid_with: str = field(default="", compare=False)
    """The payment method that has paid; empty: none has, or not reported, as it is optional for providers."""


@dataclass(frozen=True)
class ProviderState:
    """The provider's current state of one subscription: its card, agreement and latest invoice."""

    card: Card | None
    agreement: AgreementStatus | None
    """None: there is no agreement yet."""
    latest: Charge | None = None
    """The agreement's latest invoice and its outcome."""
    is_held: bool | None = field(default=None, compare=False)
    """Whether billing is on hold; None: not reported, as it is optional for providers. Not compared."""
    ends: bool | None = field(default=None, compare=False)
    """Whether the agreement will end by itself; None and comparison as for `is_held`."""
    paused_for: str = field(default="", compare=False)
    """Why the provider paused the agreement, as the customer or account asked; empty: it did not."""
    customer_ref: str = ""
    """The id at the provider of the customer whose card it is."""
    customer_is_deleted: bool = field(default=False, compare=False)
    """The provider reports that it deleted the customer with their cards and agreements."""
    begun: Charge | None = None
    """The outcome of the unanswered attempts, under the key of one of them; gone: none. None: not requested."""
    change: Charge | None = None
    """The outcome of the unanswered change; gone: none. None: not requested."""
    is_short: bool = False
    """Left out is what `domain.provider.short_states` puts back."""


@dataclass(frozen=True)
class Wallet:
    """A customer at the provider, with the card that is charged."""

    customer_ref: str
    card: Card | None
    given_at: datetime | None = None
    """When the customer provided the card, by the provider's clock; None: not requested."""
    is_default: bool = field(default=True, compare=False)
    """Whether the customer is charged on this card; if not, it is only attached. Not compared."""


@dataclass(frozen=True)
class QuoteLine:
    """One line of an invoice that does not exist yet."""

    text: str
    amount: int


@dataclass(frozen=True)
class Quote:
    """What a change would bill immediately, exact to the minor unit; negative: a credit for later invoices."""

    amount: int
    currency: str
    lines: tuple[QuoteLine, ...] = ()
    settled: Settled | None = None
    """How that would be settled; None: all of it is charged immediately."""


@dataclass(frozen=True)
class UpcomingInvoice:
    """What the next renewal of an agreement would bill as of now: after credits, with usage so far."""

    amount_due: int
    currency: str


class ReversalKind(StrEnum):
    """How a payment was reversed."""

    REFUND = "refund"
    DISPUTE = "dispute"


class DisputeStatus(StrEnum):
    """The status of a dispute."""

    INQUIRY = "inquiry"
    """The bank only inquires; we still have the money."""
    OPEN = "open"
    """The bank has provisionally taken the money back."""
    WON = "won"
    LOST = "lost"


@dataclass(frozen=True)
class Reversal:
    """A refund or dispute as the provider has it now."""

    kind: ReversalKind
    ref: str
    """The dispute's id; for refunds the id of the refunded charge, however many refunds there are."""
    invoice_ref: str
    """The invoice that was paid; empty if there was none."""
    amount: int
    """In minor units, the sum of all refunds of the charge."""
    currency: str
    is_full: bool = False
    """Whether the whole charge was reversed."""
    status: DisputeStatus | None = None
    """None: it is a refund."""
    reason: str = ""
    agreement_ref: str = ""
    """The agreement of that invoice; empty if there is none."""
    amount_paid: int | None = field(default=None, compare=False)
    """What was paid with that invoice; None: not reported, as it is optional. Like the fields below, not compared."""
    invoice_number: str = field(default="", compare=False)
    card_brand: str = field(default="", compare=False)
    card_last4: str = field(default="", compare=False)
    """The card that was charged, which the money is returned to."""
    command: str = field(default="", compare=False)
    """The key of our command that asked for the latest refund; empty: it was made at the provider."""
    actor: str = field(default="", compare=False)
    """Who gave that command."""
