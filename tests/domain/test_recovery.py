"""The recovery ladder, rung by rung."""

from datetime import timedelta

from domain import recovery
from domain.agenda import Action, agenda, next_due
from domain.journal import Step
from domain.lifecycle import Status
from domain.mails import Occasion
from domain.payments import ChargeOutcome, Decline
from domain.policy import Access, Policy
from domain.subscription import Subscription
from tests.builders import (
    CAUSE,
    NOW,
    a_declined_charge,
    a_paid_subscription,
    a_past_due_subscription,
    a_recovery,
)

POLICY = Policy()


def occasions(step: Step) -> list[Occasion]:
    return [mail.occasion for mail in step.mails]


def climb(
    subscription: Subscription, code: str = "insufficient_funds"
) -> list[tuple[int, Status, Access, list[Occasion]]]:
    """Climb the whole ladder with every retry declined; what each rung made of the subscription."""
    rungs = []
    while (due := next_due(subscription, POLICY)) is not None and due.action is Action.RECOVER:
        charge = a_declined_charge(code) if recovery.retry_is_due(subscription, POLICY, due.at) else None
        step = recovery.climbed(subscription, charge, POLICY, due.at, CAUSE)
        subscription = step.subscription
        rungs.append(((due.at - NOW).days, subscription.status, subscription.access, occasions(step)))
    return rungs


def test_the_ladder_is_climbed_as_the_default_policy_says() -> None:
    first = recovery.failed(a_paid_subscription(), a_declined_charge(), POLICY, NOW, CAUSE)
    assert first.subscription.status is Status.PAST_DUE
    assert occasions(first) == [Occasion.PAYMENT_FAILED]
    failed = [Occasion.PAYMENT_FAILED]
    assert climb(first.subscription) == [
        (1, Status.PAST_DUE, Access.FULL, []),
        (3, Status.PAST_DUE, Access.FULL, failed),
        (5, Status.PAST_DUE, Access.LIMITED, failed),
        (7, Status.PAST_DUE, Access.LIMITED, failed),
        (14, Status.SUSPENDED, Access.NONE, [Occasion.SUSPENDED]),
    ]


def test_the_ladder_ends_in_a_cancellation_on_day_44() -> None:
    subscription = recovery.failed(a_paid_subscription(), a_declined_charge(), POLICY, NOW, CAUSE).subscription
    last = agenda(subscription, POLICY)[-1]
    assert (last.at, last.action) == (NOW + timedelta(days=44), Action.CANCEL)


def test_a_hard_decline_climbs_without_any_retry() -> None:
    hard = recovery.failed(a_paid_subscription(), a_declined_charge("stolen_card"), POLICY, NOW, CAUSE).subscription
    assert not recovery.retry_is_due(hard, POLICY, NOW + timedelta(days=1))
    assert [rung[1] for rung in climb(hard, "stolen_card")][-1] is Status.SUSPENDED


def test_authentication_required_sends_the_link_instead_of_retrying() -> None:
    decline = Decline("authentication_required", action_url="https://pay.example/authenticate")
    charge = a_declined_charge(outcome=ChargeOutcome.ACTION_REQUIRED, decline=decline)
    step = recovery.failed(a_paid_subscription(), charge, POLICY, NOW, CAUSE)
    assert occasions(step) == [Occasion.ACTION_REQUIRED]
    assert step.mails[0].facts["action_url"] == "https://pay.example/authenticate"
    assert not recovery.retry_is_due(step.subscription, POLICY, NOW + timedelta(days=1))


def test_a_declined_retry_by_command_leaves_the_ladder_where_it_is() -> None:
    before = a_past_due_subscription(recovery=a_recovery(step=3))
    after = recovery.failed_again(before, a_declined_charge("lost_card"), NOW, CAUSE).subscription
    assert after.recovery is not None
    assert (after.recovery.step, after.recovery.tries, after.recovery.decline.code) == (3, 2, "lost_card")
