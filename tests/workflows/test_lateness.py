"""The step of a due action carries when it was due, from which its lateness is measured; other steps carry nothing."""

from domain.subscription.agenda import Action
from domain.subscription.journal import CarriedOut
from tests.workflows.conftest import Begin
from tests.workflows.world.life import A_DAY, Life


def carried_out(life: Life) -> CarriedOut | None:
    return life.world.records.steps[life.id].carries_out


async def test_a_reminder_carries_when_it_was_due_and_waits_for_nobody(begin: Begin) -> None:
    life = await begin()
    assert carried_out(life) is None
    due = life.subscription.reminders[0].at

    await life.live_until("send_reminder")

    assert carried_out(life) == CarriedOut(Action.SEND_REMINDER, due, is_paced=False)


async def test_a_conversion_carries_when_it_was_due_and_waits_for_the_provider(begin: Begin) -> None:
    life = await begin(payment_method="visa")
    due = life.subscription.trial_ends_at

    await life.live_until("convert")

    assert carried_out(life) == CarriedOut(Action.CONVERT, due, is_paced=True)  # type: ignore[arg-type]


async def test_a_command_carries_out_nothing_that_was_due(begin: Begin) -> None:
    life = await begin()
    await life.live(8 * A_DAY)
    assert carried_out(life) is not None

    await life.command("extend-trial", days=3, reason="asked for it")

    assert carried_out(life) is None
