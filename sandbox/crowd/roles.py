"""Those that no crowd is without: somebody in every state that an operator has to do with."""

from calendar import monthrange
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from enum import StrEnum
from random import Random

from domain.subscription.ends import ReasonCode
from sandbox.crowd.acts import A_MONTH, Act, Deed, Draft, Plot, plotted

USUAL_TRIAL = 14
"""Days, for those who need a trial where the policy gives none."""


class Role(StrEnum):
    """What an operator finds somebody in."""

    TRIAL_ENDS_TODAY = "trial_ends_today"
    TRIAL_ENDS_TODAY_WITHOUT_CARD = "trial_ends_today_without_card"
    TRIAL_ENDS_THIS_WEEK = "trial_ends_this_week"
    TRIAL_ENDS_THIS_WEEK_WITHOUT_CARD = "trial_ends_this_week_without_card"
    PAST_DUE = "past_due"
    PAST_DUE_FOR_DAYS = "past_due_for_days"
    SUSPENDED_FOR_NONPAYMENT = "suspended_for_nonpayment"
    SUSPENDED_BY_OPERATOR = "suspended_by_operator"
    BLOCKED = "blocked"
    DIFFERS = "differs"
    """Ended at the provider, which was never heard."""
    USES_80 = "uses_80"
    USES_90 = "uses_90"
    USES_ALL = "uses_all"
    PAUSED = "paused"
    ENDS_SOON = "ends_soon"
    DISPUTED = "disputed"
    WILL_DOWNGRADE = "will_downgrade"
    RETRIED = "retried"
    GAVE_NEW_CARD = "gave_new_card"
    PAID_WHAT_WAS_OWED = "paid_what_was_owed"
    WAIVED = "waived"
    LOST = "lost"
    WON_BACK = "won_back"
    REFUNDED = "refunded"
    REFUNDED_IN_PART = "refunded_in_part"
    LOST_DISPUTE = "lost_dispute"
    UPGRADED = "upgraded"
    PAYS_BY_THE_YEAR = "pays_by_the_year"
    UNDID_CANCELLATION = "undid_cancellation"
    LEFT = "left"
    CAME_BACK = "came_back"
    FIRST_PAYMENT_DECLINED = "first_payment_declined"
    TRIAL_EXPIRED = "trial_expired"
    LEFT_IN_TRIAL = "left_in_trial"


def cast(role: Role, now: datetime, trial_days: int, dice: Random) -> Plot:
    """The plot of somebody with a role."""
    days, card, acts = _ROLES[role](now, trial_days or USUAL_TRIAL)
    draft = Draft(dice, days, (trial_days or USUAL_TRIAL) if role in _ON_TRIAL else 0, card, list(acts))
    draft.use = _USES.get(role)
    return replace(plotted(draft, now, rank=_RANKS.get(role, dice.uniform(0, 0.6))), role=role.value)


_ON_TRIAL = frozenset(
    {
        Role.TRIAL_ENDS_TODAY,
        Role.TRIAL_ENDS_TODAY_WITHOUT_CARD,
        Role.TRIAL_ENDS_THIS_WEEK,
        Role.TRIAL_ENDS_THIS_WEEK_WITHOUT_CARD,
        Role.BLOCKED,
        Role.TRIAL_EXPIRED,
        Role.LEFT_IN_TRIAL,
    }
)
_USES = {Role.USES_80: 0.8, Role.USES_90: 0.9, Role.USES_ALL: 1.0}
_RANKS = {Role.UPGRADED: 0.0, Role.WILL_DOWNGRADE: 0.6}
_CARD, _NO_CARD, _BAD_CARD = "pm_card_visa", None, "pm_card_chargeCustomerFail"
_Part = tuple[float, str | None, Sequence[Act]]


def _for(days: float, *acts: Act, card: str | None = _CARD) -> Callable[[datetime, int], _Part]:
    """Signed up this many days ago; acts on negative days are that long ago."""
    placed = [act if act.day >= 0 else replace(act, day=days + act.day) for act in acts]
    return lambda _now, _trial_days: (days, card, placed)


def _of_trial(days_left: float, *acts: Act, card: str | None = _CARD) -> Callable[[datetime, int], _Part]:
    """In a trial that ends in this many days."""
    return lambda _now, trial_days: (trial_days - days_left, card, acts)


def _renewed(months: int, days_ago: float, *acts: Act) -> Callable[[datetime, int], _Part]:
    """Who was renewed this many days ago, *months* after the sign-up, or one more where the day is in too few months.

    Acts are on days after a month before that renewal, or that long ago.
    """

    def part(now: datetime, _trial_days: int) -> _Part:
        days = (now - _months_before(now - timedelta(days=days_ago), months)) / timedelta(days=1)
        before_last = days - days_ago - A_MONTH
        return days, _CARD, [replace(act, day=act.day + (before_last if act.day >= 0 else days)) for act in acts]

    return part


def _months_before(at: datetime, months: int) -> datetime:
    """The same day so many months earlier, or in the next one before that has such a day."""
    year, month = divmod(at.year * 12 + at.month - 1 - months, 12)
    if at.day > monthrange(year, month + 1)[1]:
        return _months_before(at, months + 1)
    return at.replace(year=year, month=month + 1)


def _no(*answers: str) -> Act:
    """The bank declines the next renewal, and answers so from then on."""
    return Act(20, Deed.BANK, answers=("insufficient_funds", *answers))


_TOO_EXPENSIVE = ReasonCode.TOO_EXPENSIVE.value
_ROLES: dict[Role, Callable[[datetime, int], _Part]] = {
    Role.TRIAL_ENDS_TODAY: _of_trial(0.2),
    Role.TRIAL_ENDS_TODAY_WITHOUT_CARD: _of_trial(0.3, card=_NO_CARD),
    Role.TRIAL_ENDS_THIS_WEEK: _of_trial(4.4),
    Role.TRIAL_ENDS_THIS_WEEK_WITHOUT_CARD: _of_trial(2.6, card=_NO_CARD),
    Role.PAST_DUE: _renewed(3, 1.5, _no()),
    Role.PAST_DUE_FOR_DAYS: _renewed(5, 6.5, _no()),
    Role.SUSPENDED_FOR_NONPAYMENT: _renewed(4, 21, _no()),
    Role.SUSPENDED_BY_OPERATOR: _for(140, Act(-2, Deed.SUSPEND, "Reported for spam, under review")),
    Role.BLOCKED: _of_trial(-0.004, Act(1, Deed.OUTAGE)),
    Role.DIFFERS: _for(170),
    Role.USES_80: _for(75),
    Role.USES_90: _for(110),
    Role.USES_ALL: _for(160),
    Role.PAUSED: _renewed(4, 18, Act(-8, Deed.PAUSE, "30")),
    Role.ENDS_SOON: _renewed(6, 12, Act(-3, Deed.CANCEL, "The budget for next year was cut.", _TOO_EXPENSIVE)),
    Role.DISPUTED: _renewed(2, 8, Act(-4, Deed.DISPUTE)),
    Role.WILL_DOWNGRADE: _renewed(4, 10, Act(-5, Deed.DOWNGRADE)),
    Role.RETRIED: _renewed(5, 40, _no("insufficient_funds", "ok")),
    Role.GAVE_NEW_CARD: _renewed(7, 75, _no(), Act(34, Deed.NEW_CARD)),
    # Paid before any retry: where the hours for them are over early, the first comes 8 hours after the decline.
    Role.PAID_WHAT_WAS_OWED: _renewed(4, 45, _no("ok"), Act(30.6, Deed.PAY)),
    Role.WAIVED: _renewed(3, 25, _no(), Act(33, Deed.WAIVE)),
    Role.LOST: _renewed(4, 100, _no()),
    Role.WON_BACK: _renewed(5, 80, _no(), Act(51, Deed.NEW_CARD)),
    Role.REFUNDED: _for(95, Act(50, Deed.REFUND)),
    Role.REFUNDED_IN_PART: _for(64, Act(40, Deed.REFUND_PART)),
    Role.LOST_DISPUTE: _for(150, Act(70, Deed.DISPUTE), Act(85, Deed.LOSE_DISPUTE)),
    Role.UPGRADED: _for(180, Act(66, Deed.UPGRADE)),
    Role.PAYS_BY_THE_YEAR: _for(205, Act(47, Deed.PAY_BY_THE_YEAR)),
    Role.UNDID_CANCELLATION: _for(
        220, Act(100, Deed.CANCEL, "Not used enough.", ReasonCode.UNUSED.value), Act(103, Deed.UNDO_CANCEL)
    ),
    Role.LEFT: _for(240, Act(125, Deed.CANCEL, "Zu teuer für unser Team.", _TOO_EXPENSIVE)),
    Role.CAME_BACK: _for(260, Act(65, Deed.CANCEL, "Back in autumn.", ReasonCode.UNUSED.value), Act(160, Deed.RETURN)),
    Role.FIRST_PAYMENT_DECLINED: _for(33, card=_BAD_CARD),
    Role.TRIAL_EXPIRED: _of_trial(-8, card=_NO_CARD),
    Role.LEFT_IN_TRIAL: _of_trial(-50, Act(5, Deed.CANCEL_NOW, "Zu viel einzurichten.", ReasonCode.TOO_COMPLEX.value)),
}
