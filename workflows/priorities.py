"""Priorities of outside calls: how urgent each activity is, and for which tenant it runs.

Temporal dispatches a task queue by priority first, then fairly among the fairness keys.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from enum import IntEnum

from temporalio.common import Priority

from domain.notifications.mail_types import Occasion
from domain.provider.identifiers import key_after_refusals


class Urgency(IntEnum):
    """Temporal priority keys: 1 goes first, 5 last."""

    INTERACTIVE = 1
    """A caller is waiting for the answer."""
    CONVERSION = 2
    """The first payment of a subscription."""
    COLLECTION = 3
    """Retries, renewals, planned changes, and what follows from them."""
    LOOKUP = 4
    """Reading the provider's current state."""
    REMINDER = 5
    """Mails that may arrive some minutes later."""


MAX_FAIRNESS_KEY_BYTES = 64
"""Temporal's limit for a fairness key."""

_interactive: ContextVar[bool] = ContextVar("a caller is waiting", default=False)


@contextmanager
def interactive() -> Iterator[None]:
    """Give all activities that start inside the block the highest priority: a caller is waiting."""
    before = _interactive.get()
    _interactive.set(True)
    try:
        yield
    finally:
        # No token: an evicted workflow leaves its blocks in another context, where a token is rejected.
        _interactive.set(before)


_single_attempt: ContextVar[int | None] = ContextVar("refusals before the single attempt", default=None)


@contextmanager
def single_attempt(refusals: int) -> Iterator[None]:
    """Provider activities inside the block get one attempt; the workflow itself retries them later.

    After *refusals* each request gets an idempotency key of its own (`domain.provider.identifiers`).
    """
    before = _single_attempt.get()
    _single_attempt.set(refusals)
    try:
        yield
    finally:
        _single_attempt.set(before)


_few_attempts: ContextVar[bool] = ContextVar("few attempts", default=False)


@contextmanager
def few_attempts(*, on: bool = True) -> Iterator[None]:
    """Provider activities inside the block give up after a few attempts: a step is blocked already."""
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
    return key_after_refusals(key, _single_attempt.get() or 0)


def priority(urgency: Urgency, tenant: str) -> Priority:
    """The priority of an activity; fair among tenants, so that a busy one does not starve the others."""
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
_URGENT = frozenset(
    {
        Occasion.ACTION_REQUIRED,
        Occasion.OPERATOR_SIGN_IN,
        Occasion.PAYMENT_FAILED,
        Occasion.SUSPENDED,
        Occasion.TRIAL_EXPIRED,
    }
)


def mail_priority(occasion: Occasion) -> Priority:
    """The priority of a mail's workflow: never ahead of a subscription's own steps, reminders last."""
    if occasion in _REMINDERS:
        return Priority(priority_key=Urgency.REMINDER)
    return Priority(priority_key=Urgency.COLLECTION if occasion in _URGENT else Urgency.LOOKUP)


def delivery_priority(endpoint: str) -> Priority:
    """The priority of an event to a product: never ahead of a subscription's own steps, and fair among endpoints."""
    return Priority(priority_key=Urgency.LOOKUP, fairness_key=endpoint)
