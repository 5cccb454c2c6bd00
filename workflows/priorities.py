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

    PERSON = 1
    """Somebody waits for it."""
    CONVERSION = 2
    """The first payment of a subscription."""
    COLLECTION = 3
    """A retry, a renewal, a planned change, and what follows from them."""
    LOOK = 4
    """Asking how things stand."""
    REMINDER = 5
    """A mail that may as well come some minutes later."""


LONGEST_KEY = 64
"""Bytes of a fairness key."""

_awaited: ContextVar[bool] = ContextVar("somebody waits for what is done", default=False)


@contextmanager
def somebody_waits() -> Iterator[None]:
    """All that is asked of the outside while the block runs is as urgent as can be."""
    before = _awaited.get()
    _awaited.set(True)
    try:
        yield
    finally:
        # No token: a workflow that is evicted ends its blocks in another context, where a token is refused.
        _awaited.set(before)


_tried_once: ContextVar[int | None] = ContextVar("after how many refusals the provider is asked once", default=None)


@contextmanager
def tried_once(refusals: int) -> Iterator[None]:
    """What is asked of the provider while the block runs is not asked again by itself: the workflow does that.

    After *refusals* it is asked under a key of its own (`domain.provider.attempt_keys`).
    """
    before = _tried_once.get()
    _tried_once.set(refusals)
    try:
        yield
    finally:
        _tried_once.set(before)


_tried_briefly: ContextVar[bool] = ContextVar("the provider does not answer anyway", default=False)


@contextmanager
def tried_briefly(*, on: bool = True) -> Iterator[None]:
    """What is asked of the provider while the block runs is given up soon: a step of the subscription waits already."""
    before = _tried_briefly.get()
    _tried_briefly.set(on)
    try:
        yield
    finally:
        _tried_briefly.set(before)


def is_tried_briefly() -> bool:
    return _tried_briefly.get()


def is_tried_once() -> bool:
    return _tried_once.get() is not None


def key_of_this_try(key: str) -> str:
    return asked_again(key, _tried_once.get() or 0)


def priority(urgency: Urgency, tenant: str) -> Priority:
    """Of an activity: a tenant with much to do does not keep others from their turn."""
    key = tenant.encode()[:LONGEST_KEY].decode(errors="ignore")
    return Priority(priority_key=Urgency.PERSON if _awaited.get() else urgency, fairness_key=key)


_NOTICES = frozenset(
    {
        Occasion.TRIAL_ENDING,
        Occasion.CARD_EXPIRING,
        Occasion.RENEWAL_AHEAD,
        Occasion.USAGE_WARNING,
        Occasion.USAGE_LIMIT,
    }
)
_PRESSING = frozenset({Occasion.ACTION_REQUIRED, Occasion.PAYMENT_FAILED, Occasion.SUSPENDED, Occasion.TRIAL_EXPIRED})


def priority_of_mail(occasion: Occasion) -> Priority:
    """Of a mail's workflow: none goes before a subscription's own steps, and reminders go last."""
    if occasion in _NOTICES:
        return Priority(priority_key=Urgency.REMINDER)
    return Priority(priority_key=Urgency.COLLECTION if occasion in _PRESSING else Urgency.LOOK)
