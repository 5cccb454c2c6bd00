"""How a subscription ended is decided by us, whatever the comment says."""

from dataclasses import replace

import pytest

from domain.subscription import commands
from domain.subscription.ends import End, EndKind
from domain.subscription.lifecycle import Status
from domain.subscription.state import Subscription, SuspensionKind
from tests.builders import (
    CAUSE,
    NOW,
    PERIOD_END,
    a_paid_subscription,
    a_past_due_subscription,
    a_suspended_subscription,
    a_trial,
)

OUR_WORDS = [kind.value for kind in EndKind]


@pytest.mark.parametrize("words", [*OUR_WORDS, "the sign-up was refused", "the first payment was declined: lost_card"])
def test_a_customer_who_quotes_our_words_has_still_canceled_themselves(words: str) -> None:
    step = commands.canceled(a_paid_subscription(), End(EndKind.CUSTOMER, words), NOW, CAUSE)

    (mail,) = step.mails
    assert mail.facts["canceled_reason"] == "customer"
    assert step.subscription.end == End(EndKind.CUSTOMER, words)
    assert step.entries[0].details == {"reason": words, "end_kind": "customer"}


def test_what_the_customer_says_is_kept_apart_from_what_has_ended_it() -> None:
    end = End(EndKind.OPERATOR, "asked for by telephone", "too_expensive")

    scheduled = commands.cancel_scheduled(a_paid_subscription(), PERIOD_END, end, NOW, CAUSE).subscription
    over = commands.canceled(scheduled, commands.due_end(scheduled), PERIOD_END, CAUSE)

    assert over.subscription.end == end
    assert over.subscription.status_reason == "asked for by telephone"
    assert over.entries[0].details["reason_code"] == "too_expensive"


def test_a_cancellation_that_is_undone_leaves_nothing_of_its_reason() -> None:
    end = End(EndKind.OPERATOR, "a mistake", "other")
    scheduled = commands.cancel_scheduled(a_paid_subscription(), PERIOD_END, end, NOW, CAUSE).subscription

    back = commands.cancel_withdrawn(scheduled, NOW, CAUSE).subscription

    assert (back.end_kind, back.reason_code, back.cancel_reason, back.end) == (None, "", "", None)


@pytest.mark.parametrize(
    ("subscription", "kind"),
    [
        (a_past_due_subscription(), EndKind.NONPAYMENT),
        (a_suspended_subscription(SuspensionKind.TRIAL_EXPIRED), EndKind.TRIAL_EXPIRED),
        (a_suspended_subscription(SuspensionKind.OPERATOR), EndKind.OPERATOR),
        (a_trial(cancel_at=NOW), EndKind.CUSTOMER),
        (a_trial(cancel_at=NOW, end_kind=EndKind.OPERATOR), EndKind.OPERATOR),
    ],
)
def test_an_end_whose_time_has_come_is_what_made_it_due(subscription: Subscription, kind: EndKind) -> None:
    assert commands.due_end(subscription).kind is kind


@pytest.mark.parametrize(
    ("status_reason", "kind"),
    [
        ("nonpayment", EndKind.NONPAYMENT),
        ("trial_expired", EndKind.TRIAL_EXPIRED),
        ("dispute_lost", EndKind.DISPUTE_LOST),
        ("refunded", EndKind.REFUNDED),
        ("ended_at_provider", EndKind.PROVIDER),
        ("the sign-up was refused", EndKind.NEVER_BEGAN),
        ("the first payment was declined: insufficient_funds", EndKind.NEVER_BEGAN),
        ("too expensive", EndKind.CUSTOMER),
        ("canceled", EndKind.CUSTOMER),
    ],
)
def test_an_end_from_before_kinds_were_kept_is_read_from_its_reason(status_reason: str, kind: EndKind) -> None:
    over = replace(a_paid_subscription(), status=Status.CANCELED, status_reason=status_reason)

    assert over.end is not None
    assert over.end.kind is kind
