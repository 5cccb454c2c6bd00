"""What differs between provider, database and workflow, kind by kind; and what does not."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from domain.catalog.plans import Item
from domain.provider.agreements import Agreement, AgreementState
from domain.provider.payments import Charge, ChargeOutcome
from domain.reconciliation.differences import (
    FOR_AN_OPERATOR,
    DifferenceKind,
    Projection,
    WorkflowSnapshot,
    of_agreement,
    of_workflow,
    of_workflow_without_row,
    snapshot_differs,
)
from domain.subscription.lifecycle import Status
from domain.subscription.state import Blocked, PendingChange, Subscription
from tests.builders import (
    NOW,
    PERIOD_END,
    PRO,
    STARTER_AGREED,
    a_declined_charge,
    a_free_subscription,
    a_paid_charge,
    a_paid_subscription,
    a_past_due_subscription,
    a_paused_subscription,
    a_suspended_subscription,
    a_trial,
    an_agreement,
    in_status,
)


def kinds(subscription: Subscription, agreement: Agreement | None) -> list[DifferenceKind]:
    return [each.kind for each in of_agreement(subscription, agreement)]


@pytest.mark.parametrize(
    ("subscription", "agreement"),
    [
        pytest.param(a_paid_subscription(), an_agreement(), id="paid up"),
        pytest.param(
            a_past_due_subscription(),
            an_agreement(state=AgreementState.OWING, is_held=True, latest=a_declined_charge()),
            id="owing, and on hold",
        ),
        pytest.param(a_paused_subscription(), an_agreement(is_held=True), id="paused"),
        pytest.param(
            a_suspended_subscription(), an_agreement(is_held=True, latest=a_declined_charge()), id="suspended"
        ),
        pytest.param(a_trial(), None, id="a trial has no agreement"),
        pytest.param(a_free_subscription(), None, id="nothing is billed for the free plan"),
        pytest.param(
            a_paid_subscription(),
            an_agreement(latest=a_paid_charge("in_2", outcome=ChargeOutcome.PENDING)),
            id="a renewal that is not decided",
        ),
        pytest.param(
            a_paid_subscription(),
            an_agreement(latest=a_paid_charge("in_2", outcome=ChargeOutcome.GONE)),
            id="a bill that was voided under a hold",
        ),
        pytest.param(
            a_paid_subscription(cancel_at=PERIOD_END), an_agreement(ends_at=PERIOD_END), id="ends at its period's end"
        ),
        pytest.param(
            a_paid_subscription(cancel_at=PERIOD_END, begins_own_period=True),
            an_agreement(is_held=True),
            id="ends at the end of a period of ours",
        ),
        pytest.param(
            a_paid_subscription(pending_change=PendingChange(PRO, PERIOD_END, NOW)),
            an_agreement(is_held=True, items=()),
            id="items, while a change is planned",
        ),
        pytest.param(
            a_paid_subscription(agreement_is_stale=True),
            an_agreement(is_held=True, items=()),
            id="items, while the agreement is known to be stale",
        ),
        pytest.param(in_status(Status.CANCELED), an_agreement(state=AgreementState.ENDED), id="over on both sides"),
        pytest.param(in_status(Status.CANCELED), None, id="over here, forgotten there"),
    ],
)
def test_matching_states_are_not_a_difference(subscription: Subscription, agreement: Agreement | None) -> None:
    assert kinds(subscription, agreement) == []


@pytest.mark.parametrize(
    ("subscription", "agreement", "found"),
    [
        (a_paid_subscription(), an_agreement(latest=a_paid_charge("in_2")), [DifferenceKind.PAYMENT_UNHEARD]),
        (
            a_paid_subscription(waived_invoices=("in_1",)),
            an_agreement(latest=a_paid_charge("in_1")),
            [DifferenceKind.PAYMENT_UNHEARD],
        ),
        (
            a_paid_subscription(waived_invoices=("in_1",)),
            an_agreement(latest=a_paid_charge("in_1", outcome=ChargeOutcome.GONE)),
            [],
        ),
        (
            a_past_due_subscription(),
            an_agreement(is_held=True, latest=a_paid_charge("in_2")),
            [DifferenceKind.PAYMENT_UNHEARD],
        ),
        (a_paid_subscription(), an_agreement(latest=a_declined_charge()), [DifferenceKind.FAILURE_UNHEARD]),
        (a_paid_subscription(), an_agreement(state=AgreementState.ENDED), [DifferenceKind.ENDED_AT_PROVIDER]),
        (a_paid_subscription(), None, [DifferenceKind.AGREEMENT_MISSING]),
        (a_past_due_subscription(), an_agreement(latest=a_declined_charge()), [DifferenceKind.BILLING_NOT_HELD]),
        (a_paid_subscription(), an_agreement(is_held=True), [DifferenceKind.BILLING_HELD]),
        (a_paid_subscription(), an_agreement(ends_at=PERIOD_END), [DifferenceKind.ENDS_AT_PROVIDER]),
        (a_paid_subscription(cancel_at=PERIOD_END), an_agreement(), [DifferenceKind.CANCELLATION_NOT_TOLD]),
        (
            a_paid_subscription(),
            an_agreement(items=(replace(STARTER_AGREED, quantity=2),)),
            [DifferenceKind.ITEMS_DIFFER],
        ),
        (
            a_paid_subscription(),
            an_agreement(items=(replace(STARTER_AGREED, lookup_key=""),)),
            [DifferenceKind.ITEMS_DIFFER],
        ),
        (in_status(Status.CANCELED), an_agreement(), [DifferenceKind.BILLED_AFTER_END]),
        (
            a_paid_subscription(),
            an_agreement(latest=a_paid_charge("in_2"), is_held=True, ends_at=PERIOD_END),
            [DifferenceKind.PAYMENT_UNHEARD, DifferenceKind.BILLING_HELD, DifferenceKind.ENDS_AT_PROVIDER],
        ),
    ],
)
def test_each_difference_to_the_provider_has_its_name(
    subscription: Subscription, agreement: Agreement | None, found: list[DifferenceKind]
) -> None:
    assert kinds(subscription, agreement) == found


def test_a_hold_is_lifted_only_if_it_is_ours() -> None:
    held = an_agreement(is_held=True)
    (theirs,) = of_agreement(a_paid_subscription(), held)
    (ours,) = of_agreement(a_paid_subscription(is_held=True), held)

    assert (theirs.is_healable, ours.is_healable) == (False, True)
    assert "somebody else's hold" in theirs.details


def test_an_item_known_by_its_price_id_matches_even_if_the_price_has_a_lookup_key() -> None:
    taken_over = a_paid_subscription(items=(Item("price_1", 1),))

    assert kinds(taken_over, an_agreement(items=(replace(STARTER_AGREED, lookup_key="gold_monthly"),))) == []
    assert kinds(taken_over, an_agreement(items=(replace(STARTER_AGREED, lookup_key=""),))) == []
    other = replace(STARTER_AGREED, price_ref="price_2", lookup_key="gold_monthly")
    assert kinds(taken_over, an_agreement(items=(other,))) == [DifferenceKind.ITEMS_DIFFER]


def test_money_taken_after_the_end_is_reported_and_an_open_invoice_is_named() -> None:
    over = in_status(Status.CANCELED)
    (paid,) = of_agreement(over, an_agreement(latest=a_paid_charge("in_9")))
    (owed,) = of_agreement(over, an_agreement(latest=a_declined_charge(ref="in_9")))

    assert "in_9 was paid" in paid.details
    assert (paid.bill_ref, owed.bill_ref) == ("", "in_9")


# The workflow


def snapshot_of(subscription: Subscription, **changes: Any) -> WorkflowSnapshot:
    return replace(WorkflowSnapshot(is_running=True, status=subscription.status, plan=subscription.plan), **changes)


def test_a_workflow_that_shows_what_is_stored_is_not_queried() -> None:
    kept = Projection(a_paid_subscription(), "renew", "2026-04-02T12:00:00Z")
    snapshot = snapshot_of(kept.subscription, next_action="renew", next_action_at="2026-04-02T12:00:00Z")

    assert not snapshot_differs(kept, snapshot)
    assert snapshot_differs(kept, replace(snapshot, next_action_at="2026-05-02T12:00:00Z"))
    assert snapshot_differs(kept, replace(snapshot, status="past_due"))
    assert list(of_workflow(kept, snapshot)) == []


def test_a_workflow_need_not_show_when_the_provider_renews() -> None:
    kept = Projection(a_paid_subscription(), "renew", "2026-04-02T12:00:00Z")
    due = replace(kept, next_action="notify")

    assert not snapshot_differs(kept, snapshot_of(kept.subscription, next_action="renew"))
    assert snapshot_differs(due, snapshot_of(due.subscription, next_action="notify"))


@pytest.mark.parametrize(
    ("snapshot", "kind"),
    [
        (WorkflowSnapshot(is_running=False), DifferenceKind.WORKFLOW_MISSING),
        (WorkflowSnapshot(is_running=False, ended_because="nonpayment"), DifferenceKind.END_UNWRITTEN),
        (WorkflowSnapshot(is_running=True, is_silent=True), DifferenceKind.WORKFLOW_SILENT),
        (WorkflowSnapshot(is_running=True, state=a_paid_subscription(sequence=6)), DifferenceKind.DATABASE_BEHIND),
        (WorkflowSnapshot(is_running=True, state=a_past_due_subscription(sequence=5)), DifferenceKind.DATABASE_BEHIND),
        (WorkflowSnapshot(is_running=True, state=a_paid_subscription(sequence=4)), DifferenceKind.WORKFLOW_BEHIND),
    ],
)
def test_each_difference_to_the_workflow_has_its_name(snapshot: WorkflowSnapshot, kind: DifferenceKind) -> None:
    (found,) = of_workflow(Projection(a_paid_subscription(sequence=5)), snapshot)

    assert found.kind is kind


def test_what_runs_ahead_of_the_next_step_is_not_a_difference() -> None:
    written = a_past_due_subscription(sequence=5)
    lived = replace(written.with_attempt(NOW + timedelta(days=1)), is_held=True)

    assert list(of_workflow(Projection(written), WorkflowSnapshot(is_running=True, state=lived))) == []


def test_a_subscription_that_is_over_needs_no_workflow() -> None:
    assert list(of_workflow(Projection(in_status(Status.CANCELED)), WorkflowSnapshot(is_running=False))) == []


def test_a_workflow_of_what_is_over_is_behind_if_it_does_not_know_of_the_end() -> None:
    over = replace(in_status(Status.CANCELED), sequence=5)
    older = WorkflowSnapshot(is_running=True, state=a_paid_subscription(sequence=4))
    as_old = WorkflowSnapshot(is_running=True, state=over)

    (found,) = of_workflow(Projection(over), older)

    assert found.kind is DifferenceKind.WORKFLOW_BEHIND
    assert found.is_healable
    assert list(of_workflow(Projection(over), as_old)) == []


def test_an_invoice_that_is_settled_and_not_recorded_is_missed_whatever_the_workflow_does() -> None:
    settled = a_paid_subscription(settled_invoice="in_7")

    for state in (settled, a_paid_subscription(sequence=settled.sequence + 1)):
        kinds = {
            found.kind: found.details
            for found in of_workflow(Projection(settled, lacks_invoice=True), WorkflowSnapshot(True, state=state))
        }
        assert kinds[DifferenceKind.INVOICES_MISSING] == "invoice in_7 is settled, but not recorded as paid"


def test_a_workflow_without_a_row_has_lost_it_once_it_has_recorded_a_step() -> None:
    running = a_paid_subscription(sequence=2)

    found = of_workflow_without_row(running, knows_customer=True)
    of_nobody = of_workflow_without_row(running, knows_customer=False)

    assert found is not None
    assert of_nobody is not None
    assert (found.kind, found.is_healable, of_nobody.is_healable) == (DifferenceKind.ROW_MISSING, True, False)
    assert of_workflow_without_row(replace(running, sequence=0), knows_customer=False) is None


def test_no_rule_undoes_a_customers_cancellation_or_decides_about_money() -> None:
    assert {
        DifferenceKind.ENDS_AT_PROVIDER,
        DifferenceKind.ITEMS_DIFFER,
        DifferenceKind.TWO_AGREEMENTS,
        DifferenceKind.AGREEMENT_MISSING,
    } <= FOR_AN_OPERATOR


def test_an_invoice_without_an_attempt_is_not_a_difference() -> None:
    undecided = Charge(ChargeOutcome.PENDING, agreement_ref="sub_1")
    assert kinds(a_paid_subscription(), an_agreement(latest=undecided)) == []


def test_a_metered_item_either_exists_or_does_not() -> None:
    by_use = replace(STARTER_AGREED, price_ref="price_runs", lookup_key="runs_overage", quantity=0, is_by_use=True)
    subscription = a_paid_subscription()
    billed = replace(subscription, items=(*subscription.items, Item("runs_overage", 0)))

    assert kinds(billed, an_agreement(items=(STARTER_AGREED, by_use))) == []
    assert kinds(billed, an_agreement(items=(STARTER_AGREED,))) == [DifferenceKind.ITEMS_DIFFER]
    assert kinds(subscription, an_agreement(items=(STARTER_AGREED, by_use))) == [DifferenceKind.ITEMS_DIFFER]
    none_of_it = replace(by_use, is_by_use=False)
    assert kinds(subscription, an_agreement(items=(STARTER_AGREED, none_of_it))) == []


def test_a_blocked_step_is_listed_without_an_agreement_and_can_be_retried() -> None:
    trouble = Blocked(NOW, "convert", "unknown_price", "Stripe has no active price", NOW + timedelta(hours=1))
    kept = Projection(a_paid_subscription(blocked=trouble))

    [found] = of_workflow(kept, WorkflowSnapshot(is_running=True))

    assert (found.kind, found.agreement_ref, found.is_healable) == (DifferenceKind.BLOCKED, "", True)
    assert "convert blocked since 2026-03-02T12:00:00Z: Stripe has no active price" in found.details
    assert not list(of_workflow(kept, WorkflowSnapshot(is_running=True, is_silent=True)))[1:]
