"""Reversals after the subscription has ended."""

from dataclasses import replace

import pytest

from domain.access import Access
from domain.notifications.mail_types import REQUIRED_FACTS, Occasion
from domain.provider.hints import EventHint, EventKind
from domain.provider.payments import DisputeStatus, Reversal, ReversalKind
from domain.subscription import reversals
from domain.subscription.hints import is_relevant
from domain.subscription.lifecycle import Status
from domain.subscription.state import Subscription
from tests.builders import CAUSE, NOW, a_paid_subscription

REFUND = Reversal(ReversalKind.REFUND, "ch_1", "in_1", 1000, "usd")
DISPUTE = Reversal(ReversalKind.DISPUTE, "du_1", "in_1", 4900, "usd", status=DisputeStatus.OPEN, reason="fraudulent")


def a_canceled_subscription() -> Subscription:
    return replace(a_paid_subscription(), status=Status.CANCELED, access=Access.NONE)


def test_a_refund_after_the_end_is_recorded_and_mailed_and_changes_nothing_else() -> None:
    before = a_canceled_subscription()
    step = reversals.after_the_end(before, REFUND, NOW, CAUSE)
    known = step.subscription
    assert replace(known, sequence=before.sequence, known_reversals=()) == before
    assert known.sequence == before.sequence + 1
    assert [entry.kind for entry in step.entries] == ["refunded"]
    assert step.reversal == REFUND
    (mail,) = step.mails
    assert mail.occasion is Occasion.REFUNDED
    assert REQUIRED_FACTS[Occasion.REFUNDED] <= mail.facts.keys()


def test_a_dispute_after_the_end_is_only_recorded() -> None:
    step = reversals.after_the_end(a_canceled_subscription(), DISPUTE, NOW, CAUSE)
    assert (step.mails, step.reversal, step.subscription.dispute) == ((), DISPUTE, None)
    assert [entry.kind for entry in step.entries] == ["dispute_noted"]


@pytest.mark.parametrize(
    ("reversal", "next_word"),
    [(REFUND, replace(REFUND, amount=4900)), (DISPUTE, replace(DISPUTE, status=DisputeStatus.LOST))],
)
def test_a_repeated_reversal_after_the_end_is_known_and_a_new_state_is_not(
    reversal: Reversal, next_word: Reversal
) -> None:
    before = a_canceled_subscription()
    assert not reversals.is_known(before, reversal)
    after = reversals.after_the_end(before, reversal, NOW, CAUSE).subscription
    assert reversals.is_known(after, reversal)
    assert not reversals.is_known(after, next_word)


def test_a_refund_reported_before_the_end_is_known_after_it() -> None:
    told = reversals.refunded(a_paid_subscription(), REFUND, NOW, CAUSE).subscription
    assert reversals.is_known(replace(told, status=Status.CANCELED), REFUND)


@pytest.mark.parametrize("news", list(EventKind))
def test_after_the_end_only_refunds_and_disputes_are_relevant(news: EventKind) -> None:
    looked = is_relevant(a_canceled_subscription(), EventHint("evt_1", news, "x"))
    assert looked is (news in (EventKind.REFUNDED, EventKind.DISPUTED))
