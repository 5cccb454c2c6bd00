"""The recovery ladder, rung by rung."""

from dataclasses import replace
from datetime import timedelta

import pytest

from domain.access import Access
from domain.formatting import moment
from domain.notifications.mail_types import Occasion
from domain.provider.payments import NO_CARD, Card, Charge, ChargeOutcome, Decline
from domain.subscription import commands, payments_received, recovery, suspension
from domain.subscription.agenda import Action, agenda, next_due
from domain.subscription.journal import Step
from domain.subscription.lifecycle import Status
from domain.subscription.policy import LadderStep, Policy
from domain.subscription.state import Subscription
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


def climb(
    subscription: Subscription, code: str = "insufficient_funds", policy: Policy = POLICY
) -> list[tuple[int, Status, Access, list[Occasion]]]:
    """Climb the whole ladder with every retry declined; what each rung made of the subscription."""
    rungs = []
    while (due := next_due(subscription, policy)) is not None and due.action is Action.RECOVER:
        charge = a_declined_charge(code) if recovery.retry_is_due(subscription, policy, due.at) else None
        step = recovery.advanced(subscription, charge, policy, due.at, CAUSE)
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


def due(charge: Charge, amount_due: int) -> Charge:
    assert charge.invoice is not None
    return replace(charge, invoice=replace(charge.invoice, amount_due=amount_due))


def test_recovery_mails_state_the_amount_due_not_the_plans_price() -> None:
    first = recovery.failed(a_paid_subscription(), due(a_declined_charge(), 3900), POLICY, NOW, CAUSE)
    assert first.mails[0].facts["amount_due"] == "3900"
    assert first.subscription.recovery is not None

    at = NOW + timedelta(days=3)
    retried = recovery.advanced(
        replace(first.subscription, recovery=replace(first.subscription.recovery, step=2)),
        due(a_declined_charge(), 3500),
        POLICY,
        at,
        CAUSE,
    )
    assert [mail.facts["amount_due"] for mail in retried.mails] == ["3500"]


def test_a_card_removed_since_is_not_reported_as_declined_again() -> None:
    at = NOW + timedelta(days=3)
    step = recovery.advanced(a_past_due_subscription(card=None, recovery=a_recovery(step=2)), None, POLICY, at, CAUSE)

    (mail,) = step.mails
    assert (mail.facts["decline_code"], mail.facts["has_card"]) == (NO_CARD, "no")


def test_no_amount_is_stated_without_a_known_invoice() -> None:
    converting = recovery.failed(a_trial(), a_declined_charge(invoice=None), POLICY, NOW, CAUSE)
    older = recovery.advanced(a_past_due_subscription(), None, POLICY, NOW + timedelta(days=3), CAUSE)

    assert all("amount_due" not in mail.facts for mail in (*converting.mails, *older.mails))


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


# Its days


RUNGS = tuple(NOW + timedelta(days=step.day, hours=2 if step.day else 0) for step in POLICY.recovery)


def test_a_recovery_follows_the_days_that_were_laid_out_for_it() -> None:
    step = recovery.failed(a_paid_subscription(), a_declined_charge(), POLICY, NOW, CAUSE, RUNGS)
    ahead = agenda(step.subscription, POLICY)
    assert [due.at for due in ahead] == list(RUNGS[1:])
    (mail,) = step.mails
    assert mail.facts["next_attempt_at"] == moment(RUNGS[1])
    assert mail.facts["cancel_at"] == moment(RUNGS[-1])


def test_a_recovery_without_days_laid_out_counts_from_the_decline() -> None:
    after = recovery.failed(a_paid_subscription(), a_declined_charge(), POLICY, NOW, CAUSE).subscription
    assert [due.at for due in agenda(after, POLICY)] == [NOW + step.after for step in POLICY.recovery[1:]]


QUICK = Policy(
    version="quick",
    recovery=(
        LadderStep(0, mail=True),
        LadderStep(0, retry=True, mail=True, hours=12),
        LadderStep(1, retry=True, mail=True),
        LadderStep(1, retry=True, mail=True, hours=12),
        LadderStep(2, cancel=True),
    ),
)


def test_every_step_of_a_ladder_has_a_mail_of_its_own_also_those_of_hours() -> None:
    subscription = recovery.failed(a_paid_subscription(), a_declined_charge(), QUICK, NOW, CAUSE).subscription
    keys = []
    while (due := next_due(subscription, QUICK)) is not None and due.action is Action.RECOVER:
        step = recovery.advanced(subscription, a_declined_charge(), QUICK, due.at, CAUSE)
        keys += [mail.key for mail in step.mails]
        subscription = step.subscription
    began = moment(NOW)
    assert keys == [f"payment_failed/{began}/{name}" for name in ("0+12h", "1", "1+12h")]


def test_a_recovery_that_runs_stays_on_its_ladder_when_the_policy_changes() -> None:
    owing = recovery.failed(a_paid_subscription(), a_declined_charge(), POLICY, NOW, CAUSE, RUNGS).subscription
    adopted = commands.policy_adopted(owing, POLICY, QUICK, (), NOW, CAUSE).subscription
    assert agenda(adopted, QUICK) == agenda(owing, POLICY)
    again = commands.policy_adopted(adopted, QUICK, Policy(recovery=QUICK.recovery[:1]), (), NOW, CAUSE).subscription
    assert agenda(again, QUICK) == agenda(owing, POLICY), "the one it began with, not the one before"


def test_the_rungs_of_a_kept_ladder_are_climbed_as_it_says_and_the_next_recovery_is_on_the_new_one() -> None:
    owing = recovery.failed(a_paid_subscription(), a_declined_charge(), POLICY, NOW, CAUSE).subscription
    adopted = commands.policy_adopted(owing, POLICY, QUICK, (), NOW, CAUSE).subscription
    assert [rung[:3] for rung in climb(adopted, policy=QUICK)] == [rung[:3] for rung in climb(owing)]
    paid = payments_received.paid(adopted, a_paid_charge(), QUICK, NOW, CAUSE).subscription
    again = recovery.failed(paid, a_declined_charge(), QUICK, PERIOD_END, CAUSE).subscription
    assert agenda(again, QUICK)[0].at == PERIOD_END + timedelta(hours=12)


def test_an_operator_restarts_a_kept_ladder() -> None:
    off = a_suspended_subscription(recovery=a_recovery(step=6, ladder=POLICY.recovery))
    later = NOW + timedelta(days=20)
    back = suspension.way_back(off, timedelta(days=7), later)
    after = suspension.returned(off, back, (), "sorry", later, CAUSE).subscription
    assert agenda(after, QUICK)[0].at == later + timedelta(days=1)
    assert agenda(after, QUICK)[-1].at == later + timedelta(days=44)


def test_a_policy_that_is_adopted_is_written_down_with_the_one_before() -> None:
    step = commands.policy_adopted(a_paid_subscription(), POLICY, QUICK, (), NOW, CAUSE)
    assert step.entries[0].details == {"from": "default", "to": "quick"}
    assert not step.mails


@pytest.mark.parametrize("known", [None, VISA], ids=["known to be gone", "not heard of yet"])
def test_without_a_card_no_step_retries_and_none_is_announced(known: Card | None) -> None:
    failed = recovery.failed(a_paid_subscription(card=known), a_declined_charge(NO_CARD), POLICY, NOW, CAUSE)
    subscription = failed.subscription
    assert not any("next_attempt_at" in mail.facts for mail in failed.mails)

    due = next_due(subscription, POLICY)
    assert due is not None
    assert not recovery.retry_is_due(subscription, POLICY, due.at)
    step = recovery.advanced(subscription, None, POLICY, due.at, CAUSE)
    assert [(entry.kind, entry.summary.rpartition(", ")[2]) for entry in step.entries] == [
        ("retry_skipped", "no card is on file")
    ]
