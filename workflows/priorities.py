"""Who goes first where work queues up: how urgent each call to the outside is, and on whose behalf it is made.

Temporal hands out what waits in a queue by priority first, then fairly among the fairness keys.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from enum import IntEnum

from temporalio.common import Priority

from domain.notifications.mail_types import Occasion
from domain.provider.attempt_keys import asked_again


class Urgency(IntEnum):
    """Temporal's priorities: 1 goes first, 5 last."""

    INTERACTIVE = 1
    """Somebody waits for it."""
    CONVERSION = 2
    """The first payment of a subscription."""
    COLLECTION = 3
    """A retry, a renewal, a planned change, and what follows from them."""
    LOOKUP = 4
    """Asking how things stand."""
    REMINDER = 5
    """A mail that may as well come some minutes later."""


MAX_FAIRNESS_KEY_BYTES = 64
"""Bytes of a fairness key."""

_interactive: ContextVar[bool] = ContextVar("somebody waits for what is done", default=False)


@contextmanager
def interactive() -> Iterator[None]:
    """All that is asked of the outside while the block runs is as urgent as can be."""
    before = _interactive.get()
    _interactive.set(True)
    try:
        yield
    finally:
        # No token: a workflow that is evicted ends its blocks in another context, where a token is refused.
        _interactive.set(before)


_single_attempt: ContextVar[int | None] = ContextVar("after how many refusals the provider is asked once", default=None)


@contextmanager
def single_attempt(refusals: int) -> Iterator[None]:
    """What is asked of the provider while the block runs is not asked again by itself: the workflow does that.

    After *refusals* it is asked under a key of its own (`domain.provider.attempt_keys`).
    """
    before = _single_attempt.get()
    _single_attempt.set(refusals)
    try:
        yield
    finally:
        _single_attempt.set(before)


_few_attempts: ContextVar[bool] = ContextVar("the provider does not answer anyway", default=False)


@contextmanager
def few_attempts(*, on: bool = True) -> Iterator[None]:
    """What is asked of the provider while the block runs is given up soon: a step of the subscription waits already."""
    before = _few_attempts.get()
    _few_attempts.set(on)
    try:
        yield
    finally:
        _few_attempts.set(before)


def is_few_attempts() -> bool:
    return _few_attempts.get()


def is_single_attempt() -> bool:
    return _single_attempt.get() is not None


def attempt_key(key: str) -> str:
    return asked_again(key, _single_attempt.get() or 0)


def priority(urgency: Urgency, tenant: str) -> Priority:
    """Of an activity: a tenant with much to do does not keep others from their turn."""
    key = tenant.encode()[:MAX_FAIRNESS_KEY_BYTES].decode(errors="ignore")
    return Priority(priority_key=Urgency.INTERACTIVE if _interactive.get() else urgency, fairness_key=key)


_REMINDERS = frozenset(
    {
        Occasion.TRIAL_ENDING,
        Occasion.CARD_EXPIRING,
        Occasion.RENEWAL_AHEAD,
        Occasion.USAGE_WARNING,
        Occasion.USAGE_LIMIT,
    }
)
_URGENT = frozenset({Occasion.ACTION_REQUIRED, Occasion.PAYMENT_FAILED, Occasion.SUSPENDED, Occasion.TRIAL_EXPIRED})


def mail_priority(occasion: Occasion) -> Priority:
    """Of a mail's workflow: none goes before a subscription's own steps, and reminders go last."""
    if occasion in _REMINDERS:
        return Priority(priority_key=Urgency.REMINDER)
    return Priority(priority_key=Urgency.COLLECTION if occasion in _URGENT else Urgency.LOOKUP)
