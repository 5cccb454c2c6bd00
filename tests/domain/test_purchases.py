"""What is recorded of a purchase that could not begin."""

from dataclasses import replace
from datetime import timedelta

import pytest

from domain.notifications.mail_types import Occasion, missing_facts
from domain.provider.payments import Reversal, ReversalKind
from domain.purchases.refusals import UNDONE, WHY, Undone, recorded
from domain.subscription import reversals
from domain.subscription.ends import EndKind
from domain.subscription.lifecycle import Status
from domain.subscription.policy import DEFAULT_POLICY
from domain.subscription.sign_up import SignUp, SignUpContact
from tests.builders import CAUSE, NOW
from tests.contracts.provider import CATALOG

SIGN_UP = SignUp(
    "3f0c8c1e-0000-4000-8000-000000000001",
    "default",
    "key product",
    "cs_1",
    SignUpContact("ada", "ada@example.com"),
    CATALOG.select("starter"),
    14,
    DEFAULT_POLICY,
)
REFUND = Reversal(ReversalKind.REFUND, "ch_1", "in_1", 4900, "usd", is_full=True, card_brand="visa", card_last4="4242")


def undone(code: str = "already_subscribed", refund: Reversal | None = REFUND) -> Undone:
    return Undone(SIGN_UP, "c-1", code, "sub_1" if refund else "", refund)


def test_what_could_not_begin_is_a_subscription_that_never_began() -> None:
    step = recorded(undone(), None, NOW, CAUSE)

    it = step.subscription
    assert (it.id, it.status, it.end_kind) == (SIGN_UP.subscription, Status.CANCELED, EndKind.NEVER_BEGAN)
    assert it.trial_ends_at is None
    assert it.agreement_ref == "sub_1"
    assert [entry.kind for entry in step.entries] == ["canceled", "purchase_undone"]
    assert step.entries[-1].summary == "Purchase undone: the customer has a subscription already; $49.00 refunded"
    assert step.entries[-1].details["reversal"] == "ch_1"
    assert step.reversal == REFUND


@pytest.mark.parametrize("code", WHY)
@pytest.mark.parametrize("refund", [None, REFUND], ids=["not paid", "paid"])
def test_every_refusal_is_mailed_with_what_was_given_back(code: str, refund: Reversal | None) -> None:
    [mail] = recorded(undone(code, refund), None, NOW, CAUSE).mails

    assert (mail.occasion, mail.facts["refusal"]) == (Occasion.PURCHASE_REFUSED, code)
    assert mail.facts.get("refund_amount") == ("4900" if refund else None)
    assert missing_facts(mail.occasion, mail.facts) == []


def test_the_refund_is_known_when_the_provider_reports_it() -> None:
    assert reversals.is_known(recorded(undone(), None, NOW, CAUSE).subscription, REFUND)


def test_recorded_again_it_is_the_same_mail_and_nothing_else() -> None:
    first = recorded(undone(), None, NOW, CAUSE)

    again = recorded(undone(), first.subscription, NOW + timedelta(hours=1), CAUSE)

    assert again.subscription == first.subscription
    assert (again.entries, again.reversal) == ((), None)
    assert [mail.key for mail in again.mails] == [mail.key for mail in first.mails]


def test_what_a_refused_sign_up_has_left_is_carried_on() -> None:
    left = replace(
        recorded(undone(refund=None), None, NOW, CAUSE).subscription, cancel_reason="the first payment was declined: x"
    )

    step = recorded(undone("payment_declined"), left, NOW, CAUSE)

    assert step.subscription.sequence == left.sequence + 1
    assert step.subscription.cancel_reason == f"{UNDONE}: the payment was declined"
    assert [entry.kind for entry in step.entries] == ["purchase_undone"]
