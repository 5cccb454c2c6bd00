"""Another policy in mid-life: what is ahead moves, a recovery that has begun stays on its ladder."""

from collections import Counter
from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import datetime, timedelta

from domain.subscription.policy import DEFAULT_POLICY, LadderStep, Policy, TrialPolicy
from sandbox.stack import Stack
from tenure.cli.policies import move_to, version_of
from tests.harness.lives import CONVERTED, Life

Begin = Callable[..., Awaitable[Life]]

A_DAY = timedelta(days=1)
SHORT = replace(
    DEFAULT_POLICY,
    version="short",
    trial=TrialPolicy(reminders=(5,), cancel_after_days=3),
    recovery=(LadderStep(0, mail=True), LadderStep(2, suspend=True, mail=True), LadderStep(6, cancel=True, mail=True)),
)


async def adopt(stack: Stack, life: Life, policy: Policy) -> None:
    await move_to(stack.client, life.id, policy)
    await life.mails()
    assert await version_of(stack.client, life.id) == policy.version


async def test_reminders_that_are_still_ahead_move_and_the_end_is_the_new_policys(begin: Begin, stack: Stack) -> None:
    life = await begin()
    await life.live_until("send_reminder")

    await adopt(stack, life, SHORT)

    stands = await life.stands()
    assert await life.ahead() == ["send_reminder", "expire_trial"]
    reminder, end = (datetime.fromisoformat(one["at"]) for one in stands["next_actions"])
    assert (end.date() - reminder.date()).days in (5, 6)  # six when it was moved back into decent hours
    expired_at = await life.live_until("expire_trial")
    assert await life.mails() == Counter(trial_started=1, trial_ending=2, trial_expired=1)
    assert await life.live_until("cancel") - expired_at < 4 * A_DAY


async def test_a_recovery_keeps_the_ladder_it_began_with_and_the_next_one_is_on_the_new(
    begin: Begin, stack: Stack
) -> None:
    life = await begin(payment_method="pm_card_visa")
    await life.live_until_converted()
    await life.live_until_declined("insufficient_funds")
    ahead = (await life.stands())["next_actions"]

    await adopt(stack, life, SHORT)

    assert (await life.stands())["next_actions"] == ahead
    await life.live_until("recover")
    await life.product.card_answers(life.external_id, "ok")
    await life.live_until("recover")  # day 3, which the new ladder does not have
    assert await life.status() == ("active", "full")
    await life.live_until_declined("insufficient_funds")
    assert [one["why"] for one in (await life.stands())["next_actions"]] == [
        "day 2 of the recovery: suspend and mail",
        "day 6 of the recovery: cancel and mail",
    ]
    await life.live(7 * A_DAY)
    assert await life.status() == ("canceled", "none")
    assert await life.mails() == CONVERTED + Counter(payment_failed=2, receipt=1, suspended=1, canceled=1)
