"""Draws who does what: sign-ups that grow month by month, and for each customer acts on days of their own.

A plot is data, the same for the same seed, and drawn before anything is lived. What an act comes to is decided by the
product when its time has come; what is refused then does not happen.
"""

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime
from random import Random

from domain.subscription.ends import ReasonCode
from sandbox.crowd.acts import A_MONTH, Deed, Draft, Plot, plotted
from sandbox.crowd.people import people
from sandbox.crowd.roles import Role, cast

MONTHS = 12
GROWTH = 0.3
"""So much more of the first month's sign-ups come in every month than in the one before."""
DECLINES = ("insufficient_funds", "insufficient_funds", "generic_decline", "do_not_honor", "expired_card", "lost_card")

Scene = Callable[[Draft], None]


def plots(number: int, now: datetime, trial_days: int, seed: int, name: str) -> list[Plot]:
    """The plots of this many customers, whose year ends *now*: first those that no crowd is without."""
    dice = Random(seed)  # noqa: S311 - chance, not a secret
    contacts = list(people(number, dice, name))
    needed = [cast(role, now, trial_days, dice) for role in list(Role)[:number]]
    further = [_anybody(now, trial_days, dice) for _ in range(number - len(needed))]
    drawn = sorted((*needed, *further), key=lambda plot: plot.signs_up_at)
    return [replace(plot, contact=contact) for plot, contact in zip(drawn, contacts, strict=True)]


# Anybody


def _anybody(now: datetime, trial_days: int, dice: Random) -> Plot:
    """A customer as most are."""
    draft = Draft(dice, _days_ago(dice), trial_days, dice.choice(("pm_card_visa", "pm_card_mastercard")))
    if trial_days and dice.random() < 0.12:
        draft.trial_days = 0
    if draft.trial_days and dice.random() < 0.55:
        _without_card(draft)
    elif draft.trial_days and dice.random() < 0.08:
        draft.cancel(dice.uniform(1, draft.trial_days))
    elif dice.random() < 0.02:
        draft.card = "pm_card_chargeCustomerFail"
    by_the_year = dice.random() < 0.2
    _months(draft, by_the_year=by_the_year)
    draft.use = min(dice.betavariate(2, 3), 0.97) if dice.random() < 0.8 else None
    return plotted(draft, now, rank=dice.betavariate(1.2, 2.2), by_the_year=by_the_year)


def _days_ago(dice: Random) -> float:
    """When one signs up: more in every month than in the one before, and by day more than by night."""
    weights = [1 + GROWTH * month for month in range(MONTHS)]
    month = dice.choices(range(MONTHS), weights)[0]
    day = (MONTHS - 1 - month) * A_MONTH + dice.uniform(0.3, A_MONTH)
    return day + dice.gauss(0, 0.1)


def _without_card(draft: Draft) -> None:
    dice, draft.card = draft.dice, None
    chance = dice.random()
    if chance < 0.32:
        draft.add(dice.uniform(1, draft.trial_days - 0.5), Deed.GIVE_CARD)
    elif chance < 0.40:
        draft.add(draft.trial_days - 1, Deed.EXTEND, "Asked for a week more, waits for the team")
        draft.add(draft.trial_days + 4, Deed.GIVE_CARD)
    elif chance < 0.46:
        draft.add(draft.trial_days + dice.uniform(1, 20), Deed.GIVE_CARD)


def _months(draft: Draft, *, by_the_year: bool) -> None:
    """Draw what happens in the months after the first payment, until they leave."""
    dice, number = draft.dice, 1
    while draft.renewal(number) < draft.days:
        chance = dice.random()
        for share, scene in _EVERY_MONTH:
            if chance < share:
                scene(draft)
                break
            chance -= share
        if not by_the_year and dice.random() < 0.055:
            dice.choice((_saved_by_retry, _saved_by_retry, _saved_by_card, _saved_by_paying, _lost))(draft)
        number += 1


def _day(draft: Draft) -> float:
    """Some day after the last act and the trial, and not long after."""
    last = max((act.day for act in draft.acts), default=0.0)
    return max(last + 2, draft.trial_days + 3) + draft.dice.uniform(0, A_MONTH)


def _leaves(draft: Draft) -> None:
    day = _day(draft)
    deed = draft.dice.choice((Deed.CANCEL, Deed.CANCEL, Deed.CANCEL, Deed.CANCEL_NOW, Deed.DISMISS))
    if deed is Deed.DISMISS:
        draft.add(day, deed, "Asked for by mail", ReasonCode.OTHER.value)
    else:
        draft.cancel(day, deed)
    if draft.dice.random() < 0.15:
        draft.add(day + draft.dice.uniform(45, 120), Deed.RETURN)


def _thinks_better_of_it(draft: Draft) -> None:
    day = _day(draft)
    draft.cancel(day)
    draft.add(day + draft.dice.uniform(0.1, 4), Deed.UNDO_CANCEL)


def _upgrades(draft: Draft) -> None:
    draft.add(_day(draft), Deed.UPGRADE)


def _downgrades(draft: Draft) -> None:
    draft.add(_day(draft), Deed.DOWNGRADE)


def _adds(draft: Draft) -> None:
    draft.add(_day(draft), Deed.ADD_ON)


def _pays_by_the_year(draft: Draft) -> None:
    draft.add(_day(draft), Deed.PAY_BY_THE_YEAR)


def _pauses(draft: Draft) -> None:
    day = _day(draft)
    draft.add(day, Deed.PAUSE, "30")
    if draft.dice.random() < 0.4:
        draft.add(day + 12, Deed.RESUME)


def _is_refunded(draft: Draft) -> None:
    draft.add(_day(draft), draft.dice.choice((Deed.REFUND, Deed.REFUND_PART)))


def _disputes(draft: Draft) -> None:
    day = _day(draft)
    draft.add(day, Deed.DISPUTE)
    draft.add(day + 20, draft.dice.choice((Deed.WIN_DISPUTE, Deed.LOSE_DISPUTE)))


def _is_suspended(draft: Draft) -> None:
    day = _day(draft)
    draft.add(day, Deed.SUSPEND, "Reported for spam, under review")
    draft.add(day + 5, Deed.REACTIVATE, "The report was wrong")


_EVERY_MONTH = (
    (0.034, _leaves),
    (0.012, _thinks_better_of_it),
    (0.045, _upgrades),
    (0.018, _downgrades),
    (0.040, _adds),
    (0.012, _pays_by_the_year),
    (0.015, _pauses),
    (0.010, _is_refunded),
    (0.006, _disputes),
    (0.004, _is_suspended),
)
"""The chance of each in a month."""


# Declined renewals


def _next_renewal(draft: Draft) -> float:
    last = max((act.day for act in draft.acts), default=0.0)
    number = 1
    while draft.renewal(number) <= last:
        number += 1
    return draft.renewal(number)


def _declines(draft: Draft, tries: int, *after: str) -> float:
    """Have the bank decline this many charges from the next renewal on; returns the day of the renewal."""
    day = _next_renewal(draft)
    draft.add(day, Deed.BANK, answers=[draft.dice.choice(DECLINES)] * tries + list(after))
    return day + 2.5


def _saved_by_retry(draft: Draft) -> None:
    _declines(draft, draft.dice.randint(1, 3), "ok")


def _saved_by_card(draft: Draft) -> None:
    draft.add(_declines(draft, 1) + draft.dice.uniform(0.3, 9), Deed.NEW_CARD)


def _saved_by_paying(draft: Draft) -> None:
    draft.add(_declines(draft, 1, "ok") + 0.6, Deed.PAY)


def _lost(draft: Draft) -> None:
    _declines(draft, 1)
