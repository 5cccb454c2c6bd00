"""What a step of a subscription's life leaves behind: journal lines, mails, a bill."""

from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from domain.catalog.plans import Selection
from domain.notifications.mail_types import Mail, Occasion
from domain.provider.payments import Invoice, Reversal
from domain.subscription.agenda import Due
from domain.subscription.policy import TrialMark
from domain.subscription.state import Subscription


class CauseKind(StrEnum):
    """What set a step off."""

    COMMAND = "command"
    TIMER = "timer"
    WEBHOOK = "webhook"
    PROVIDER = "provider"
    """We asked the provider ourselves."""
    RECONCILIATION = "reconciliation"
    """The provider, the database and the workflow were compared, and differed."""


@dataclass(frozen=True)
class Cause:
    """Why a step happened.

    `ref` is a command's key (hashed, see `command_keys`), a webhook's event id or a due action's name.
    """

    kind: CauseKind
    ref: str = ""
    actor: str = ""

    @classmethod
    def timer(cls, action: str) -> "Cause":
        return cls(CauseKind.TIMER, action)


@dataclass(frozen=True)
class Entry:
    """One line of the journal."""

    kind: str
    at: datetime
    summary: str
    cause: Cause
    details: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class TrialClaim:
    """A trial that begins. Names no one: who it is for is known where the step is written down."""

    one_per: tuple[TrialMark, ...] = ()
    """It may not begin when one of these belongs to an earlier trial."""


@dataclass(frozen=True)
class FitCheck:
    """A change of what there is, that current use is held against as its step is written down."""

    before: Selection
    after: Selection
    is_ahead: bool = False
    """It is planned: what is used up of a period by then does not matter."""
    begins_period: bool = False
    """A billing period begins with it: what was used up of the last one is over."""


@dataclass(frozen=True)
class Step:
    """One step, recorded in one transaction: the subscription after it and all it leaves behind."""

    subscription: Subscription
    entries: tuple[Entry, ...] = ()
    mails: tuple[Mail, ...] = ()
    withdraws: tuple[Occasion, ...] = ()
    """Mails of these occasions that are still waiting to be sent are not sent any more."""
    invoice: Invoice | None = None
    voided: str = ""
    """A bill that was voided at the provider along with this step."""
    reversal: Reversal | None = None
    """Money that went back."""
    ahead: tuple[Due, ...] = ()
    """The next actions after this step, for whoever reads the projection."""
    trial: TrialClaim | None = None
    """Set on the step with which a trial begins; whether it may is decided as the step is written down."""
    fit: FitCheck | None = None
    """Set on a step that changes what there is; what does not fit is told along with it."""
