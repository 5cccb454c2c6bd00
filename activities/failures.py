"""The one place where our errors become Temporal failures and back."""

from collections.abc import Iterator
from contextlib import contextmanager

from temporalio.exceptions import ActivityError, ApplicationError, FailureError

from domain.errors import GatewayRefused, GatewayUnavailable, Malformed, Rejected, TenureError


def as_failure(error: TenureError) -> ApplicationError:
    """The failure that carries an error's code, message and field through Temporal; retried only when that may help."""
    field = getattr(error, "field", None)
    return ApplicationError(
        error.message,
        {"kind": _kind(error), "field": field},
        type=error.code,
        non_retryable=not isinstance(error, GatewayUnavailable),
    )


def _kind(error: TenureError) -> str:
    for kind in (Malformed, Rejected, GatewayRefused, GatewayUnavailable):
        if isinstance(error, kind):
            return kind.__name__
    return TenureError.__name__


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
        failure = failure.cause
    return None


def _restored(failure: ApplicationError) -> TenureError | None:
    carried = failure.details[0]
    if not isinstance(carried, dict):
        return None
    kind, field, code = carried.get("kind"), carried.get("field"), failure.type
    if kind == "Malformed":
        return Malformed(failure.message, field=field or "", code=code)
    if kind == "GatewayRefused":
        return GatewayRefused(failure.message, code=code, field=field)
    if kind == "GatewayUnavailable":
        return GatewayUnavailable(failure.message, code=code)
    return Rejected(failure.message, code=code) if kind == "Rejected" else None


STEP_FAILED = (ActivityError, ApplicationError)
"""What a workflow sees of an activity that was refused for good; a local one raises its own error as it is."""


def refusal(error: FailureError) -> ApplicationError | None:
    """The refusal inside a failed activity, fit to be raised from an update; None if it was no refusal."""
    carried = as_tenure_error(error)
    return None if carried is None else as_failure(carried)
