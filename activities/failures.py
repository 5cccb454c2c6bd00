"""Converts our errors to Temporal failures and back; nothing else does."""

import random
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import timedelta

from temporalio import activity
from temporalio.exceptions import ActivityError, ApplicationError, FailureError
from temporalio.exceptions import TimeoutError as TimedOut

from domain.errors import (
    GatewayBusy,
    GatewayForbidden,
    GatewayRefused,
    GatewayUnavailable,
    Haste,
    Malformed,
    Rejected,
    TenureError,
)

KINDS: Mapping[str, type[TenureError]] = {
    "Malformed": Malformed,
    "Rejected": Rejected,
    "GatewayRefused": GatewayRefused,
    "GatewayBusy": GatewayBusy,
    "GatewayForbidden": GatewayForbidden,
    "GatewayUnavailable": GatewayUnavailable,
    "TenureError": TenureError,
}
"""The kind of each error in a failure, subclasses first. Histories of running workflows contain it: a class may be
renamed, its kind may not."""
PAUSES: Mapping[Haste, tuple[float, float]] = {Haste.LOCK: (0.5, 5.0), Haste.RATE: (2.0, 60.0)}
"""Seconds before the second attempt, and at most, after a call was turned away unprocessed."""
UNKNOWN_ACTIVITY = "NotFoundError"
"""How a worker of an earlier release refuses an unknown activity: a newer worker will take it."""
FORBIDDEN_ATTEMPTS = 5
"""After this many attempts rejected for our key, the failure goes to the workflow. With pauses of 1, 2, 4 and 8 seconds
that takes a quarter of a minute: enough for a key that is being rotated."""


def as_failure(error: TenureError) -> ApplicationError:
    """Returns the failure that carries an error through Temporal; it is retryable only if a retry may help."""
    carried: dict[str, object] = {"kind": _kind(error), "field": getattr(error, "field", None)}
    if error.details:
        carried["details"] = error.details
    if isinstance(error, GatewayBusy):
        carried |= {"haste": error.haste.value, "retry_after": error.retry_after}
    return ApplicationError(
        error.message,
        carried,
        type=error.code,
        non_retryable=not _is_retryable(error),
        next_retry_delay=_pause(error),
    )


def _is_retryable(error: TenureError) -> bool:
    if isinstance(error, GatewayForbidden) and activity.in_activity():
        return activity.info().attempt < FORBIDDEN_ATTEMPTS
    return isinstance(error, GatewayUnavailable)


def _pause(error: TenureError) -> timedelta | None:
    """The delay before an activity's next attempt; None: as its retry policy says."""
    if not isinstance(error, GatewayBusy) or not activity.in_activity():
        return None
    return pause_after(error, activity.info().attempt, random.random())  # noqa: S311 - chance, not a secret


def pause_after(error: GatewayBusy, attempt: int, chance: float) -> timedelta:
    """The delay before retrying a busy system: exponential, with jitter from *chance*, which is 0 to 1.

    A lock is released soon. A rate limit is shared, so callers turned away together must not return together.
    """
    first, longest = PAUSES[error.haste]
    seconds = min(first * 2.0 ** min(attempt - 1, 30), longest)
    return timedelta(seconds=max(seconds * (0.5 + chance / 2), error.retry_after))


def _kind(error: TenureError) -> str:
    return next(kind for kind, known in KINDS.items() if isinstance(error, known))


@contextmanager
def as_temporal_failures() -> Iterator[None]:
    """Converts our errors to Temporal failures; all other errors are retried as they are."""
    try:
        yield
    except TenureError as error:
        raise as_failure(error) from error


def as_tenure_error(failure: BaseException | None) -> TenureError | None:
    """Returns the error that a failure, or its cause, carries; None if it was our own bug."""
    while isinstance(failure, FailureError):
        if isinstance(failure, ApplicationError) and failure.details:
            return _restored(failure)
        if isinstance(failure, ApplicationError) and failure.type == UNKNOWN_ACTIVITY:
            return GatewayUnavailable("no worker knows this activity yet", code="no_answer")
        if isinstance(failure, TimedOut) and failure.cause is None:
            return GatewayUnavailable("no answer came in time", code="no_answer")
        failure = failure.cause
    return None


def _restored(failure: ApplicationError) -> TenureError | None:
    carried = failure.details[0]
    if not isinstance(carried, dict):
        return None
    kind, field, code = KINDS.get(carried.get("kind", "")), carried.get("field"), failure.type
    if kind is Malformed:
        return Malformed(failure.message, field=field or "", code=code)
    if kind is GatewayRefused:
        return GatewayRefused(failure.message, code=code, field=field)
    if kind is GatewayBusy:
        haste, retry_after = Haste(carried.get("haste", Haste.RATE)), float(carried.get("retry_after", 0))
        return GatewayBusy(failure.message, haste=haste, retry_after=retry_after, code=code)
    if kind is Rejected:
        return Rejected(failure.message, code=code, details=carried.get("details"))
    return kind(failure.message, code=code, details=carried.get("details")) if kind in _PLAIN else None


_PLAIN: tuple[type[TenureError], ...] = (GatewayForbidden, GatewayUnavailable)
"""Errors with only a message and a code."""

STEP_FAILED = (ActivityError, ApplicationError)
"""What a workflow catches when an activity failed permanently; a local activity raises its own error unwrapped."""


def refusal(error: FailureError) -> ApplicationError | None:
    """Returns the refusal inside a failed activity, to be raised from an update; None if it was not a refusal."""
    carried = as_tenure_error(error)
    return None if carried is None else as_failure(carried)


def can_be_had_later(error: BaseException) -> bool:
    """True if an activity failed for an outage or a rejected key: the step itself is valid.

    What an attempt did may be unknown; the same step must be retried under the same key.
    """
    carried = as_tenure_error(error) if isinstance(error, FailureError) else error
    return isinstance(carried, GatewayUnavailable)


def may_have_been_done(error: BaseException) -> bool:
    """True if a failed activity got no answer; a system that rejected our key has done nothing."""
    carried = as_tenure_error(error) if isinstance(error, FailureError) else error
    return isinstance(carried, GatewayUnavailable) and not isinstance(carried, GatewayForbidden)
