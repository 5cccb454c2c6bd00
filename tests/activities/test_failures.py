"""Our errors as Temporal failures and back, and the delay before a rejected call is retried."""

from dataclasses import replace
from datetime import timedelta
from itertools import pairwise

import pytest
from temporalio.exceptions import ActivityError, ApplicationError, TimeoutType
from temporalio.exceptions import TimeoutError as TimedOut
from temporalio.testing import ActivityEnvironment

from activities.failures import FORBIDDEN_ATTEMPTS, as_failure, as_tenure_error, can_be_had_later, pause_after
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

ERRORS: list[TenureError] = [
    Rejected("no", code="not_now"),
    Malformed("no", field="plan"),
    GatewayRefused("no", field="payment_method"),
    GatewayUnavailable("silence"),
    GatewayForbidden("whose key is that?", code="stripe_key"),
    GatewayBusy("later", haste=Haste.LOCK, retry_after=3.0),
]


@pytest.mark.parametrize("error", ERRORS, ids=lambda error: type(error).__name__)
def test_an_error_arrives_as_what_it_was(error: TenureError) -> None:
    failure = as_failure(error)

    arrived = as_tenure_error(failure)

    assert type(arrived) is type(error)
    assert vars(arrived) == vars(error)
    assert failure.non_retryable is not isinstance(error, GatewayUnavailable)


@pytest.mark.parametrize(("haste", "longest"), [(Haste.LOCK, 5), (Haste.RATE, 60)])
def test_repeated_rejections_wait_longer_up_to_a_maximum(haste: Haste, longest: float) -> None:
    pauses = [pause_after(GatewayBusy("later", haste=haste), attempt, 1.0) for attempt in range(1, 40)]

    assert all(later >= earlier for earlier, later in pairwise(pauses))
    assert pauses[0] < timedelta(seconds=longest / 5)
    assert pauses[-1] == timedelta(seconds=longest)


def test_callers_rejected_together_do_not_retry_together() -> None:
    error = GatewayBusy("later", haste=Haste.RATE)

    assert pause_after(error, 5, 0.0) * 2 == pause_after(error, 5, 1.0)


def test_retry_after_of_the_provider_is_respected() -> None:
    error = GatewayBusy("later", haste=Haste.LOCK, retry_after=42.0)

    assert pause_after(error, 1, 0.5) == timedelta(seconds=42)


def test_a_rejected_activity_sets_its_own_retry_delay() -> None:
    def turned_away() -> ApplicationError:
        return as_failure(GatewayBusy("later", haste=Haste.RATE))

    failure = ActivityEnvironment().run(turned_away)

    assert failure.next_retry_delay is not None
    assert timedelta(seconds=1) <= failure.next_retry_delay <= timedelta(seconds=2)
    assert as_failure(GatewayUnavailable("silence")).next_retry_delay is None


@pytest.mark.parametrize(
    ("error", "attempt", "is_told"),
    [
        (GatewayForbidden("whose key is that?"), 1, False),
        (GatewayForbidden("whose key is that?"), FORBIDDEN_ATTEMPTS, True),
        (GatewayUnavailable("silence"), 10 * FORBIDDEN_ATTEMPTS, False),
    ],
)
def test_a_rejected_key_reaches_the_workflow_soon_while_missing_answers_are_retried(
    error: TenureError, attempt: int, *, is_told: bool
) -> None:
    environment = ActivityEnvironment()
    environment.info = replace(environment.info, attempt=attempt)

    failure = environment.run(lambda: as_failure(error))

    assert failure.non_retryable is is_told


def failed(cause: BaseException) -> ActivityError:
    error = ActivityError(
        "failed",
        scheduled_event_id=1,
        started_event_id=2,
        identity="",
        activity_type="",
        activity_id="",
        retry_state=None,
    )
    error.__cause__ = cause
    return error


def test_an_attempt_that_timed_out_is_not_a_refusal() -> None:
    silence = TimedOut("activity timed out", type=TimeoutType.SCHEDULE_TO_CLOSE, last_heartbeat_details=[])

    assert isinstance(as_tenure_error(failed(silence)), GatewayUnavailable)
    assert can_be_had_later(failed(silence))
    assert not can_be_had_later(failed(as_failure(GatewayRefused("no"))))
    assert can_be_had_later(failed(as_failure(GatewayForbidden("no"))))


def test_a_step_that_an_older_worker_does_not_know_waits_for_one_that_does() -> None:
    """As the SDK words it, which leaves it to be tried again."""
    unknown = ApplicationError("Activity function change_on_terms is not registered", type="NotFoundError")

    failure = TimedOut("late", type=TimeoutType.SCHEDULE_TO_CLOSE, last_heartbeat_details=[])
    failure.__cause__ = unknown

    assert not unknown.non_retryable
    assert can_be_had_later(unknown)
    assert can_be_had_later(failure)
