"""Conversion, renewal and the recovery ladder, step by step."""

from dataclasses import replace
from datetime import datetime, timedelta

import pytest

from domain.access import Access
from domain.formatting import moment
from domain.notifications.mail_types import REQUIRED_FACTS, Occasion
from domain.provider.payments import Charge, ChargeOutcome, Decline, Invoice
from domain.subscription import payments_received, recovery
from domain.subscription.journal import Step
from domain.subscription.lifecycle import Status
from domain.subscription.policy import Policy
from domain.subscription.state import Subscription, SuspensionKind
from tests.builders import (
    CAUSE,
    NOW,
    PERIOD_END,
    VISA,
    a_declined_charge,
    a_paid_charge,
    a_paid_subscription,
    a_past_due_subscription,
    a_recovery,
    a_suspended_subscription,
    a_trial,
)

POLICY = Policy()


def occasions(step: Step) -> list[Occasion]:
    return [mail.occasion for mail in step.mails]


def test_the_first_payment_converts_with_a_welcome_and_a_receipt() -> None:
    step = payments_received.paid(a_trial(card=VISA), a_paid_charge(), POLICY, NOW, CAUSE)
    after = step.subscription
    assert (after.status, after.access, after.agreement_ref) == (Status.ACTIVE, Access.FULL, "sub_1")
    assert occasions(step) == [Occasion.CONVERTED, Occasion.RECEIPT]
    assert after.trial_ends_at == NOW
    assert not after.reminders
    assert Occasion.TRIAL_ENDING in step.withdraws


def test_a_later_payment_renews_with_one_receipt_per_invoice() -> None:
    step = payments_received.paid(a_paid_subscription(), a_paid_charge("in_9"), POLICY, PERIOD_END, CAUSE)
    assert [mail.key for mail in step.mails] == ["receipt/in_9"]
    assert step.subscription.period_end == PERIOD_END + timedelta(days=30)
    assert step.subscription.settled_invoice == "in_9"


def test_every_mail_of_a_step_has_the_facts_that_its_occasion_requires() -> None:
    steps = [
        payments_received.paid(a_trial(card=VISA), a_paid_charge(), POLICY, NOW, CAUSE),
        recovery.failed(a_paid_subscription(), a_declined_charge(), POLICY, NOW, CAUSE),
        recovery.failed(a_paid_subscription(), a_declined_charge("authentication_required"), POLICY, NOW, CAUSE),
        payments_received.paid(a_suspended_subscription(), a_paid_charge(), POLICY, NOW, CAUSE),
    ]
    for mail in (mail for step in steps for mail in step.mails):
        assert not REQUIRED_FACTS[mail.occasion] - mail.facts.keys(), mail


def test_a_failed_conversion_climbs_the_same_ladder_and_owes_no_invoice() -> None:
    declined = Charge(ChargeOutcome.DECLINED, decline=Decline("insufficient_funds"))
    after = recovery.failed(a_trial(card=VISA), declined, POLICY, NOW, CAUSE).subscription
    assert after.status is Status.PAST_DUE
    assert after.recovery is not None
    assert after.recovery.invoice_ref == ""
    recovered = payments_received.paid(after, a_paid_charge(), POLICY, NOW + timedelta(days=1), CAUSE)
    assert occasions(recovered) == [Occasion.CONVERTED, Occasion.RECEIPT]


@pytest.mark.parametrize(
    ("before", "expected"),
    [
        pytest.param(a_past_due_subscription(access=Access.LIMITED), [Occasion.RECEIPT], id="while-past-due"),
        pytest.param(a_suspended_subscription(), [Occasion.REACTIVATED, Occasion.RECEIPT], id="while-suspended"),
    ],
)
def test_a_recovered_payment_gives_full_access_back(before: Subscription, expected: list[Occasion]) -> None:
    step = payments_received.paid(before, a_paid_charge(), POLICY, NOW, CAUSE)
    after = step.subscription
    assert (after.status, after.access) == (Status.ACTIVE, Access.FULL)
    assert (after.recovery, after.suspension) == (None, None)
    assert occasions(step) == expected
    assert Occasion.PAYMENT_FAILED in step.withdraws


def test_money_that_arrives_while_an_operator_holds_the_subscription_opens_nothing() -> None:
    held = a_suspended_subscription(SuspensionKind.OPERATOR)
    step = payments_received.paid(held, a_paid_charge(), POLICY, NOW, CAUSE)
    assert (step.subscription.status, step.subscription.access) == (Status.SUSPENDED, Access.NONE)
    assert occasions(step) == [Occasion.RECEIPT]


def test_an_invoice_voided_at_the_provider_is_no_longer_owed() -> None:
    gone = a_paid_charge(outcome=ChargeOutcome.GONE)
    step = payments_received.not_owed(a_past_due_subscription(), gone, POLICY, NOW, CAUSE)
    assert step.subscription.status is Status.ACTIVE
    assert not step.mails


def test_an_invoice_voided_during_an_operators_suspension_gives_no_access() -> None:
    held = a_suspended_subscription(SuspensionKind.OPERATOR, recovery=a_recovery())
    gone = Charge(ChargeOutcome.GONE, a_paid_charge("in_1").invoice, None, "sub_1")
    after = payments_received.not_owed(held, gone, POLICY, NOW, CAUSE).subscription
    assert (after.status, after.access, after.recovery) == (Status.SUSPENDED, Access.NONE, None)
    assert after.suspension is not None
    assert after.suspension.returns_to is Status.ACTIVE


def written_off(ref: str = "in_1") -> Charge:
    return a_paid_charge(outcome=ChargeOutcome.GONE, invoice=Invoice(ref, "N-1", "uncollectible", 4900, "usd"))


def test_an_invoice_that_was_written_off_is_kept_in_mind_and_a_void_one_is_not() -> None:
    void = replace(written_off("in_2"), invoice=Invoice("in_2", "N-2", "void", 4900, "usd"))

    first = payments_received.not_owed(a_past_due_subscription(), written_off(), POLICY, NOW, CAUSE).subscription
    second = payments_received.not_owed(first, void, POLICY, NOW, CAUSE).subscription

    assert (first.settled_invoice, first.waived_invoices) == ("in_1", ("in_1",))
    assert (second.settled_invoice, second.waived_invoices) == ("in_2", ("in_1",))


def test_only_the_latest_invoices_that_were_written_off_are_kept_in_mind() -> None:
    waived: tuple[str, ...] = ()
    for number in range(9):
        waived = payments_received.waived_with(waived, written_off(f"in_{number}").invoice)
    again = payments_received.waived_with(waived, written_off("in_8").invoice)

    assert waived == again == ("in_3", "in_4", "in_5", "in_6", "in_7", "in_8")


@pytest.mark.parametrize(
    "before",
    [
        pytest.param(a_paid_subscription(waived_invoices=("in_0", "in_1")), id="active"),
        pytest.param(a_past_due_subscription(waived_invoices=("in_0", "in_1")), id="owing-another"),
        pytest.param(a_suspended_subscription(waived_invoices=("in_0", "in_1")), id="suspended"),
        pytest.param(a_paid_subscription(status=Status.CANCELED, waived_invoices=("in_0", "in_1")), id="over"),
    ],
)
def test_a_payment_of_what_was_written_off_is_receipted_and_changes_nothing_else(before: Subscription) -> None:
    invoice = Invoice("in_1", "N-1", "paid", 4900, "usd", period_start=NOW - timedelta(days=60), period_end=NOW)
    charge = a_paid_charge(invoice=invoice)
    assert payments_received.pays_waived(before, charge)

    step = payments_received.paid_after_waiver(before, charge, PERIOD_END, CAUSE)

    assert step.subscription == replace(before, sequence=before.sequence + 1, waived_invoices=("in_0",))
    assert ([mail.key for mail in step.mails], step.invoice, step.withdraws) == (["receipt/in_1"], invoice, ())
    assert step.mails[0].facts["period_end"] == moment(NOW), "of the invoice, not of the current period"
    assert not payments_received.pays_waived(step.subscription, charge)


def test_billing_is_held_from_the_first_decline_until_nothing_is_owed() -> None:
    declined = recovery.failed(a_paid_subscription(), a_declined_charge(), POLICY, NOW, CAUSE).subscription
    assert declined.wants_hold
    paid = payments_received.paid(declined, a_paid_charge(), POLICY, NOW, CAUSE).subscription
    assert not paid.wants_hold
    unconverted = recovery.failed(a_trial(card=VISA), a_declined_charge(), POLICY, NOW, CAUSE).subscription
    assert not unconverted.wants_hold, "there is nothing yet that could bill"


def test_paying_for_a_new_period_voids_the_owed_invoice() -> None:
    owing = a_past_due_subscription(recovery=a_recovery(invoice_ref="in_1"))
    assert payments_received.paid(owing, a_paid_charge("in_1"), POLICY, NOW, CAUSE).voided == ""
    assert payments_received.paid(owing, a_paid_charge("in_2"), POLICY, NOW, CAUSE).voided == "in_1"


def _a_voided_bill(period_start: datetime) -> Invoice:
    return Invoice("in_7", "N-7", "void", 4900, "usd", period_start=period_start)


def test_a_voided_invoice_waives_the_next_period_but_no_paid_one() -> None:
    paid_up = a_paid_subscription()
    assert payments_received.is_waiver(paid_up, _a_voided_bill(PERIOD_END))
    assert not payments_received.is_waiver(paid_up, _a_voided_bill(PERIOD_END - timedelta(days=31)))


def test_an_invoice_voided_by_our_own_hold_waives_nothing() -> None:
    after_hold = replace(a_paid_subscription(), owes_new_period=True)
    assert not payments_received.is_waiver(after_hold, _a_voided_bill(PERIOD_END))
    still_held = replace(a_paid_subscription(), is_held=True)
    assert not payments_received.is_waiver(still_held, _a_voided_bill(PERIOD_END)), "it is to be lifted, and is not yet"
    owing = a_past_due_subscription(recovery=a_recovery(invoice_ref="in_1"))
    assert not payments_received.is_waiver(owing, _a_voided_bill(PERIOD_END))
    assert payments_received.is_waiver(owing, replace(_a_voided_bill(PERIOD_END), ref="in_1"))


def test_asked_in_mid_period_the_provider_is_asked_again_when_that_is_over() -> None:
    back = replace(a_paid_subscription(), ask_at=NOW)
    step = payments_received.up_to_date(back, POLICY, NOW, CAUSE)
    assert step.subscription.ask_at == PERIOD_END + POLICY.ask_after
    assert [entry.kind for entry in step.entries] == ["provider_asked"]
    assert payments_received.undecided(back, POLICY, NOW, CAUSE).subscription.ask_at == NOW + POLICY.ask_every
