"""What a step says of a request to cancel."""

from datetime import datetime

import pytest

from domain.revenue.cancellations import AskedBy, CancellationRequest, CancellationResult, cancellation_fact
from domain.revenue.outcomes import RetainedBy, outcome_changes
from domain.subscription import commands, pause, plan_changes
from domain.subscription.ends import End, EndKind
from domain.subscription.journal import Step
from domain.subscription.lifecycle import Status
from domain.subscription.state import Subscription
from tests.builders import CAUSE, NOW, PERIOD_END, PRO, a_paid_subscription, a_past_due_subscription, a_trial

LEAVES = End(EndKind.CUSTOMER, "too dear for us", "too_expensive")
LEAVING = commands.cancel_scheduled(a_paid_subscription(), PERIOD_END, LEAVES, NOW, CAUSE).subscription
STAYS = commands.cancel_withdrawn(LEAVING, NOW, CAUSE).subscription


def fact(
    before: Subscription | None, step: Step, at: datetime = NOW
) -> CancellationRequest | CancellationResult | None:
    return cancellation_fact(before, step.subscription, outcome_changes(before, step, at))


def test_a_request_has_what_was_held_and_what_was_said() -> None:
    asked = commands.cancel_scheduled(a_paid_subscription(), PERIOD_END, LEAVES, NOW, CAUSE)
    request = CancellationRequest(NOW, AskedBy.CUSTOMER, "starter", Status.ACTIVE, "too_expensive", "too dear for us")
    assert fact(a_paid_subscription(), asked) == request


def test_an_end_at_once_is_a_request_that_took_effect() -> None:
    by_operator = End(EndKind.OPERATOR, "a test account")
    gone = commands.canceled(a_trial(), by_operator, NOW, CAUSE)
    assert fact(a_trial(), gone) == CancellationRequest(
        NOW, AskedBy.OPERATOR, "starter", Status.TRIALING, "", "a test account", ended_at=NOW
    )


def test_a_request_is_undone_or_takes_effect() -> None:
    assert fact(LEAVING, commands.cancel_withdrawn(LEAVING, NOW, CAUSE)) == CancellationResult(RetainedBy.UNCANCEL)
    ended = commands.canceled(LEAVING, commands.due_end(LEAVING), PERIOD_END, CAUSE)
    assert fact(LEAVING, ended, PERIOD_END) == CancellationResult(ended_at=PERIOD_END)


@pytest.mark.parametrize(
    ("step", "kept"),
    [
        pytest.param(pause.paused(STAYS, None, NOW, CAUSE), RetainedBy.PAUSE, id="pause"),
        pytest.param(plan_changes.change_scheduled(STAYS, PRO, NOW, CAUSE), RetainedBy.CHANGE, id="change"),
    ],
)
def test_what_is_taken_instead_is_told_after_it_was_undone(step: Step, kept: RetainedBy) -> None:
    found = fact(STAYS, step)
    assert found == CancellationResult(kept)
    assert isinstance(found, CancellationResult)
    assert found.is_afterthought


@pytest.mark.parametrize("kind", [kind for kind in EndKind if kind not in (EndKind.CUSTOMER, EndKind.OPERATOR)])
def test_what_nobody_asked_for_is_no_request(kind: EndKind) -> None:
    before = a_past_due_subscription()
    assert fact(before, commands.canceled(before, End(kind), NOW, CAUSE)) is None
    assert fact(None, commands.signed_up(a_trial(trial_ends_at=None), NOW, CAUSE)) is None
