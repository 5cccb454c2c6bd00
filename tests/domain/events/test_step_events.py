"""What products are told of a step."""

import json
from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from domain.access import Access
from domain.events.journal_kinds import BY_STATE, NOT_TOLD, TOLD, TOLD_WITH_THE_CUSTOMER
from domain.events.outbound import OutboundEvent
from domain.events.step_events import events_of
from domain.provider.payments import Charge, ChargeOutcome, Decline, DisputeStatus, Invoice, Reversal, ReversalKind
from domain.subscription import commands, pause, payments_received, plan_changes, recovery, reversals, suspension, trial
from domain.subscription.ends import End, EndKind
from domain.subscription.journal import Entry, Step
from domain.subscription.lifecycle import Status
from domain.subscription.policy import Policy
from domain.subscription.state import Subscription, SuspensionKind
from tests.builders import (
    CAUSE,
    NOW,
    PERIOD_END,
    PRO,
    a_paid_subscription,
    a_past_due_subscription,
    a_recovery,
    a_suspended_subscription,
    a_trial,
    in_status,
)

POLICY = Policy()
RECORDED = json.loads((Path(__file__).parents[2] / "contracts" / "wire_names.json").read_text(encoding="utf-8"))
INVOICE = Invoice("in_9", "T-0009", "paid", 4900, "usd", "https://pay.example/in_9", amount_paid=4900)
PAID = Charge(ChargeOutcome.PAID, INVOICE, None, "sub_1", PERIOD_END, PERIOD_END + timedelta(days=31))
DECLINED = Charge(
    ChargeOutcome.DECLINED, replace(INVOICE, status="open"), Decline("insufficient_funds"), "sub_1", PERIOD_END
)
REFUND = Reversal(ReversalKind.REFUND, "ch_1", "in_1", 1900, "usd", reason="duplicate", agreement_ref="sub_1")
DISPUTE = replace(REFUND, kind=ReversalKind.DISPUTE, ref="dp_1", status=DisputeStatus.OPEN)


def told(step: Step, before: Subscription | None) -> list[str]:
    return [event.type.value for event in events_of(step, before)]


def one(step: Step, before: Subscription | None, type_: str) -> OutboundEvent:
    [found] = [event for event in events_of(step, before) if event.type == type_]
    return found


# Kinds of the journal


def test_every_kind_of_the_journal_is_told_or_is_said_not_to_be() -> None:
    kinds = {
        *RECORDED["database"]["journal kinds"],
        *(each.partition(":")[0] for each in RECORDED["recorded"]["journal"]),
    }

    assert kinds - TOLD.keys() - BY_STATE - TOLD_WITH_THE_CUSTOMER - NOT_TOLD == set()


def test_no_kind_of_the_journal_is_in_two_lists() -> None:
    lists = [TOLD.keys(), BY_STATE, TOLD_WITH_THE_CUSTOMER, NOT_TOLD]
    assert sum(len(each) for each in lists) == len(set().union(*lists))


# Lives


def test_a_trial_is_told_as_a_new_subscription_and_as_a_trial() -> None:
    step = trial.started(a_trial(sequence=0), POLICY, NOW, CAUSE)
    assert told(step, None) == ["subscription.created", "subscription.trial_started"]


def test_a_reminder_is_told_as_a_trial_that_ends() -> None:
    it = a_trial()
    step = trial.reminded(it, POLICY, it.reminders[0].at, CAUSE)
    assert told(step, it) == ["trial.ending"]


def test_a_trial_that_ends_without_a_card_is_told_as_suspended_once() -> None:
    step = trial.expired(a_trial(), POLICY, NOW, CAUSE)

    assert told(step, a_trial()) == ["subscription.suspended"]
    assert one(step, a_trial(), "subscription.suspended").payload["subscription"]["suspended_for"] == "trial_expired"


def test_an_expired_trial_that_is_extended_is_told_to_run_again() -> None:
    before = a_suspended_subscription(SuspensionKind.TRIAL_EXPIRED)
    step = trial.extended(before, NOW + timedelta(days=7), (), "they asked nicely", NOW, CAUSE)
    assert told(step, before) == ["subscription.trial_extended", "subscription.reactivated"]


def test_a_first_payment_is_told_as_activated_with_its_invoice() -> None:
    step = payments_received.paid(a_trial(), PAID, POLICY, NOW, CAUSE)

    assert told(step, a_trial()) == ["subscription.activated", "invoice.paid"]
    invoice = one(step, a_trial(), "invoice.paid").payload["invoice"]
    assert (invoice["id"], invoice["status"], invoice["amount"]) == ("in_9", "paid", 4900)


@pytest.mark.parametrize(
    ("before", "as_what"),
    [
        (a_paid_subscription(), "subscription.renewed"),
        (a_past_due_subscription(), "subscription.recovered"),
        (a_suspended_subscription(SuspensionKind.NONPAYMENT), "subscription.reactivated"),
    ],
    ids=["active", "past due", "suspended"],
)
def test_a_later_payment_is_told_by_what_it_ends(before: Subscription, as_what: str) -> None:
    owed = replace(PAID, invoice=replace(INVOICE, ref="in_2"))
    step = payments_received.paid(before, owed, POLICY, PERIOD_END, CAUSE)
    assert told(step, before) == [as_what, "invoice.paid"]


def test_a_recovered_first_payment_is_told_as_activated_and_not_as_recovered() -> None:
    before = a_past_due_subscription(agreement_ref="", recovery=a_recovery(invoice_ref=""))
    step = payments_received.paid(before, PAID, POLICY, NOW, CAUSE)
    assert told(step, before) == ["subscription.activated", "invoice.paid"]


def test_a_declined_renewal_is_told_with_its_code_and_as_past_due() -> None:
    before = a_paid_subscription()
    step = recovery.failed(before, DECLINED, POLICY, PERIOD_END, CAUSE)

    assert told(step, before) == ["invoice.payment_failed", "subscription.past_due", "invoice.open"]
    failed = one(step, before, "invoice.payment_failed").payload
    assert failed["decline"] == {"code": "insufficient_funds", "attempt": 1}
    assert failed["invoice"]["id"] == "in_9"


def test_less_access_in_the_same_status_is_told() -> None:
    before = a_past_due_subscription(recovery=a_recovery(step=3))
    after = replace(before, access=Access.LIMITED, sequence=before.sequence + 1)
    step = Step(after, (Entry("recovery_advanced", NOW, "Step 4 of the recovery", CAUSE),))
    assert told(step, before) == ["subscription.access_changed"]


def test_an_operators_suspension_and_its_end_are_told_once_each() -> None:
    active = a_paid_subscription()
    off = suspension.suspended(active, "a doubtful card", NOW, CAUSE)
    back = suspension.way_back(off.subscription, timedelta(days=7), NOW)
    on = suspension.returned(off.subscription, back, (), "checked", NOW, CAUSE)

    assert told(off, active) == ["subscription.suspended"]
    assert told(on, off.subscription) == ["subscription.reactivated"]


def test_a_pause_and_its_end_are_told_once_each() -> None:
    active = a_paid_subscription()
    paused = pause.paused(active, NOW + timedelta(days=10), NOW, CAUSE)
    resumed = pause.resumed(paused.subscription, NOW + timedelta(days=5), CAUSE)

    assert told(paused, active) == ["subscription.paused"]
    assert told(resumed, paused.subscription) == ["subscription.resumed"]


def test_a_scheduled_change_is_told_with_what_it_will_be() -> None:
    before = a_paid_subscription()
    step = plan_changes.change_scheduled(before, PRO, NOW, CAUSE)

    pending = one(step, before, "subscription.change_scheduled").payload["subscription"]["pending_change"]
    assert (pending["plan"], pending["amount"], pending["at"]) == ("professional", 19900, "2026-04-02T12:00:00Z")


def test_a_change_is_told_with_the_new_plan() -> None:
    before = a_paid_subscription()
    step = plan_changes.changed(before, PRO, NOW, CAUSE)
    assert one(step, before, "subscription.changed").payload["subscription"]["plan"] == "professional"


def test_an_end_is_told_with_its_kind_and_without_the_customers_words() -> None:
    before = a_paid_subscription()
    end = End(EndKind.CUSTOMER, "I moved to Fernwood Lane", "unused")
    step = commands.canceled(before, end, NOW, CAUSE)

    [event] = events_of(step, before)
    assert (event.type, event.payload["subscription"]["end_kind"]) == ("subscription.canceled", "customer")
    assert event.payload["subscription"]["reason_code"] == "unused"
    assert "Fernwood" not in json.dumps(event.payload)


def test_a_refund_is_told_with_its_amount() -> None:
    before = a_paid_subscription()
    step = reversals.refunded(before, REFUND, NOW, CAUSE)

    event = one(step, before, "invoice.refunded")
    assert (event.payload["reversal"]["amount"], event.payload["reversal"]["invoice"]) == (1900, "in_1")


def test_a_dispute_is_told_and_so_is_the_access_that_it_takes() -> None:
    before = a_paid_subscription()
    step = reversals.disputed(before, DISPUTE, POLICY, NOW, CAUSE)
    assert told(step, before) == ["invoice.disputed", "subscription.access_changed"]


def test_an_undone_purchase_is_told_by_its_refund() -> None:
    it = a_trial(status=Status.CANCELED)
    step = Step(it, (Entry("purchase_undone", NOW, "Purchase undone", CAUSE),), reversal=REFUND)
    assert told(step, None) == ["invoice.refunded"]


def test_an_invoice_that_was_voided_with_a_step_is_told() -> None:
    before = a_past_due_subscription()
    step = payments_received.paid(before, PAID, POLICY, NOW, CAUSE)
    assert step.voided == "in_2"
    assert one(step, before, "invoice.voided").payload["invoice"]["id"] == "in_2"


def test_what_concerns_no_product_is_not_told() -> None:
    before = a_paid_subscription()
    assert told(payments_received.undecided(before, POLICY, NOW, CAUSE), before) == []


# Every change of status


@pytest.mark.parametrize("new", Status)
@pytest.mark.parametrize("old", Status)
def test_a_change_of_status_is_told_once_whatever_the_journal_says(old: Status, new: Status) -> None:
    before = in_status(old)
    step = Step(replace(in_status(new), sequence=before.sequence + 1))
    of_status = told(step, before)
    assert len(of_status) == (old is not new)


# Ids


def ids(events: Sequence[OutboundEvent]) -> list[str]:
    return [event.id for event in events]


def test_a_step_makes_the_same_events_each_time() -> None:
    step = payments_received.paid(a_trial(), PAID, POLICY, NOW, CAUSE)
    assert ids(events_of(step, a_trial())) == ids(events_of(step, a_trial()))


def test_no_two_events_of_a_life_have_the_same_id() -> None:
    begun = trial.started(a_trial(sequence=0), POLICY, NOW, CAUSE)
    paid = payments_received.paid(begun.subscription, PAID, POLICY, NOW, CAUSE)
    over = commands.canceled(paid.subscription, End(EndKind.CUSTOMER), NOW, CAUSE)
    found = [
        *ids(events_of(begun, None)),
        *ids(events_of(paid, begun.subscription)),
        *ids(events_of(over, paid.subscription)),
    ]
    assert len(set(found)) == len(found) == 5


def test_an_invoice_is_paid_once_whichever_steps_say_so() -> None:
    def of(sequence: int) -> str:
        it: Any = a_paid_subscription(sequence=sequence)
        return events_of(Step(it, invoice=INVOICE), it)[0].id

    assert of(4) == of(7)


def test_subscriptions_and_tenants_do_not_share_ids() -> None:
    it = a_paid_subscription()
    others = [it, replace(it, id="5c1f2f0e-0000-4000-8000-000000000002")]
    found = [ids(events_of(Step(each, (Entry("renewed", NOW, "", CAUSE),)), each)) for each in others]
    assert found[0] != found[1]
    paid = [events_of(Step(replace(it, tenant=name), invoice=INVOICE), None)[0].id for name in ("acme", "zenith")]
    assert paid[0] != paid[1]
