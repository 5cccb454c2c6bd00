"""How pressing something is; mails and pages say the same."""

import pytest

from domain.access import Access
from domain.notifications.mail_types import Occasion
from domain.notifications.tones import Tone, of_mail, of_open_payment, of_reached_limit, of_trial


@pytest.mark.parametrize(
    ("days", "tone"), [(7, Tone.CALM), (4, Tone.CALM), (3, Tone.WARNING), (2, Tone.WARNING), (1, Tone.URGENT)]
)
def test_a_trial_presses_the_more_the_nearer_its_end_is_unless_it_goes_on_by_itself(days: int, tone: Tone) -> None:
    assert of_trial(days) is tone
    assert of_trial(days, has_card=True) is Tone.CALM


def test_an_open_payment_is_urgent_once_access_suffers_or_no_attempt_is_left() -> None:
    assert of_open_payment(Access.FULL) is Tone.WARNING
    assert of_open_payment(Access.LIMITED) is Tone.URGENT
    assert of_open_payment(Access.FULL, is_near_end=True) is Tone.URGENT


def test_a_reached_limit_is_urgent_when_use_is_turned_away() -> None:
    assert of_reached_limit(goes_on=False) is Tone.URGENT
    assert of_reached_limit(goes_on=True) is Tone.WARNING


def test_a_mail_about_usage_in_grace_is_as_pressing_as_the_page_about_it() -> None:
    assert of_mail(Occasion.USAGE_LIMIT, {"grace_ends_at": "2026-12-28T09:00:00Z"}) is of_reached_limit(goes_on=True)
    assert of_mail(Occasion.USAGE_LIMIT, {"ceiling": "110"}) is of_reached_limit(goes_on=True)
    assert of_mail(Occasion.USAGE_LIMIT, {}) is of_reached_limit(goes_on=False)


def test_a_change_after_which_something_does_not_fit_is_a_warning() -> None:
    assert of_mail(Occasion.PLAN_CHANGED, {"excess": '[["Users", 9, 3]]'}) is Tone.WARNING
    assert of_mail(Occasion.PLAN_CHANGED, {"excess": "[]"}) is Tone.CALM
