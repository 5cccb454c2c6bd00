"""Errors of ours on their way through Temporal, and how long who was turned away stays away."""

from datetime import timedelta
from itertools import pairwise

import pytest
from temporalio.exceptions import ApplicationError
from temporalio.testing import ActivityEnvironment

from activities.failures import as_failure, as_tenure_error, pause_after
from domain.errors import GatewayBusy, GatewayRefused, GatewayUnavailable, Haste, Malformed, Rejected, TenureError

ERRORS: list[TenureError] = [
    Rejected("no", code="not_now"),
    Malformed("no", field="plan"),
    GatewayRefused("no", field="payment_method"),
    GatewayUnavailable("silence"),
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
def test_who_is_turned_away_again_stays_away_longer_up_to_a_bound(haste: Haste, longest: float) -> None:
    pauses = [pause_after(GatewayBusy("later", haste=haste), attempt, 1.0) for attempt in range(1, 40)]

    assert all(later >= earlier for earlier, later in pairwise(pauses))
    assert pauses[0] < timedelta(seconds=longest / 5)
    assert pauses[-1] == timedelta(seconds=longest)


def test_those_turned_away_together_do_not_come_back_together() -> None:
    error = GatewayBusy("later", haste=Haste.RATE)

    assert pause_after(error, 5, 0.0) * 2 == pause_after(error, 5, 1.0)


def test_the_provider_is_left_alone_for_as_long_as_it_asks() -> None:
    error = GatewayBusy("later", haste=Haste.LOCK, retry_after=42.0)

    assert pause_after(error, 1, 0.5) == timedelta(seconds=42)


def test_an_activity_that_was_turned_away_asks_for_its_own_pause() -> None:
    def turned_away() -> ApplicationError:
        return as_failure(GatewayBusy("later", haste=Haste.RATE))

    failure = ActivityEnvironment().run(turned_away)

    assert failure.next_retry_delay is not None
    assert timedelta(seconds=1) <= failure.next_retry_delay <= timedelta(seconds=2)
    assert as_failure(GatewayUnavailable("silence")).next_retry_delay is None
