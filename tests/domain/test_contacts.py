"""Who customers are, as it changes."""

from datetime import timedelta

import pytest

from domain.contacts import customer_changed, fit_name, notices_moved, reminders_moved
from domain.reminders import Reminder
from domain.subscription import Notice, NoticeKind
from tests.builders import CAUSE, NOW, a_trial

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


@pytest.mark.parametrize(
    ("told", "kept"),
    [(" Ada King ", "Ada King"), ("", None), (None, None), ("  ", None), ("Ada\nBcc: x", None), ("x" * 201, None)],
)
def test_a_name_of_the_providers_is_kept_when_it_fits_on_a_line(told: str | None, kept: str | None) -> None:
    assert fit_name(told) == kept


def test_the_timeline_names_what_was_changed_and_never_to_what() -> None:
    step = customer_changed(a_trial(), ("email", "timezone"), (), (), NOW, CAUSE)

    [entry] = step.entries
    assert (entry.kind, entry.summary) == ("customer_changed", "The customer was changed: address, timezone")
    assert entry.details == {"fields": "email,timezone"}
    assert step.mails == ()
