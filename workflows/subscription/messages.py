"""Messages to the subscription workflow, and the input that it passes from run to run."""

from dataclasses import dataclass, field
from datetime import datetime

from domain.catalog.plans import Selection
from domain.provider.hints import EventHint
from domain.provider.payments import QuoteLine
from domain.provider.refunds import RefundOrder
from domain.subscription.commands import CancelAt, ConvertAt
from domain.subscription.ends import EndKind
from domain.subscription.journal import Cause, CauseKind
from domain.subscription.policy import ChangeAt, Policy
from domain.subscription.state import PendingChange, Subscription

RUN_REVISION = 2
"""How a run that begins now takes its steps: a run keeps the revision that it began with.

0: runs of earlier releases; eight steps long, and the date of the next renewal is among their search attributes.
1: five steps long; while the provider renews, no date is shown; the provider's state is read in short.
2: six steps long; plain renewals are recorded where the provider's state is read.
"""


@dataclass(frozen=True)
class SubscriptionInput:
    """Everything that one run of the workflow passes to the next."""

    subscription: Subscription
    policy: Policy
    payment_method: str | None = None
    """The card the customer signed up with."""
    signed_up_by: str = ""
    sign_up_key: str = ""
    hints: tuple[EventHint, ...] = ()
    done: tuple[str, ...] = ()
    """Keys of the latest commands, so that a repeat after continue-as-new is not carried out twice."""
    is_born: bool = False
    declined: tuple[str, ...] = ()
    """Keys of the latest commands whose charge was declined: a repeat gets the same answer, and charges nothing."""
    recent: tuple[str, ...] = ()
    """The latest journal entries, for the workflow's details."""
    allow_another_trial: bool = False
    """An operator allows a customer who already had a trial another one."""
    adopted: bool = False
    """It was started elsewhere and continues here: a billed agreement, or a trial."""
    revision: int = 0
    """How the run takes its steps: see `RUN_REVISION`."""

    @property
    def payload_encoding(self) -> str | None:
        """How it is written: a release that does not know the revision must fail to read it, and not begin the run."""
        return f"json/tenure-run-{self.revision}" if self.revision else None


@dataclass(frozen=True)
class Command:
    """Base of all commands: the caller's idempotency key, and who the caller is."""

    key: str
    actor: str

    def as_cause(self) -> Cause:
        """The command as the cause of what it does."""
        return Cause(CauseKind.COMMAND, self.key, self.actor)


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
    """Free text."""
    reason_code: str = ""
    """One of `ReasonCode`, or empty."""
    by: EndKind = EndKind.CUSTOMER
    """Who ends it: the customer or an operator."""
    unless_begun: bool = False
    """Cancel only if the first payment is still to be confirmed when the command runs."""


@dataclass(frozen=True)
class PreviewCancel(Command):
    """Ask what a cancellation would do."""

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
class Refund(Command):
    """Give back what was paid with an invoice, wholly or in part."""

    invoice: str
    reason: str
    amount: int | None = None
    """In minor units; None: all that is left."""
    at_most: int | None = None
    """No more than the caller may give back at once, in minor units; None: any amount."""

    def as_order(self, subscription: str) -> RefundOrder:
        """What the provider is asked for."""
        return RefundOrder(subscription, self.invoice, self.amount, self.key, self.actor, self.at_most)


@dataclass(frozen=True)
class OpenCheckout(Command):
    success_url: str
    cancel_url: str


@dataclass(frozen=True)
class ChangePlan(Command):
    """Change the plan, interval, quantity or add-ons; also the input of a preview."""

    to: Selection
    is_upgrade: bool
    at: ChangeAt | None = None
    """None: as the policy says."""
    basis: str = ""
    """Identifies the state that the change was computed from (`basis_name`); empty: it depends on none."""
    expected_due: int | None = None
    """What the caller was told that is due now, in minor units; if more would be, nothing is done. None: any amount."""
    preview_at: datetime | None = None
    """When the caller was told: a change soon after is prorated from then."""


@dataclass(frozen=True)
class PauseUntil(Command):
    resumes_at: datetime | None = None


@dataclass(frozen=True)
class AdoptPolicy(Command):
    policy: Policy


@dataclass(frozen=True)
class ContactChanged(Command):
    """The customer's contact data changed: carries the names of the fields, never their values."""

    fields: tuple[str, ...] = ()
    cause: Cause | None = None
    """None: the command itself is the cause."""


@dataclass(frozen=True)
class Reconcile(Command):
    """Compare with the provider and fix what differs."""

    unheard_agreement: str = ""
    """An agreement at the provider that was started for the subscription without it knowing."""
    writes_again: bool = False
    """The database differs from the workflow: the workflow's state must be written again."""
    only_tries_again: bool = False
    """Nothing differs, but a step is blocked: retry it now."""


@dataclass(frozen=True)
class Preview:
    """What a plan change would bill."""

    to: Selection
    at: ChangeAt
    currency: str
    due_now: int = 0
    """Minor units charged now; negative: a credit towards later invoices."""
    lines: tuple[QuoteLine, ...] = ()
    next_amount: int = 0
    """What one period costs after the change."""
    next_at: datetime | None = None
    """When that amount is billed next; None: one period after the change."""
    exact_until: datetime | None = None
    """Until when the same change bills exactly this amount; None: nothing is prorated."""
    replaces: PendingChange | None = None
    """The planned change that this one replaces."""
    credit_applied: int = 0
    """The part of what is billed now that earlier credit pays."""
    carried_to_next: int = 0
    """The part of what is billed now that moves to the next invoice; negative: a credit on it."""
    preview_at: datetime | None = None
    """When this was previewed, by the subscription's clock."""


@dataclass(frozen=True)
class NextWork:
    """How busy a workflow is, for callers that wait until it is idle."""

    busy: bool
    due_at: datetime | None
    over: bool


@dataclass(frozen=True)
class CommandResult:
    """A command's result: the projection sequence that includes it, and a URL if one was requested."""

    sequence: int
    url: str = field(default="")
