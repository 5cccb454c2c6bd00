"""What a bulk run does to each of its subscriptions, whether one allows it, and what undoes it."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from domain.errors import Rejected
from domain.subscription import guards, trial
from domain.subscription.commands import CancelAt
from domain.subscription.state import Subscription

_A_REASON: Final = "given when it is started"
"""A preview asks whether anything but the reason is in the way: a run does not start without one."""


class ActionKind(StrEnum):
    """The command that each subscription gets."""

    EXTEND_TRIAL = "extend_trial"
    SUSPEND = "suspend"
    REACTIVATE = "reactivate"
    CANCEL = "cancel"
    UNCANCEL = "uncancel"
    MIGRATE_POLICY = "migrate_policy"
    RETRY_MAILS = "retry_mails"
    """Send the mails again that were given up, to the address that the customer has now."""


@dataclass(frozen=True)
class BulkAction:
    """A command with its parameters; those of other kinds are left at their defaults."""

    kind: ActionKind
    days: int = 0
    """By how many days a trial is extended."""
    at: CancelAt = CancelAt.PERIOD_END
    """When a cancellation takes effect."""
    policy: str = ""
    """The version of the published policy that subscriptions are moved to."""


def check(action: BulkAction, subscription: Subscription, *, has_mail_given_up: bool = False) -> None:
    """Checks that the subscription's workflow would accept the command; the workflow makes the same check.

    Whether a mail was given up is not in the state, so it is passed.

    Raises:
        Rejected: it would refuse; the code says why.
    """
    match action.kind:
        case ActionKind.EXTEND_TRIAL:
            trial.check_extension(subscription, action.days, _A_REASON)
        case ActionKind.SUSPEND:
            guards.check_suspend(subscription, _A_REASON)
        case ActionKind.REACTIVATE:
            guards.check_reactivate(subscription, _A_REASON)
        case ActionKind.CANCEL:
            guards.check_cancel(subscription, action.at)
        case ActionKind.UNCANCEL:
            guards.check_uncancel(subscription)
        case ActionKind.MIGRATE_POLICY:
            guards.check_alive(subscription)
        case ActionKind.RETRY_MAILS:
            if not has_mail_given_up:
                raise Rejected("no mail of the subscription was given up", code="no_mail_given_up")


def inverse(action: BulkAction) -> BulkAction | None:
    """Return what undoes an action; None if nothing does.

    A trial cannot be shortened, an end that has come is final, a mail cannot be called back, and subscriptions that
    were moved to a policy came from different ones.
    """
    match action:
        case BulkAction(kind=ActionKind.SUSPEND):
            return BulkAction(ActionKind.REACTIVATE)
        case BulkAction(kind=ActionKind.REACTIVATE):
            return BulkAction(ActionKind.SUSPEND)
        case BulkAction(kind=ActionKind.CANCEL, at=CancelAt.PERIOD_END):
            return BulkAction(ActionKind.UNCANCEL)
        case BulkAction(kind=ActionKind.UNCANCEL):
            return BulkAction(ActionKind.CANCEL, at=CancelAt.PERIOD_END)
    return None
