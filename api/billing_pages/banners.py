"""The one banner of the billing page: of all that there is to say, the most pressing."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from math import ceil
from typing import Final

from domain.access import Access
from domain.billing_flows import BillingFlow
from domain.notifications.tones import SUSPENDED, TRIAL_EXPIRED, Tone, of_open_payment, of_reached_limit, of_trial
from domain.subscription.agenda import Action, ladder_of, step_why
from domain.subscription.lifecycle import Status
from domain.subscription.policy import DEFAULT_POLICY, LadderStep, Policy
from domain.subscription.state import Subscription, SuspensionKind
from storage.subscriptions.billing_accounts import BillingAccount


class BannerKind(StrEnum):
    """What a banner is about, the most pressing first."""

    SUSPENDED_BY_OPERATOR = "suspended_by_operator"
    UNPAID = "unpaid"
    """Suspended, since a payment is open."""
    NOT_BEGUN = "not_begun"
    """The first payment has not gone through."""
    CONFIRM = "confirm"
    PAYMENT_FAILED = "payment_failed"
    TRIAL_EXPIRED = "trial_expired"
    LOCKED = "locked"
    """A limit is reached: further use is turned away."""
    GRACE = "grace"
    """A limit is reached: for some days, use goes on."""
    DISPUTED = "disputed"
    """The bank has taken a payment back for now: nothing is billed until it decides."""
    TRIAL = "trial"
    ENDS = "ends"
    PAUSED = "paused"
    CHANGE = "change"
    """Another plan from a day on."""


LEADS_TO: Final[Mapping[BannerKind, BillingFlow]] = {
    BannerKind.UNPAID: BillingFlow.PAY,
    BannerKind.NOT_BEGUN: BillingFlow.PAY,
    BannerKind.CONFIRM: BillingFlow.PAY,
    BannerKind.PAYMENT_FAILED: BillingFlow.PAY,
    BannerKind.TRIAL_EXPIRED: BillingFlow.PAYMENT_METHOD,
    BannerKind.LOCKED: BillingFlow.CHANGE_PLAN,
    BannerKind.GRACE: BillingFlow.CHANGE_PLAN,
    BannerKind.TRIAL: BillingFlow.PAYMENT_METHOD,
    BannerKind.ENDS: BillingFlow.UNDO_CANCEL,
    BannerKind.PAUSED: BillingFlow.RESUME,
    BannerKind.CHANGE: BillingFlow.WITHDRAW_CHANGE,
}
"""The page on which the customer can do something about it. An operator's suspension and a dispute have none."""


class Consequence(StrEnum):
    """What follows if a payment stays open."""

    LIMITED = "limited"
    OFF = "off"
    ENDS = "ends"


@dataclass(frozen=True)
class NextStep:
    """What happens next while a payment is open."""

    at: datetime
    retries: bool = False
    """The card is charged again; the consequence follows only if that fails."""
    then: Consequence | None = None


@dataclass(frozen=True)
class Banner:
    """What to say, and how pressing it is."""

    kind: BannerKind
    tone: Tone
    at: datetime | None = None
    """When what it is about happens."""
    days: int = 0
    """Days until then, begun ones too; 0: less than one."""
    names: tuple[str, ...] = ()
    """The features whose limit is reached."""
    next_step: NextStep | None = None
    """Of an open payment; None: not known."""


@dataclass(frozen=True)
class ReachedLimit:
    """A feature whose limit is reached."""

    name: str
    grace_ends_at: datetime | None
    """Until when use goes on; None: it is turned away."""


def banner_of(
    account: BillingAccount, reached: tuple[ReachedLimit, ...] = (), policy: Policy = DEFAULT_POLICY
) -> Banner | None:
    """Return the banner; None: there is nothing to say. *policy* is the one with which the API runs."""
    it = account.subscription
    if it is None or it.is_over:
        return None
    return _of_access(it, account, policy) or _of_limits(reached) or _of_course(it, account.now)


def _of_access(it: Subscription, account: BillingAccount, policy: Policy) -> Banner | None:
    if it.suspension is not None and it.suspension.kind is SuspensionKind.OPERATOR:
        return Banner(BannerKind.SUSPENDED_BY_OPERATOR, SUSPENDED)
    if it.confirmation is not None:
        return Banner(BannerKind.CONFIRM, of_open_payment(it.access), it.confirmation.expires_at)
    if it.suspension is not None:
        kind = {
            SuspensionKind.NONPAYMENT: BannerKind.UNPAID,
            SuspensionKind.TRIAL_EXPIRED: BannerKind.TRIAL_EXPIRED,
        }.get(it.suspension.kind, BannerKind.NOT_BEGUN)
        tone = TRIAL_EXPIRED if kind is BannerKind.TRIAL_EXPIRED else SUSPENDED
        return Banner(kind, tone, _next(account, Action.CANCEL))
    # While a payment is disputed, what is open is not tried either.
    if it.status is Status.PAST_DUE and it.dispute is None:
        next_step = _next(account, Action.RECOVER)
        if it.recovery is not None and it.recovery.decline.needs_confirmation:
            return Banner(BannerKind.CONFIRM, of_open_payment(it.access, is_near_end=next_step is None))
        tone = of_open_payment(it.access, is_near_end=next_step is None)
        return Banner(BannerKind.PAYMENT_FAILED, tone, next_step, next_step=_next_step(it, account, policy))
    return None


def _next_step(it: Subscription, account: BillingAccount, policy: Policy) -> NextStep | None:
    """Return the first step ahead that the customer notices; None: which one it is cannot be said.

    The subscription may have begun under another policy than the API's. So a step counts only if the subscription
    itself describes it alike.
    """
    if it.recovery is None:
        return None
    described = {due["why"]: datetime.fromisoformat(due["at"]) for due in account.next_actions}
    for step in ladder_of(it, policy)[it.recovery.step :]:
        at = described.get(step_why(step))
        if at is None:
            return None
        retries, then = step.retry and it.has_chargeable_card, _consequence(step, it.access)
        if retries or then is not None:
            return NextStep(at, retries, then)
    return None


def _consequence(step: LadderStep, access: Access) -> Consequence | None:
    if step.cancel:
        return Consequence.ENDS
    if step.suspend or (step.access is Access.NONE and access is not Access.NONE):
        return Consequence.OFF
    return Consequence.LIMITED if step.access is Access.LIMITED and access is Access.FULL else None


def _of_limits(reached: tuple[ReachedLimit, ...]) -> Banner | None:
    locked = tuple(one.name for one in reached if one.grace_ends_at is None)
    if locked:
        return Banner(BannerKind.LOCKED, of_reached_limit(goes_on=False), names=locked)
    ends = [one.grace_ends_at for one in reached if one.grace_ends_at is not None]
    if ends:
        tone = of_reached_limit(goes_on=True)
        return Banner(BannerKind.GRACE, tone, min(ends), names=tuple(one.name for one in reached))
    return None


def _of_course(it: Subscription, now: datetime) -> Banner | None:
    """Return what is known to come, or what it waits for."""
    if it.dispute is not None:
        return Banner(BannerKind.DISPUTED, Tone.WARNING)
    if it.cancel_at is not None:
        return Banner(BannerKind.ENDS, Tone.CALM, it.cancel_at)
    if it.status is Status.TRIALING and it.trial_ends_at is not None:
        left = (it.trial_ends_at - now) / timedelta(days=1)
        days = ceil(left) if left >= 1 else 0
        tone = of_trial(days, has_card=it.has_chargeable_card)
        return Banner(BannerKind.TRIAL, tone, it.trial_ends_at, days)
    if it.status is Status.PAUSED and it.pause is not None:
        return Banner(BannerKind.PAUSED, Tone.CALM, it.pause.resumes_at)
    if it.pending_change is not None:
        return Banner(BannerKind.CHANGE, Tone.CALM, it.pending_change.at)
    return None


def _next(account: BillingAccount, action: Action) -> datetime | None:
    return next((datetime.fromisoformat(due["at"]) for due in account.next_actions if due["action"] == action), None)
