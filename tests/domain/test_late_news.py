"""What was asked for and not answered: the next try, and what a look finds of it."""

from dataclasses import replace
from datetime import timedelta

from domain import billing, late_news
from domain.agenda import ASKED_AGAIN_AFTER, Action, Due, agenda
from domain.lifecycle import Status
from domain.payments import Charge, ChargeOutcome, Invoice
from domain.policy import DEFAULT_POLICY
from domain.subscription import Subscription
from tests.builders import (
    CAUSE,
    FREE,
    NOW,
    PERIOD_END,
    PRO,
    VISA,
    a_free_subscription,
    a_paid_subscription,
    a_trial,
)

LATER = NOW + timedelta(hours=2)


def paid(key: str = "", **changes: object) -> Charge:
    bill = Invoice("in_2", "T-0002", "paid", 4900, "usd")
    charge = Charge(ChargeOutcome.PAID, bill, None, "sub_1", PERIOD_END, PERIOD_END + timedelta(days=30), key)
    return replace(charge, **changes)  # type: ignore[arg-type]  # a test names what it likes


def asked_in_vain(subscription: Subscription) -> Subscription:
    return late_news.unanswered(subscription, subscription.next_try_key, NOW)


def test_a_bill_that_a_look_finds_settled_counts_the_try_that_was_not_answered() -> None:
    before = asked_in_vain(a_paid_subscription(charge_tries=1))

    after, _ = late_news.settled(before, paid(), LATER)

    assert after.next_try_key != before.next_try_key, "the next period is another try"
    assert (after.unheard_tries, after.recent_tries) == ((), (LATER,))


def test_a_bill_that_a_look_finds_settled_counts_nothing_when_every_try_was_answered() -> None:
    before = a_paid_subscription(charge_tries=1)

    assert late_news.settled(before, paid(), LATER) == (before, paid())


def test_a_period_that_the_unheard_try_has_begun_is_known_as_its_own_and_what_was_planned_is_in_place() -> None:
    owing = a_paid_subscription(
        agreement_is_stale=True, owes_new_period=True, billing_anchor=NOW, agreement_anchor=NOW
    ).choosing(PRO)
    before = asked_in_vain(owing)

    after, charge = late_news.settled(before, paid(anchor=PERIOD_END), LATER)

    assert charge.key == before.next_try_key
    renewed = billing.paid(after, charge, DEFAULT_POLICY, LATER, CAUSE).subscription
    assert (renewed.agreement_is_stale, renewed.owes_new_period) == (False, False)


def test_a_bill_paid_by_hand_is_not_the_unheard_trys() -> None:
    before = asked_in_vain(a_paid_subscription(agreement_anchor=NOW))

    _, charge = late_news.settled(before, paid(anchor=NOW), LATER)

    assert charge.key == ""


def test_a_try_for_something_else_has_another_key_and_looks_for_the_unheard_one_first() -> None:
    asked = asked_in_vain(a_free_subscription().choosing(PRO))
    instead = replace(asked.choosing(a_trial().selection))

    next_try = late_news.next_try(instead)

    assert next_try.next_try_key != asked.next_try_key
    assert late_news.earlier_tries(next_try, next_try.next_try_key) == (asked.next_try_key,)
    assert late_news.next_try(next_try) == next_try
    assert late_news.next_try(asked) == asked, "asked again for the same, it is the same try"


def test_of_a_running_agreement_a_try_is_the_same_whatever_is_planned_meanwhile() -> None:
    asked = asked_in_vain(a_paid_subscription())

    assert late_news.next_try(asked.choosing(PRO)) == asked.choosing(PRO)


def test_what_the_unheard_try_has_paid_for_is_what_there_is_and_what_is_wanted_since_follows_at_once() -> None:
    asked = asked_in_vain(a_trial(card=VISA, customer_ref="cus_1"))
    charge = paid(asked.next_try_key)

    bought = late_news.answered(late_news.next_try(asked.choosing(PRO)), charge, LATER)

    step = billing.paid(bought, charge, DEFAULT_POLICY, LATER, CAUSE)
    after = step.subscription
    assert (after.status, after.plan, after.amount, after.unheard_tries) == (Status.ACTIVE, "starter", 4900, ())
    assert after.pending_change is not None
    assert after.pending_change.to == PRO
    assert agenda(after, DEFAULT_POLICY)[0].at <= LATER


def test_a_look_on_the_free_plan_finds_what_was_bought_and_plans_no_way_back() -> None:
    asked = asked_in_vain(a_free_subscription().choosing(PRO)).choosing(FREE)

    bought = late_news.begun(asked, paid(asked.next_try_key), LATER)

    assert (bought.selection, bought.pending_change, bought.unheard_tries) == (PRO, None, ())
    assert bought.next_try_key != asked.next_try_key


def test_a_look_that_finds_nothing_begun_says_so_and_the_next_try_is_another() -> None:
    asked = asked_in_vain(a_free_subscription().choosing(PRO)).choosing(FREE)

    step = late_news.not_begun(asked, LATER, CAUSE)

    assert [entry.kind for entry in step.entries] == ["payment_not_made"]
    assert (step.subscription.plan, step.subscription.unheard_tries) == ("free", ())
    assert step.subscription.next_try_key != asked.next_try_key


def test_on_the_free_plan_it_is_soon_asked_what_came_of_a_payment_that_was_not_answered() -> None:
    asked = asked_in_vain(a_free_subscription().choosing(PRO)).choosing(FREE)

    assert agenda(a_free_subscription(), DEFAULT_POLICY) == ()
    why = "the payment provider has not answered whether a payment was made"
    assert agenda(asked, DEFAULT_POLICY) == (Due(NOW + ASKED_AGAIN_AFTER, Action.ASK_PROVIDER, why),)
