"""Movements of recurring revenue: what one step of a subscription adds or takes away."""

from dataclasses import dataclass
from enum import StrEnum

from domain.revenue.amounts import annual, paused_annual
from domain.subscription.ends import EndKind
from domain.subscription.state import Subscription, SuspensionKind


class MovementKind(StrEnum):
    """Why recurring revenue changes."""

    NEW = "new"
    """A customer pays for the first time."""
    EXPANSION = "expansion"
    CONTRACTION = "contraction"
    CHURN = "churn"
    REACTIVATION = "reactivation"
    """A customer who had paid before pays again."""
    PAUSE = "pause"
    RESUME = "resume"
    OPENING = "opening"
    """It was there before movements were recorded, or was taken over from the payment provider."""
    SWITCH = "switch"
    """Another plan or interval of the same annual amount: it only moves between plans."""


_END_OF_SUSPENSION = {
    SuspensionKind.NONPAYMENT: EndKind.NONPAYMENT,
    SuspensionKind.OPERATOR: EndKind.OPERATOR,
    SuspensionKind.TRIAL_EXPIRED: EndKind.TRIAL_EXPIRED,
}


@dataclass(frozen=True)
class Movement:
    """One movement; amounts are annual, in minor units of `currency`."""

    kind: MovementKind
    before: int
    after: int
    of: Subscription
    """What it is about: the subscription as it is now, or as it was if nothing is left of it."""
    was: Subscription | None = None
    """What `before` was paid for; None: nothing was."""
    end_kind: EndKind | None = None
    """Of a churn: why."""
    reason_code: str = ""
    """Of a churn: the customer's own reason."""

    @property
    def delta(self) -> int:
        return self.after - self.before

    @property
    def currency(self) -> str:
        return self.of.currency

    @property
    def from_plan(self) -> str:
        """The plan that `before` was paid for; empty: none was."""
        return self.was.plan if self.was is not None else ""

    @property
    def from_interval(self) -> str:
        """How often that was billed; empty: nothing was."""
        return self.was.interval.value if self.was is not None else ""


def movements(
    before: Subscription | None, after: Subscription, *, had_paid_before: bool = False
) -> tuple[Movement, ...]:
    """Returns the movements of a step from *before* to *after*: at most two.

    *before* is None for the first step. *had_paid_before*: the customer had paid earlier, in this life or another:
    then `NEW` is a `REACTIVATION`.
    """
    start = MovementKind.REACTIVATION if had_paid_before else MovementKind.NEW
    if before is None:
        return _began(MovementKind.OPENING, annual(after), after)
    taken_out, held = paused_annual(after), paused_annual(before)
    if taken_out and not held:
        return _paused(before, after, start)
    if held and not taken_out:
        return _no_longer_paused(before, after)
    was, now = annual(before), annual(after)
    if not was:
        return _began(start, now, after)
    return _ended(before, after, was) if not now else _changed(before, after, was)


def _began(kind: MovementKind, amount: int, after: Subscription) -> tuple[Movement, ...]:
    return (Movement(kind, 0, amount, after),) if amount else ()


def _paused(before: Subscription, after: Subscription, start: MovementKind) -> tuple[Movement, ...]:
    was = annual(before)
    # A suspension had ended it; an operator returned it to its pause.
    back = () if was else _began(start, paused_annual(after), after)
    amount = was or paused_annual(after)
    of = before if was else after
    return (*back, Movement(MovementKind.PAUSE, amount, 0, of, of))


def _no_longer_paused(before: Subscription, after: Subscription) -> tuple[Movement, ...]:
    held, now = paused_annual(before), annual(after)
    if now and before.currency != after.currency:
        return _began(MovementKind.RESUME, now, after)
    resumed = _began(MovementKind.RESUME, held, before)
    if now:
        return (*resumed, *_changed(before, after, held))
    return (*resumed, *_ended(before, after, held))


def _changed(before: Subscription, after: Subscription, was: int) -> tuple[Movement, ...]:
    now = annual(after)
    if before.currency != after.currency:
        return (
            Movement(MovementKind.CONTRACTION, was, 0, before, before),
            Movement(MovementKind.EXPANSION, 0, now, after),
        )
    if now == was:
        is_same = (before.plan, before.interval) == (after.plan, after.interval)
        return () if is_same else (Movement(MovementKind.SWITCH, was, now, after, before),)
    kind = MovementKind.EXPANSION if now > was else MovementKind.CONTRACTION
    return (Movement(kind, was, now, after, before),)


def _ended(before: Subscription, after: Subscription, was: int) -> tuple[Movement, ...]:
    end_kind = end_kind_of(after)
    return (Movement(MovementKind.CHURN, was, 0, before, before, end_kind, after.reason_code),)


def end_kind_of(after: Subscription) -> EndKind | None:
    """Returns why a subscription that no longer counts has stopped counting; None: it is not known."""
    if after.is_over:
        return after.end_kind
    if after.suspension is not None:
        return _END_OF_SUSPENSION.get(after.suspension.kind)
    # Only the customer moves a paid plan to the free one.
    return EndKind.CUSTOMER
