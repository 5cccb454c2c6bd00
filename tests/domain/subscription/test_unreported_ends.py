"""An end that the provider does not take for now is decided all the same, and what it took meanwhile is told."""

from dataclasses import replace
from datetime import timedelta

import pytest

from domain.access import Access
from domain.errors import Rejected
from domain.provider.payments import Invoice
from domain.reconciliation.differences import DifferenceKind, Projection, WorkflowSnapshot, of_workflow
from domain.subscription import blocked_steps, commands, guards, unreported_ends
from domain.subscription.cancellation import ends_at
from domain.subscription.commands import CancelAt
from domain.subscription.ends import End, EndKind
from domain.subscription.lifecycle import Status
from domain.subscription.state import Blocked, Subscription
from tests.builders import CAUSE, NOW, PERIOD_END, a_paid_subscription, a_past_due_subscription, in_status

AN_HOUR = timedelta(hours=1)
BY_CUSTOMER = End(EndKind.CUSTOMER, "closing down")
LATE = Invoice("in_late", "T-2", "paid", 4900, "usd")


def ended(subscription: Subscription) -> Subscription:
    return unreported_ends.ended_unreported(subscription, BY_CUSTOMER, NOW, CAUSE).subscription


def blocked_at_its_end(subscription: Subscription) -> Subscription:
    trouble = Blocked(NOW, blocked_steps.END, "stripe_key", "Stripe does not accept our key", NOW + AN_HOUR)
    return blocked_steps.blocked(ended(subscription), trouble, NOW, CAUSE).subscription


@pytest.mark.parametrize("status", [Status.ACTIVE, Status.PAST_DUE, Status.SUSPENDED, Status.PAUSED])
def test_access_ends_as_decided_in_every_status_and_the_provider_is_notified_later(status: Status) -> None:
    over = ended(in_status(status))

    assert (over.status, over.access, over.end) == (Status.CANCELED, Access.NONE, BY_CUSTOMER)
    assert unreported_ends.must_be_reported(over)


def test_an_invoice_no_longer_owed_is_kept_until_it_can_be_voided() -> None:
    owing = a_past_due_subscription()
    assert owing.recovery is not None

    over = ended(owing)

    assert over.untold_end is not None
    assert over.untold_end.invoice_ref == owing.recovery.invoice_ref


def test_an_end_with_the_paid_period_must_be_reported_until_it_is_or_is_undone() -> None:
    paid = a_paid_subscription()
    assert ends_at(paid, CancelAt.PERIOD_END, NOW) == PERIOD_END

    leaves = unreported_ends.scheduled_unreported(paid, PERIOD_END, BY_CUSTOMER, NOW, CAUSE).subscription

    assert unreported_ends.must_be_reported(leaves)
    assert not unreported_ends.must_be_reported(unreported_ends.reported(leaves, [], NOW, CAUSE).subscription)
    assert not unreported_ends.must_be_reported(commands.cancel_withdrawn(leaves, NOW, CAUSE).subscription)


def test_a_canceled_subscription_is_blocked_reported_once_and_has_nothing_else_waiting() -> None:
    over = blocked_at_its_end(a_paid_subscription())
    assert over.blocked is not None

    again = blocked_steps.blocked(over, over.blocked, NOW + AN_HOUR, CAUSE)

    assert again.entries == ()
    assert not blocked_steps.is_moot(over, over.blocked, (), NOW)
    assert blocked_steps.is_moot(over, replace(over.blocked, action=blocked_steps.HOLD), (), NOW)


def test_what_was_paid_after_the_end_is_written_down_for_an_operator() -> None:
    step = unreported_ends.reported(blocked_at_its_end(a_paid_subscription()), [LATE], NOW, CAUSE)

    assert [entry.kind for entry in step.entries] == ["charged_after_end", "end_told"]
    assert "may have to refund" in step.entries[0].summary
    assert (step.invoice, step.mails) == (LATE, ())
    assert step.subscription.untold_end is None


def test_a_canceled_subscription_is_retried_and_listed_until_the_provider_knows() -> None:
    over = blocked_at_its_end(a_paid_subscription())
    known = ended(a_paid_subscription())
    known = replace(known, untold_end=None)

    guards.check_retry(over, NOW)
    guards.check_reconcile(over)
    [found] = of_workflow(Projection(over), WorkflowSnapshot(is_running=True, status="canceled", plan=over.plan))
    assert found.kind is DifferenceKind.BLOCKED
    [lost] = of_workflow(Projection(over), WorkflowSnapshot(is_running=False))
    assert lost.kind is DifferenceKind.WORKFLOW_MISSING
    with pytest.raises(Rejected, match="canceled"):
        guards.check_retry(known, NOW)
    with pytest.raises(Rejected, match="canceled"):
        guards.check_reconcile(known)
