"""Steps and what they record: journal entries, mails, an invoice."""

from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from domain.catalog.plans import Selection
from domain.notifications.mail_types import Mail, Occasion
from domain.provider.payments import Invoice, Reversal
from domain.subscription.agenda import Action, Due
from domain.subscription.policy import TrialMark
from domain.subscription.state import Subscription


class CauseKind(StrEnum):
    """What triggered a step."""

    COMMAND = "command"
    TIMER = "timer"
    WEBHOOK = "webhook"
    PROVIDER = "provider"
    """We checked the provider ourselves."""
    RECONCILIATION = "reconciliation"
    """A comparison of provider, database and workflow found a difference."""


OPERATING_ROLES = frozenset({"operator", "admin"})
"""The roles, with which the names of actors begin, of those who run the product."""


@dataclass(frozen=True)
class Cause:
    """Why a step happened.

    `ref` is a command's key (hashed, see `command_keys`), a webhook's event id or a due action's name.
    """

    kind: CauseKind
    ref: str = ""
    actor: str = ""

    @property
    def is_operators(self) -> bool:
        """True if an operator has asked for it."""
        return self.kind is CauseKind.COMMAND and self.actor.partition(" ")[0] in OPERATING_ROLES

    @classmethod
    def timer(cls, action: str) -> "Cause":
        return cls(CauseKind.TIMER, action)


@dataclass(frozen=True)
class Entry:
    """One journal entry."""

    kind: str
    at: datetime
    summary: str
    cause: Cause
    details: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class TrialClaim:
    """A trial that begins. Names nobody: storage knows the customer when it records the step."""

    one_per: tuple[TrialMark, ...] = ()
    """It must not begin if one of these belongs to an earlier trial."""


@dataclass(frozen=True)
class FitCheck:
    """A plan change whose fit to current usage is checked when its step is recorded."""

    before: Selection
    after: Selection
    is_ahead: bool = False
    """It is scheduled: usage of the current period does not matter."""
    begins_period: bool = False
    """It begins a billing period: usage of the previous one is over."""


@dataclass(frozen=True)
class CarriedOut:
    """The due action that a step carries out; how late it was is measured when the step is recorded."""

    action: Action
    at: datetime
    """When it was due."""
    is_paced: bool
    """It first called the provider, and so waited for its turn at the provider's rate."""


@dataclass(frozen=True)
class Step:
    """One step, recorded in one transaction: the subscription after it, and everything to store with it."""

    subscription: Subscription
    entries: tuple[Entry, ...] = ()
    mails: tuple[Mail, ...] = ()
    withdraws: tuple[Occasion, ...] = ()
    """Waiting mails of these occasions are withdrawn."""
    invoice: Invoice | None = None
    voided: str = ""
    """An invoice that was voided at the provider with this step."""
    reversal: Reversal | None = None
    """A refund or dispute."""
    ahead: tuple[Due, ...] = ()
    """The next actions after this step, for readers of the projection."""
    trial: TrialClaim | None = None
    """Set on the step that begins a trial; whether it may begin is decided when the step is recorded."""
    fit: FitCheck | None = None
    """Set on a step that changes the plan; its record says what does not fit."""
    carries_out: CarriedOut | None = None
    """Set on the first step of a due action."""
