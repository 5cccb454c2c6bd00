"""The one place where our errors become Temporal failures and back."""

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
"""What a failure calls each error, the narrower before the wider. It is in histories of workflows that still run: a
class may get another name, its kind may not."""
PAUSES: Mapping[Haste, tuple[float, float]] = {Haste.LOCK: (0.5, 5.0), Haste.RATE: (2.0, 60.0)}
"""Seconds before the second attempt, and at most, when a call was turned away unheard."""
UNKNOWN_ACTIVITY = "NotFoundError"
"""How a worker of an earlier release refuses an activity that it does not know: one of ours will take it."""
FORBIDDEN_ATTEMPTS = 5
"""So many attempts of an activity may meet a system that does not accept our key; then the workflow is told. With
pauses of 1, 2, 4 and 8 seconds that takes a quarter of a minute: long enough for a key that is just being replaced."""


def as_failure(error: TenureError) -> ApplicationError:
    """The failure that carries an error's code, message and field through Temporal; retried only when that may help."""
    carried: dict[str, object] = {"kind": _kind(error), "field": getattr(error, "field", None)}
    if error.details:
        carried["details"] = error.details
    if isinstance(error, GatewayBusy):
        carried |= {"haste": error.haste.value, "retry_after": error.retry_after}
    return ApplicationError(
        error.message,
        carried,
        type=error.code,
        non_retryable=not _is_worth_another_attempt(error),
        next_retry_delay=_pause(error),
    )


def _is_worth_another_attempt(error: TenureError) -> bool:
    if isinstance(error, GatewayForbidden) and activity.in_activity():
        return activity.info().attempt < FORBIDDEN_ATTEMPTS
    return isinstance(error, GatewayUnavailable)


def _pause(error: TenureError) -> timedelta | None:
    """Until an activity's next attempt; None: as its retry policy has it."""
    if not isinstance(error, GatewayBusy) or not activity.in_activity():
        return None
    return pause_after(error, activity.info().attempt, random.random())  # noqa: S311 - chance, not a secret


def pause_after(error: GatewayBusy, attempt: int, chance: float) -> timedelta:
    """How long to leave alone who was too busy for us: longer each time, by a *chance* of 0 to 1 of one's own.

    A lock is soon gone. A rate is everybody's, so those that were turned away together must not come back together.
    """
    first, longest = PAUSES[error.haste]
    seconds = min(first * 2.0 ** min(attempt - 1, 30), longest)
    return timedelta(seconds=max(seconds * (0.5 + chance / 2), error.retry_after))


def _kind(error: TenureError) -> str:
    return next(kind for kind, known in KINDS.items() if isinstance(error, known))


@contextmanager
def as_temporal_failures() -> Iterator[None]:
    """Mark errors that no retry can cure; every other error is left to be retried."""
    try:
        yield
    except TenureError as error:
        raise as_failure(error) from error


def as_tenure_error(failure: BaseException | None) -> TenureError | None:
    """The error that was carried by a failure (or by what caused it); None when it was a fault of ours."""
    while isinstance(failure, FailureError):
        if isinstance(failure, ApplicationError) and failure.details:
            return _restored(failure)
        if isinstance(failure, ApplicationError) and failure.type == UNKNOWN_ACTIVITY:
            return GatewayUnavailable("no worker that was asked knows this step yet", code="no_answer")
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
"""Errors that have nothing but a message and a code."""

STEP_FAILED = (ActivityError, ApplicationError)
"""What a workflow sees of an activity that was refused for good; a local one raises its own error as it is."""


def refusal(error: FailureError) -> ApplicationError | None:
    """The refusal inside a failed activity, fit to be raised from an update; None if it was no refusal."""
    carried = as_tenure_error(error)
    return None if carried is None else as_failure(carried)


def can_be_had_later(error: BaseException) -> bool:
    """Whether a failed activity met an outage, or a system that does not accept our key: the step itself is in order.

    What an attempt of it has done may be unknown; the same step must be asked for again under the same key.
    """
    carried = as_tenure_error(error) if isinstance(error, FailureError) else error
    return isinstance(carried, GatewayUnavailable)


def may_have_been_done(error: BaseException) -> bool:
    """Whether a failed activity was given no answer; a system that does not accept our key has done nothing."""
    carried = as_tenure_error(error) if isinstance(error, FailureError) else error
    return isinstance(carried, GatewayUnavailable) and not isinstance(carried, GatewayForbidden)
