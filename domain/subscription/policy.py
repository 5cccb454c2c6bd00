"""A policy as data: trials, recovery, plan changes, notices and disputes."""

from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum
from itertools import pairwise

from domain.access import Access, Basis
from domain.errors import Malformed

MAX_TRIES_IN_30_DAYS = 15
"""Below every card network's limit on reattempts: Visa allows 20 in 30 days, some acquirers 15."""


class TrialEnd(StrEnum):
    """What happens when a trial ends without a card on file."""

    SUSPEND = "suspend"
    CANCEL = "cancel"
    FREE_PLAN = "free_plan"
    """Continue on the catalog's free plan; suspend if it has none."""


class ChangeAt(StrEnum):
    """When a plan change takes effect."""

    NOW = "now"
    PERIOD_END = "period_end"


class Reaction(StrEnum):
    """What happens to a subscription whose payment was permanently reversed."""

    KEEP = "keep"
    CANCEL = "cancel"


class TrialMark(StrEnum):
    """What identifies a customer when trials are limited."""

    CUSTOMER = "customer"
    """The product's own id of the customer."""
    EMAIL = "email"
    """Their mail address, in canonical form."""
    CARD = "card"
    """The card itself, for all customers."""


@dataclass(frozen=True)
class TrialPolicy:
    """The length of a trial, its reminders, and what follows without a card."""

    days: int = 14
    reminders: tuple[int, ...] = (7, 3, 1)
    """Days before the end, in descending order."""
    earliest: str = "09:00"
    latest: str = "18:00"
    """Reminders go out between these hours of the customer's day."""
    without_card: TrialEnd = TrialEnd.SUSPEND
    cancel_after_days: int = 30
    """From the suspension of an expired trial to its cancellation."""
    reopen_days: int = 7
    """How many days an operator's reactivation adds to an expired trial."""
    one_per: tuple[TrialMark, ...] = ()
    """What identifies a second trial, which is refused. Only read at sign-up; empty here because policies of earlier
    subscriptions lack it."""


@dataclass(frozen=True)
class LadderStep:
    """One step of the recovery ladder: the retry comes first, the rest only if it fails."""

    day: int
    """Days after the first decline."""
    retry: bool = False
    mail: bool = False
    access: Access | None = None
    suspend: bool = False
    cancel: bool = False
    hours: int = 0
    """Added to the days, for steps that should not wait until the next day."""

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


class SelfCancel(StrEnum):
    """When a customer may end their subscription on the billing pages."""

    NOW = "now"
    """At once, or when what is paid for is used up."""
    PERIOD_END = "period_end"
    """Only when what is paid for is used up."""


@dataclass(frozen=True)
class SelfService:
    """What customers may do on the billing pages. The API does not ask for it."""

    change: bool = True
    pause: bool = True
    pause_longest_days: int = 90
    cancel: SelfCancel = SelfCancel.NOW
    switch_to: tuple[str, ...] | None = None
    """Codes of the plans that they may change to; None: all that are for sale."""

    def may_switch_to(self, plan: str) -> bool:
        return self.switch_to is None or plan in self.switch_to


@dataclass(frozen=True)
class Policy:
    """One version of a product's policy; a subscription keeps the version it started with."""

    version: str = "default"
    trial: TrialPolicy = TrialPolicy()
    recovery: tuple[LadderStep, ...] = DEFAULT_LADDER
    ask_after_hours: int = 3
    """How long after a period's end the provider is checked if no event has arrived."""
    ask_every_hours: int = 6
    retry_earliest: str = ""
    """Recovery steps run from this hour of the customer's day on; empty: at the hour of the decline."""
    retry_latest: str = ""
    card_expiring: tuple[int, ...] = ()
    """Days before a renewal on which to warn that the card will have expired by then."""
    renewal_ahead: tuple[int, ...] = ()
    """Days before a yearly renewal on which to announce it."""
    upgrade: ChangeAt = ChangeAt.NOW
    downgrade: ChangeAt = ChangeAt.PERIOD_END
    disputed_access: Access = Access.LIMITED
    """The access while a bank decides on a disputed payment."""
    dispute_lost: Reaction = Reaction.CANCEL
    fully_refunded: Reaction = Reaction.KEEP
    limited: Basis = Basis.NO_NEW_USE
    """What limited access entitles to. Read from today's policy, not the one a subscription started with."""
    suspended: Basis = Basis.NOTHING
    """What a suspended or paused subscription entitles to; also read from today's policy."""
    paused_counts: bool = False
    """Whether a paused subscription counts as recurring revenue; read when the pause begins."""
    self_service: SelfService = SelfService()
    """What the billing pages offer; read from today's policy, not the one a subscription started with."""
    refund_limit: int = 10_000
    """How much operators may refund at once, in minor units of the invoice's currency; 0: only admins refund. Also read
    from today's policy."""

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
"""Defaults for a policy file. A policy stored before a field existed has the field's own default."""


def validate_ladder(steps: tuple[LadderStep, ...]) -> None:
    """Checks that a ladder is valid.

    Raises:
        Malformed: `field` names the first invalid step, as "recovery.2".
    """
    if not steps or not steps[-1].cancel:
        raise Malformed("the ladder must end with a step that cancels", field=f"recovery.{max(len(steps) - 1, 0)}")
    if steps[0].cancel:
        raise Malformed("the first step cannot cancel: no retry would have been made", field="recovery.0")
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
                f"more than {MAX_TRIES_IN_30_DAYS} retries within 30 days exceed the card networks' limits",
                field="recovery",
            )
