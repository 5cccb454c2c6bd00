"""What is said to a subscription's workflow, and what it carries from run to run."""

from dataclasses import dataclass, field
from datetime import datetime

from domain.catalog.plans import Selection
from domain.provider.hints import EventHint
from domain.provider.payments import QuoteLine
from domain.subscription.commands import CancelAt, ConvertAt
from domain.subscription.ends import EndKind
from domain.subscription.journal import Cause
from domain.subscription.policy import ChangeAt, Policy
from domain.subscription.state import PendingChange, Subscription


@dataclass(frozen=True)
class SubscriptionInput:
    """All that one run of the workflow hands to the next."""

    subscription: Subscription
    policy: Policy
    payment_method: str | None = None
    """The card the customer signed up with."""
    signed_up_by: str = ""
    sign_up_key: str = ""
    hints: tuple[EventHint, ...] = ()
    done: tuple[str, ...] = ()
    """Keys of the latest commands, so that a repeat after continue-as-new does nothing twice."""
    is_born: bool = False
    declined: tuple[str, ...] = ()
    """Keys of the latest commands whose charge was declined: a repeat is told so, and charges nothing again."""
    recent: tuple[str, ...] = ()
    """The latest entries of the journal, for the workflow's details."""
    allow_another_trial: bool = False
    """An operator lets a customer begin who had a trial before."""
    adopted: bool = False
    """It was begun elsewhere and is carried on here: an agreement that is billed, or a trial."""


@dataclass(frozen=True)
class Command:
    """What every command carries: the caller's key for it, and who the caller is."""

    key: str
    actor: str


@dataclass(frozen=True)
class Convert(Command):
    payment_method: str | None = None
    when: ConvertAt = ConvertAt.TRIAL_END


@dataclass(frozen=True)
class PutPaymentMethod(Command):
    payment_method: str


@dataclass(frozen=True)
class Cancel(Command):
    at: CancelAt = CancelAt.PERIOD_END
    reason: str = ""
    """Free words of whoever cancels."""
    reason_code: str = ""
    """One of `ReasonCode`, or empty."""
    by: EndKind = EndKind.CUSTOMER
    """Whose end it is: the customer's or an operator's."""
    unless_begun: bool = False
    """Only if its first payment is still to be confirmed, by then too."""


@dataclass(frozen=True)
class PreviewCancel(Command):
    """Ask what a cancellation would bring."""

    at: CancelAt


@dataclass(frozen=True)
class ExtendTrial(Command):
    days: int
    reason: str


@dataclass(frozen=True)
class Suspend(Command):
    reason: str


@dataclass(frozen=True)
class Reactivate(Command):
    reason: str


@dataclass(frozen=True)
class OpenCheckout(Command):
    success_url: str
    cancel_url: str


@dataclass(frozen=True)
class ChangePlan(Command):
    """To have something else; also what a preview is asked of."""

    to: Selection
    is_upgrade: bool
    at: ChangeAt | None = None
    """None: as the policy says."""
    basis: str = ""
    """Names what it was worked out from (`changing.basis_name`); empty: it depends on nothing."""


@dataclass(frozen=True)
class PauseUntil(Command):
    resumes_at: datetime | None = None


@dataclass(frozen=True)
class AdoptPolicy(Command):
    policy: Policy


@dataclass(frozen=True)
class ContactChanged(Command):
    """Who the customer is has changed: names of what, never to what."""

    fields: tuple[str, ...] = ()
    cause: Cause | None = None
    """Why; None: by the command itself."""


@dataclass(frozen=True)
class Reconcile(Command):
    """Look at the provider and put right what differs."""

    unheard_agreement: str = ""
    """An agreement at the provider that was begun for the subscription, which does not know of it."""
    writes_again: bool = False
    """The database tells otherwise than the workflow: it is to be written down again."""
    only_tries_again: bool = False
    """Nothing differs, but a step is blocked: it is to be tried now."""


@dataclass(frozen=True)
class Preview:
    """What a change of plan would bill."""

    to: Selection
    at: ChangeAt
    currency: str
    due_now: int = 0
    """Minor units that are taken now; negative: a credit for later bills."""
    lines: tuple[QuoteLine, ...] = ()
    next_amount: int = 0
    """What one period costs then."""
    next_at: datetime | None = None
    """When that is billed next; None: a period after the change."""
    exact_until: datetime | None = None
    """Until when the same change bills just that at once; None: nothing is prorated."""
    replaces: PendingChange | None = None
    """The planned change that this one takes the place of."""
    credit_applied: int = 0
    """Of what is billed at once, what earlier credit pays."""
    carried_to_next: int = 0
    """Of what is billed at once, what is left to the next bill; negative: a credit for it."""


@dataclass(frozen=True)
class NextWork:
    """How busy a workflow is, for whoever must wait until it has come to rest."""

    busy: bool
    due_at: datetime | None
    over: bool


@dataclass(frozen=True)
class CommandResult:
    """What a command brought about: the projection's sequence that shows it, and an address if one was asked for."""

    sequence: int
    url: str = field(default="")
