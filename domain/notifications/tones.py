"""How pressing something is, for mails and pages alike."""

from collections.abc import Callable, Mapping
from enum import StrEnum
from typing import Final

from domain.access import Access
from domain.notifications.mail_types import Occasion


class Tone(StrEnum):
    """Said in a word and by an icon; the colour comes on top."""

    DONE = "done"
    CALM = "calm"
    WARNING = "warning"
    URGENT = "urgent"


TRIAL_EXPIRED = Tone.WARNING
SUSPENDED = Tone.URGENT
LIMIT_IS_NEAR = Tone.WARNING


def of_trial(days_left: int, *, has_card: bool = False) -> Tone:
    """Returns the tone of a trial that ends in this many days.

    *has_card*: one that can be charged is on file, so it goes on by itself.
    """
    if has_card:
        return Tone.CALM
    return Tone.URGENT if days_left <= 1 else Tone.WARNING if days_left <= 3 else Tone.CALM


def of_open_payment(access: Access, *, is_near_end: bool = False) -> Tone:
    """Returns the tone of a payment that failed or waits for the customer.

    *is_near_end*: its last attempts, or none is left.
    """
    return Tone.WARNING if access is Access.FULL and not is_near_end else Tone.URGENT


def of_reached_limit(*, goes_on: bool) -> Tone:
    """Returns the tone of a limit that is reached; *goes_on*: use beyond it is allowed, if only for a time."""
    return Tone.WARNING if goes_on else Tone.URGENT


def of_mail(occasion: Occasion, facts: Mapping[str, str]) -> Tone:
    """Returns the tone of a mail, by its occasion and facts."""
    rule = _BY_FACTS.get(occasion)
    return rule(facts) if rule is not None else _ALWAYS.get(occasion, Tone.CALM)


def _of_trial_mail(facts: Mapping[str, str]) -> Tone:
    return of_trial(_number(facts, "days_left"), has_card=facts.get("has_card") == "yes")


def _of_failed_payment(facts: Mapping[str, str]) -> Tone:
    return of_open_payment(_access(facts), is_near_end=_is_near_end(facts))


def _of_confirmation(facts: Mapping[str, str]) -> Tone:
    return of_open_payment(_access(facts))


def _of_usage_limit(facts: Mapping[str, str]) -> Tone:
    return of_reached_limit(goes_on=any(facts.get(name) for name in ("beyond_limit", "grace_ends_at", "ceiling")))


def _of_change(facts: Mapping[str, str]) -> Tone:
    return Tone.WARNING if facts.get("excess", "") not in ("", "[]") else Tone.CALM


def _of_free_plan(facts: Mapping[str, str]) -> Tone:
    was_unpaid = facts.get("reason") == "nonpayment" or facts.get("decline_code")
    return Tone.WARNING if was_unpaid else _of_change(facts)


_BY_FACTS: Final[Mapping[Occasion, Callable[[Mapping[str, str]], Tone]]] = {
    Occasion.TRIAL_ENDING: _of_trial_mail,
    Occasion.PAYMENT_FAILED: _of_failed_payment,
    Occasion.ACTION_REQUIRED: _of_confirmation,
    Occasion.USAGE_LIMIT: _of_usage_limit,
    Occasion.PLAN_CHANGED: _of_change,
    Occasion.PLAN_CHANGE_SCHEDULED: _of_change,
    Occasion.MOVED_TO_FREE: _of_free_plan,
}
_ALWAYS: Final[Mapping[Occasion, Tone]] = {
    Occasion.TRIAL_EXPIRED: TRIAL_EXPIRED,
    Occasion.SUSPENDED: SUSPENDED,
    Occasion.USAGE_WARNING: LIMIT_IS_NEAR,
    Occasion.CARD_EXPIRING: Tone.WARNING,
    Occasion.PURCHASE_REFUSED: Tone.WARNING,
    Occasion.ENDPOINT_DISABLED: Tone.WARNING,
}
"""All others are calm."""


def _is_near_end(facts: Mapping[str, str]) -> bool:
    """True if no attempt is ahead, or only the last of more than two."""
    attempts = _number(facts, "attempts")
    return not facts.get("next_attempt_at") or _number(facts, "attempt") + 1 >= attempts > 2


def _access(facts: Mapping[str, str]) -> Access:
    given = facts.get("access", "")
    return Access(given) if given in set(Access) else Access.FULL


def _number(facts: Mapping[str, str], name: str) -> int:
    given = facts.get(name, "")
    return int(given) if given.isascii() and given.isdigit() else 0
