"""Changes of customers' contact data."""

from collections.abc import Sequence
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.subscription.contact_changes import customer_changed, fit_name, notices_moved, reminders_moved, rungs_moved
from domain.subscription.reminders import Reminder
from domain.subscription.state import Notice, NoticeKind
from tests.builders import CAUSE, NOW, a_recovery, a_trial

HOUR = timedelta(hours=1)


def test_what_was_not_sent_moves_to_the_new_day() -> None:
    had = (Reminder(3, NOW + 30 * HOUR), Reminder(1, NOW + 78 * HOUR))
    anchored = (Reminder(7, NOW + 2 * HOUR), Reminder(3, NOW + 23 * HOUR), Reminder(1, NOW + 71 * HOUR))

    assert reminders_moved(had, anchored) == anchored[1:]


def test_a_reminder_whose_new_hour_is_past_is_sent_at_its_old_one() -> None:
    had = (Reminder(1, NOW + HOUR),)

    assert reminders_moved(had, ()) == had


def test_what_was_sent_is_not_sent_again_in_a_later_zone() -> None:
    assert reminders_moved((), (Reminder(7, NOW + HOUR),)) == ()


def test_notices_move_alike() -> None:
    ahead, card = Notice(NoticeKind.RENEWAL_AHEAD, 7, NOW + HOUR), Notice(NoticeKind.CARD_EXPIRING, 7, NOW + HOUR)
    moved = Notice(NoticeKind.RENEWAL_AHEAD, 7, NOW + 9 * HOUR)

    assert notices_moved((ahead, card), (moved,)) == (card, moved)


def moved(hours: Sequence[int], anchored: Sequence[int], step: int = 1, after: int = 0) -> list[int]:
    """The rungs of a recovery, in hours from the decline, once its customer lives elsewhere, so long *after*."""
    had = tuple(NOW + number * HOUR for number in hours)
    new = tuple(NOW + number * HOUR for number in anchored)
    rungs = rungs_moved(a_recovery(rungs=had, step=step), new, NOW + after * HOUR)
    return [int((each - NOW) / HOUR) for each in rungs]


def test_the_steps_of_a_recovery_that_are_ahead_move_to_the_new_day() -> None:
    assert moved([0, 24, 72, 120], [0, 17, 65, 113]) == [0, 17, 65, 113]
    assert moved([0, 24, 72, 120], [0, 17, 65, 113], step=2, after=25) == [0, 24, 65, 113], "what was taken stays"


def test_a_step_whose_new_hour_has_passed_keeps_its_old_one() -> None:
    assert moved([0, 24, 72], [0, 17, 65], after=20) == [0, 24, 65]


def test_a_recovery_that_was_laid_out_under_a_policy_without_decent_hours_stays_as_it_is() -> None:
    assert moved([0, 24, 72], []) == [0, 24, 72]


ASCENDING = st.lists(st.integers(1, 200), min_size=4, max_size=4, unique=True).map(sorted)


@given(had=ASCENDING, anchored=ASCENDING, step=st.integers(1, 4), after=st.integers(0, 200))
def test_each_step_of_a_recovery_stays_after_the_one_before_and_none_comes_in_a_burst(
    had: list[int], anchored: list[int], step: int, after: int
) -> None:
    after = max(after, had[step - 2]) if step > 1 else after

    rungs = moved([0, *had], [0, *anchored], step=step, after=after)

    assert rungs == sorted(set(rungs))
    assert rungs[:step] == [0, *had][:step]
    was_late = sum(each <= after for each in had[step - 1 :])
    assert sum(each <= after for each in rungs[step:]) <= was_late, "none is past that was not"


@pytest.mark.parametrize(
    ("told", "kept"),
    [(" Ada King ", "Ada King"), ("", None), (None, None), ("  ", None), ("Ada\nBcc: x", None), ("x" * 201, None)],
)
def test_a_name_of_the_providers_is_kept_when_it_fits_on_a_line(told: str | None, kept: str | None) -> None:
    assert fit_name(told) == kept


def test_the_timeline_names_what_was_changed_and_never_to_what() -> None:
    step = customer_changed(a_trial(), ("email", "timezone"), (), (), (), NOW, CAUSE)

    [entry] = step.entries
    assert (entry.kind, entry.summary) == ("customer_changed", "The customer was changed: address, timezone")
    assert entry.details == {"fields": "email,timezone"}
    assert step.mails == ()
