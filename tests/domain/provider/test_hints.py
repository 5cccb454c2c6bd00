"""Which of the provider's messages are followed up."""

import pytest

from domain.provider.hints import EventHint, EventKind
from domain.subscription.hints import is_relevant
from domain.subscription.lifecycle import Status
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
        (EventHint("evt", EventKind.INVOICE_PAID, "in_1"), False),
        (EventHint("evt", EventKind.INVOICE_PAID, "in_7"), True),
        (EventHint("evt", EventKind.AGREEMENT_ENDED, "sub_1"), True),
        (EventHint("evt", EventKind.AGREEMENT_ENDED, "sub_9"), False),
        (EventHint("evt", EventKind.CARD_CHANGED, MASTERCARD.ref), True),
        (EventHint("evt", EventKind.CARD_CHANGED, VISA.ref), True),
        (EventHint.of("evt", EventKind.CARD_CHANGED, VISA.ref), True),
        (EventHint.of("evt", EventKind.CARD_CHOSEN, MASTERCARD.ref), True),
        (EventHint.of("evt", EventKind.CARD_CHOSEN, VISA.ref), False),
        (EventHint.of("evt", EventKind.CARD_CHOSEN, "cus_1"), True),
        (EventHint("evt", EventKind.CARD_CHOSEN, MASTERCARD.ref), True),
        (EventHint("evt", EventKind.CARD_CHOSEN, VISA.ref), False),
        (EventHint("evt", EventKind.CARD_CHOSEN, "cus_1"), True),
        (EventHint.of("evt", EventKind.CARD_AND_CONTACT, MASTERCARD.ref), True),
        (EventHint.of("evt", EventKind.CARD_AND_CONTACT, VISA.ref), False),
        (EventHint("evt", EventKind.CONTACT_CHANGED, "cus_1"), False),
        (EventHint("evt", EventKind.INVOICE_FAILED, "in_7"), True),
    ],
)
def test_echoes_of_our_own_calls_are_ignored(hint: EventHint, worth: bool) -> None:
    assert is_relevant(a_paid_subscription(), hint) is worth


def test_the_failure_of_an_invoice_in_recovery_is_ignored() -> None:
    assert not is_relevant(a_past_due_subscription(), EventHint("evt", EventKind.INVOICE_FAILED, "in_2"))
    assert not is_relevant(in_status(Status.CANCELED), EventHint("evt", EventKind.INVOICE_PAID, "in_2"))


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


@pytest.mark.parametrize(
    "news", [news for news in EventKind if news not in (EventKind.LIFE_RESTORED, EventKind.CONTACT_CHANGED)]
)
def test_workers_of_the_previous_release_can_read_hints(news: EventKind) -> None:
    assert EventHint.of("evt", news, "id_1").news.value in OF_THE_RELEASE_BEFORE
