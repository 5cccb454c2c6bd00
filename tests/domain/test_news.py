"""Which of the provider's messages are worth a look."""

import pytest

from domain.lifecycle import Status
from domain.news import Hint, News, is_worth_a_look
from tests.builders import (
    MASTERCARD,
    VISA,
    a_paid_subscription,
    a_past_due_subscription,
    in_status,
)


@pytest.mark.parametrize(
    ("hint", "worth"),
    [
        (Hint("evt", News.BILL_PAID, "in_1"), False),
        (Hint("evt", News.BILL_PAID, "in_7"), True),
        (Hint("evt", News.AGREEMENT_ENDED, "sub_1"), True),
        (Hint("evt", News.AGREEMENT_ENDED, "sub_9"), False),
        (Hint("evt", News.CARD_CHANGED, MASTERCARD.ref), True),
        (Hint("evt", News.CARD_CHANGED, VISA.ref), True),
        (Hint.of("evt", News.CARD_CHANGED, VISA.ref), True),
        (Hint.of("evt", News.CARD_CHOSEN, MASTERCARD.ref), True),
        (Hint.of("evt", News.CARD_CHOSEN, VISA.ref), False),
        (Hint.of("evt", News.CARD_CHOSEN, "cus_1"), True),
        (Hint("evt", News.CARD_CHOSEN, MASTERCARD.ref), True),
        (Hint("evt", News.CARD_CHOSEN, VISA.ref), False),
        (Hint("evt", News.CARD_CHOSEN, "cus_1"), True),
        (Hint.of("evt", News.CARD_AND_CONTACT, MASTERCARD.ref), True),
        (Hint.of("evt", News.CARD_AND_CONTACT, VISA.ref), False),
        (Hint("evt", News.CONTACT_CHANGED, "cus_1"), False),
        (Hint("evt", News.BILL_FAILED, "in_7"), True),
    ],
)
def test_an_echo_of_our_own_doing_is_not_worth_a_look(hint: Hint, worth: bool) -> None:
    assert is_worth_a_look(a_paid_subscription(), hint) is worth


def test_the_failure_of_a_bill_in_recovery_is_no_news() -> None:
    assert not is_worth_a_look(a_past_due_subscription(), Hint("evt", News.BILL_FAILED, "in_2"))
    assert not is_worth_a_look(in_status(Status.CANCELED), Hint("evt", News.BILL_PAID, "in_2"))


OF_THE_RELEASE_BEFORE = {
    "bill_paid",
    "bill_failed",
    "bill_closed",
    "agreement_ended",
    "card_given",
    "card_changed",
    "refunded",
    "disputed",
}


@pytest.mark.parametrize("news", [news for news in News if news not in (News.LIFE_RESTORED, News.CONTACT_CHANGED)])
def test_workers_of_the_release_before_can_read_what_workflows_are_told(news: News) -> None:
    assert Hint.of("evt", news, "id_1").news.value in OF_THE_RELEASE_BEFORE
