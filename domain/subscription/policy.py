"""A policy as data: how a trial runs and how a failed payment is recovered."""

from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum
from itertools import pairwise

from domain.access import Access, Basis
from domain.errors import Malformed

MAX_TRIES_IN_30_DAYS = 15
"""Under every card network's cap on reattempts: Visa allows 20 in 30 days, some acquirers 15."""


class TrialEnd(StrEnum):
    """What happens when a trial ends and no card is on file."""

    SUSPEND = "suspend"
    CANCEL = "cancel"
    FREE_PLAN = "free_plan"
    """Go on with the catalog's free plan; suspend where it has none."""


class ChangeAt(StrEnum):
    """When a change of plan takes effect."""

    NOW = "now"
    PERIOD_END = "period_end"


class Reaction(StrEnum):
    """What becomes of a subscription whose money went back for good."""

    KEEP = "keep"
    CANCEL = "cancel"


class TrialMark(StrEnum):
    """What a customer is known by when trials are counted."""

    CUSTOMER = "customer"
    """The product's own id for them."""
    EMAIL = "email"
    """Their mail address, however it is written."""
    CARD = "card"
    """The card itself, whoever gives it."""


@dataclass(frozen=True)
class TrialPolicy:
    """How long a trial is, when it is announced to end, and what follows without a card."""

    days: int = 14
    reminders: tuple[int, ...] = (7, 3, 1)
    """Days before the end, most first."""
    earliest: str = "09:00"
    latest: str = "18:00"
    """Reminders go out between these hours of the customer's day."""
    without_card: TrialEnd = TrialEnd.SUSPEND
    cancel_after_days: int = 30
    """From the suspension of an expired trial to its cancellation."""
    reopen_days: int = 7
    """How long an operator's reactivation opens an expired trial again."""
    one_per: tuple[TrialMark, ...] = ()
    """By what a second trial is known and refused. Read at the sign-up alone; empty here, because policies of
    subscriptions that signed up earlier lack it."""


@dataclass(frozen=True)
class LadderStep:
    """One rung of the recovery ladder: the retry comes first, the rest only if it failed."""

    day: int
    """Days after the first decline."""
    retry: bool = False
    mail: bool = False
    access: Access | None = None
    suspend: bool = False
    cancel: bool = False
    hours: int = 0
    """On top of the days, for steps that are not to wait until the next day."""

    @property
    def after(self) -> timedelta:
        return timedelta(days=self.day, hours=self.hours)

    @property
    def label(self) -> str:
        return f"day {self.day}" if not self.hours else f"day {self.day}, hour {self.hours}"

    @property
    def harshness(self) -> int:
        if self.cancel:
            return 3
        if self.suspend or self.access is Access.NONE:
            return 2
        return 1 if self.access is Access.LIMITED else 0


DEFAULT_LADDER = (
    LadderStep(0, mail=True),
    LadderStep(1, retry=True),
    LadderStep(3, retry=True, mail=True),
    LadderStep(5, retry=True, access=Access.LIMITED, mail=True),
    LadderStep(7, retry=True, mail=True),
    LadderStep(14, retry=True, suspend=True, mail=True),
    LadderStep(44, cancel=True, mail=True),
)


@dataclass(frozen=True)
class Policy:
    """One version of a product's policy; a subscription keeps the one it started with."""

    version: str = "default"
    trial: TrialPolicy = TrialPolicy()
    recovery: tuple[LadderStep, ...] = DEFAULT_LADDER
    ask_after_hours: int = 3
    """How long after a period's end the provider is asked when its word has not come."""
    ask_every_hours: int = 6
    retry_earliest: str = ""
    """Steps of the recovery are taken from this hour of the customer's day on; empty: at the hour of the decline."""
    retry_latest: str = ""
    card_expiring: tuple[int, ...] = ()
    """Days before a renewal on which to say that the card will have expired by then."""
    renewal_ahead: tuple[int, ...] = ()
    """Days before a yearly renewal on which to announce it."""
    upgrade: ChangeAt = ChangeAt.NOW
    downgrade: ChangeAt = ChangeAt.PERIOD_END
    disputed_access: Access = Access.LIMITED
    """What may be used while the bank looks into a disputed payment."""
    dispute_lost: Reaction = Reaction.CANCEL
    fully_refunded: Reaction = Reaction.KEEP
    limited: Basis = Basis.NO_NEW_USE
    """What limited access entitles to. Asked of today's policy, whichever a subscription began with."""
    suspended: Basis = Basis.NOTHING
    """What a suspended or paused subscription entitles to; likewise."""

    @property
    def ask_after(self) -> timedelta:
        return timedelta(hours=self.ask_after_hours)

    @property
    def ask_every(self) -> timedelta:
        return timedelta(hours=self.ask_every_hours)


DEFAULT_POLICY = Policy(
    trial=TrialPolicy(one_per=tuple(TrialMark)),
    retry_earliest="09:00",
    retry_latest="18:00",
    card_expiring=(30, 7),
    renewal_ahead=(30,),
)
"""What holds where a policy file says nothing. A policy kept before a field came has the field's own default."""


def validate_ladder(steps: tuple[LadderStep, ...]) -> None:
    """Check that a ladder makes sense.

    Raises:
        Malformed: `field` is the place of the first faulty step, as "recovery.2".
    """
    if not steps or not steps[-1].cancel:
        raise Malformed("the ladder must end with a step that cancels", field=f"recovery.{max(len(steps) - 1, 0)}")
    if steps[0].cancel:
        raise Malformed("the first step cannot cancel: nothing would have been tried", field="recovery.0")
    if steps[0].after or steps[0].retry:
        raise Malformed(
            "the ladder starts on day 0, the day of the decline itself, without a retry", field="recovery.0"
        )
    for place, (before, step) in enumerate(pairwise(steps), start=1):
        where = f"recovery.{place}"
        if step.after <= before.after:
            raise Malformed(f"{step.label} must come after {before.label}", field=where)
        if step.harshness < max(earlier.harshness for earlier in steps[:place]) and step.access is not None:
            raise Malformed("a softer access level cannot follow a harsher one", field=where)
        if before.cancel:
            raise Malformed("nothing can follow a step that cancels", field=where)
        if step.cancel and step.retry:
            raise Malformed("the step that cancels cannot retry: put the retry on an earlier day", field=where)
    _validate_pace(steps)


def _validate_pace(steps: tuple[LadderStep, ...]) -> None:
    retries = [step.after for step in steps if step.retry]
    for first in retries:
        within = sum(1 for other in retries if first <= other < first + timedelta(days=30))
        if within > MAX_TRIES_IN_30_DAYS:
            raise Malformed(
                f"more than {MAX_TRIES_IN_30_DAYS} retries within 30 days break the card networks' caps",
                field="recovery",
            )
