"""What becomes of a delivery after each attempt."""

from datetime import timedelta

import pytest

from domain.events.deliveries import LONGEST_PAUSE, SCHEDULE, Answer, DeliveryState, Verdict, verdict_on

AWAY = Answer(None, "no answer")


def test_a_receiver_that_stays_away_is_tried_by_the_schedule_and_then_given_up() -> None:
    verdicts = [verdict_on(attempts, AWAY) for attempts in range(1, len(SCHEDULE) + 1)]

    assert [verdict.retry_in for verdict in verdicts] == [*SCHEDULE[1:], None]
    assert [verdict.state for verdict in verdicts[:-1]] == [DeliveryState.PENDING] * (len(SCHEDULE) - 1)
    assert verdicts[-1].state is DeliveryState.FAILED
    assert sum(SCHEDULE, timedelta()) == timedelta(hours=75, minutes=35, seconds=5)


@pytest.mark.parametrize("status", [200, 202, 204, 299])
def test_an_answer_of_success_delivers(status: int) -> None:
    assert verdict_on(1, Answer(status)) == Verdict(DeliveryState.DELIVERED)


@pytest.mark.parametrize("status", [301, 302, 400, 401, 404, 429, 500, 503])
def test_any_other_answer_is_tried_again(status: int) -> None:
    assert verdict_on(1, Answer(status)) == Verdict(DeliveryState.PENDING, SCHEDULE[1])


def test_an_answer_of_gone_ends_it() -> None:
    assert verdict_on(1, Answer(410)) == Verdict(DeliveryState.CANCELED, is_gone=True)


@pytest.mark.parametrize(
    ("asked", "waits"),
    [
        (1, SCHEDULE[1]),
        (60, timedelta(minutes=1)),
        (1e12, LONGEST_PAUSE),
        (1e17, LONGEST_PAUSE),  # more than a timedelta holds
        (float("inf"), LONGEST_PAUSE),
    ],
)
def test_a_receiver_may_ask_for_a_longer_pause_within_reason(asked: float, waits: timedelta) -> None:
    assert verdict_on(1, Answer(503, retry_after=asked)).retry_in == waits
