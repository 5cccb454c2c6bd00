"""Customers deleted at the provider: the paid period continues, and the next one needs a card."""

from dataclasses import replace

import pytest

from domain.catalog.plans import Interval
from domain.errors import Rejected
from domain.provider.payments import NO_CARD, AgreementStatus, Charge, ChargeOutcome, Decline, Invoice, ProviderState
from domain.subscription import confirmation_steps, deleted_customers, guards, payments_received, plan_changes, recovery
from domain.subscription.agenda import Action, next_due
from domain.subscription.commands import CancelAt, ConvertAt
from domain.subscription.lifecycle import Event, Status
from domain.subscription.policy import DEFAULT_POLICY, ChangeAt
from domain.subscription.state import Subscription
from tests.builders import (
    CAUSE,
    NOW,
    PERIOD_END,
    PRO,
    VISA,
    a_declined_charge,
    a_paid_charge,
    a_paid_subscription,
    a_past_due_subscription,
    a_recovery,
    a_trial,
)


def recreated(subscription: Subscription, customer_ref: str = "cus_again") -> Subscription:
    return deleted_customers.recreated(subscription, customer_ref, NOW, CAUSE).subscription


def test_a_trial_continues_without_a_card() -> None:
    step = deleted_customers.recreated(a_trial(card=VISA, customer_ref="cus_1"), "cus_again", NOW, CAUSE)

    after = step.subscription
    assert (after.status, after.card, after.customer_ref, after.lost_agreement) == (
        Status.TRIALING,
        None,
        "cus_again",
        "",
    )
    assert "a card is needed" in step.entries[0].summary
    assert step.entries[0].details["deleted"] == "cus_1"


def test_the_paid_period_continues_to_its_end_and_then_a_new_one_begins() -> None:
    after = recreated(a_paid_subscription())

    assert (after.status, after.period_end, after.agreement_ref, after.lost_agreement) == (
        Status.ACTIVE,
        PERIOD_END,
        "",
        "sub_1",
    )
    due = next_due(after, DEFAULT_POLICY)
    assert due is not None
    assert (due.action, due.at) == (Action.BEGIN_PERIOD, PERIOD_END)


def test_a_card_that_was_given_to_the_new_customer_already_stays() -> None:
    given = a_paid_subscription(customer_ref="cus_again")

    assert recreated(given).card == VISA


def test_debts_stay_and_no_invoice_of_the_deleted_customer_is_collected() -> None:
    owing = a_past_due_subscription(recovery=a_recovery(invoice_ref="in_2", period_end=PERIOD_END))

    after = recreated(owing)

    assert after.status is Status.PAST_DUE
    assert after.recovery is not None
    assert (after.recovery.invoice_ref, after.recovery.period_end) == ("", None)


def test_a_payable_invoice_of_the_deleted_customer_is_voided_and_reported() -> None:
    declined = Decline("authentication_required", action_url="https://pay.example/in_2")
    owing = a_past_due_subscription(recovery=a_recovery(decline=declined))
    bill = deleted_customers.last_invoice(owing, ProviderState(None, AgreementStatus.ENDED, a_declined_charge()))
    assert bill is not None

    step = deleted_customers.recreated(owing, "cus_again", NOW, CAUSE, voided=bill.ref)

    assert (step.voided, step.entries[0].details["voided_invoice"]) == ("in_2", "in_2")
    assert confirmation_steps.page_of_open_bill(step.subscription) == ""


def test_a_settled_or_void_invoice_or_one_of_an_adopted_trial_is_ignored() -> None:
    def last(subscription: Subscription, charge: Charge | None) -> Invoice | None:
        return deleted_customers.last_invoice(subscription, ProviderState(None, AgreementStatus.ENDED, charge))

    unheard, settled = a_paid_charge("in_9"), a_paid_subscription().settled_invoice
    assert last(a_paid_subscription(), unheard) == unheard.invoice
    assert last(a_paid_subscription(), a_paid_charge(settled)) is None
    assert last(a_paid_subscription(), replace(unheard, is_of_change=True)) is None
    assert last(a_paid_subscription(), replace(a_declined_charge(), outcome=ChargeOutcome.GONE)) is None
    assert last(a_trial(agreement_ref="sub_1"), unheard) is None
    assert last(a_paid_subscription(), None) is None


@pytest.mark.parametrize(("status", "event"), [(Status.ACTIVE, Event.RENEWED), (Status.PAST_DUE, Event.RECOVERED)])
def test_the_next_payment_is_not_a_conversion_and_restores_everything(status: Status, event: Event) -> None:
    stands = recreated(a_paid_subscription() if status is Status.ACTIVE else a_past_due_subscription())

    step = payments_received.paid(replace(stands, card=VISA), a_paid_charge(), DEFAULT_POLICY, NOW, CAUSE)

    assert step.entries[0].kind == event
    assert (step.subscription.lost_agreement, bool(step.subscription.agreement_ref)) == ("", True)


def test_without_a_card_the_next_period_is_owed() -> None:
    charge = Charge(ChargeOutcome.DECLINED, decline=Decline(NO_CARD))

    after = recovery.failed(recreated(a_paid_subscription()), charge, DEFAULT_POLICY, NOW, CAUSE).subscription

    assert (after.status, after.status_reason) == (Status.PAST_DUE, NO_CARD)


def test_nothing_is_available_for_free_in_the_meantime() -> None:
    stands = recreated(a_paid_subscription())
    year = replace(PRO, interval=Interval.YEAR)

    assert plan_changes.takes_effect(stands, DEFAULT_POLICY, None, is_upgrade=True) is ChangeAt.PERIOD_END
    with pytest.raises(Rejected, match="for the period's end") as refused:
        guards.check_change(stands, year, ChangeAt.NOW, NOW)
    assert refused.value.code == "agreement_lost"
    with pytest.raises(Rejected, match="already converted"):
        guards.check_convert(stands, ConvertAt.NOW, NOW, brings_card=True)
    guards.check_change(stands, year, ChangeAt.PERIOD_END, NOW)
    guards.check_cancel(stands, CancelAt.PERIOD_END)
