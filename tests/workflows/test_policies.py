"""Another policy in mid-life: what is ahead moves, a recovery that has begun stays on its ladder."""

from collections import Counter
from dataclasses import replace

from domain.subscription.policy import DEFAULT_POLICY, LadderStep, TrialPolicy
from tests.workflows.conftest import Begin
from tests.workflows.world.life import A_DAY, CONVERTED, Life
from workflows.subscription.workflow import SubscriptionWorkflow

SHORT = replace(
    DEFAULT_POLICY,
    version="short",
    trial=TrialPolicy(reminders=(5,), cancel_after_days=3),
    recovery=(LadderStep(0, mail=True), LadderStep(2, suspend=True, mail=True), LadderStep(6, cancel=True, mail=True)),
)


async def adopts_short(life: Life) -> None:
    await life.command("adopt-policy", policy=SHORT)
    assert await life.handle.query(SubscriptionWorkflow.policy_version) == "short"


async def test_reminders_that_are_still_ahead_move_and_the_end_is_the_new_policys(begin: Begin) -> None:
    life = await begin()
    await life.live_until("send_reminder")

    await adopts_short(life)

    assert life.ahead == ["send_reminder", "expire_trial"]
    reminder, end = life.world.records.steps[life.id].ahead
    assert (end.at.date() - reminder.at.date()).days in (5, 6)  # six when it was moved back into decent hours
    expired_at = await life.live_until("expire_trial")
    assert life.mails == Counter(trial_started=1, trial_ending=2, trial_expired=1)
    assert await life.live_until("cancel") - expired_at < 4 * A_DAY


async def test_nothing_changes_when_it_has_the_policy_and_it_comes_back_to_one_that_it_had(begin: Begin) -> None:
    life = await begin()

    for policy in (SHORT, SHORT, DEFAULT_POLICY, SHORT):
        await life.command("adopt-policy", policy=policy)

    assert life.kinds["policy_adopted"] == 3
    assert await life.handle.query(SubscriptionWorkflow.policy_version) == "short"


async def test_a_recovery_keeps_the_ladder_it_began_with_and_the_next_one_is_on_the_new(begin: Begin) -> None:
    life = await begin(payment_method="visa")
    await life.live_until_converted()
    await life.live_until_declined("insufficient_funds")
    before = ladder(life)

    await adopts_short(life)

    assert ladder(life) == before
    await life.live_until("recover")
    life.card_answers("ok")
    await life.live_until("recover")  # day 3, which the new ladder does not have
    assert life.status == ("active", "full")
    await life.live_until_declined("insufficient_funds")
    assert ladder(life) == ["day 2 of the recovery: suspend and mail", "day 6 of the recovery: cancel and mail"]
    await life.live(7 * A_DAY)
    assert life.status == ("canceled", "none")
    assert life.mails == CONVERTED + Counter(payment_failed=2, receipt=1, suspended=1, canceled=1)


def ladder(life: Life) -> list[str]:
    return [due.why for due in life.world.records.steps[life.id].ahead]
