"""Trials: reminders, extension, conversion, expiry."""

from collections import Counter
from datetime import timedelta
from zoneinfo import ZoneInfo

import pytest

from domain.errors import TenureError
from tests.harness.names import a_name
from tests.workflows.conftest import Begin
from tests.workflows.world.life import A_MINUTE, CONVERTED, TRIAL
from tests.workflows.world.world import World


async def test_a_trial_with_a_card_is_reminded_three_times_and_converts(begin: Begin) -> None:
    life = await begin(payment_method="visa")
    assert life.status == ("trialing", "full")

    await life.live_until_converted()

    assert life.mails == CONVERTED
    assert [(invoice.amount, invoice.status) for invoice in life.invoices] == [(4900, "paid")]


async def test_reminders_come_at_a_decent_hour_of_the_customer_and_each_once(begin: Begin) -> None:
    life = await begin(timezone="Pacific/Auckland")
    ends_at = life.subscription.trial_ends_at
    assert ends_at is not None

    await life.live(timedelta(days=13, hours=23))

    hours = [mail.at.astimezone(ZoneInfo("Pacific/Auckland")) for mail in life.sent if mail.occasion == "trial_ending"]
    assert len(hours) == 3
    assert all(9 <= at.hour < 18 for at in hours)
    # One that is due at a decent hour goes out right then, give or take a second.
    assert [(ends_at - at + A_MINUTE).days for at in hours] == [7, 3, 1]


async def test_an_extension_after_a_reminder_moves_the_rest_of_the_ladder(begin: Begin) -> None:
    life = await begin()
    await life.live_until("send_reminder")
    old_end = life.subscription.trial_ends_at

    await life.command("extend-trial", days=10, reason="away on holiday")

    assert old_end is not None
    assert life.subscription.trial_ends_at == old_end + timedelta(days=10)
    await life.live_until("expire_trial")
    assert life.mails == Counter(trial_started=1, trial_ending=4, trial_expired=1)
    assert life.kinds["trial_extended"] == 1


@pytest.mark.parametrize("days", [0, 91])
async def test_an_extension_of_no_sensible_length_is_refused(begin: Begin, days: int) -> None:
    life = await begin()

    assert await life.refused("extend-trial", days=days) == "malformed"


async def test_converting_before_the_first_reminder_ends_the_trial_and_its_reminders(begin: Begin) -> None:
    life = await begin()
    await life.live(timedelta(days=2))

    await life.command("convert", payment_method="visa", when="now")

    assert life.status == ("active", "full")
    await life.live(timedelta(days=20))
    assert life.mails == Counter(trial_started=1, converted=1, receipt=1)
    assert life.bills == Counter(paid=1)


async def test_converting_early_keeps_the_days_that_are_left(begin: Begin) -> None:
    life = await begin()
    ends_at = life.subscription.trial_ends_at

    await life.command("convert", payment_method="visa")

    assert (life.status, life.subscription.trial_ends_at) == (("trialing", "full"), ends_at)
    assert life.bills == Counter()
    await life.live_until_converted()
    assert life.mails == CONVERTED


async def test_converting_without_a_card_is_refused(begin: Begin) -> None:
    life = await begin()

    assert await life.refused("convert") == "payment_method_required"


async def test_a_card_declined_at_an_early_conversion_leaves_the_trial_as_it_was(begin: Begin) -> None:
    life = await begin()

    with pytest.raises(TenureError) as refusal:
        await life.command("convert", payment_method="declining", when="now")

    assert refusal.value.code == "payment_declined"
    assert life.status == ("trialing", "full")
    assert life.mails == Counter(trial_started=1)


async def test_a_card_declined_at_the_trials_end_begins_the_recovery(begin: Begin) -> None:
    life = await begin(payment_method="declining")

    await life.live_until("convert")
    assert life.status == ("past_due", "full")
    await life.command("payment-method", payment_method="visa")

    assert life.status == ("active", "full")
    assert life.bills == Counter(paid=1)


async def test_an_expired_trial_comes_back_by_a_checkout(begin: Begin) -> None:
    life = await begin()
    await life.live_until("expire_trial")
    assert life.status == ("suspended", "none")

    await life.checks_out("visa")

    assert life.status == ("active", "full")
    assert life.mails == TRIAL + Counter(trial_expired=1, converted=1, receipt=1)
    assert life.bills == Counter(paid=1)


async def test_an_expired_trial_is_canceled_thirty_days_later(begin: Begin) -> None:
    life = await begin()
    expired_at = await life.live_until("expire_trial")

    canceled_at = await life.live_until("cancel")

    assert canceled_at - expired_at == pytest.approx(timedelta(days=30), abs=timedelta(minutes=1))
    assert (life.status, life.subscription.status_reason) == (("canceled", "none"), "trial_expired")


async def test_an_operator_opens_an_expired_trial_again(begin: Begin) -> None:
    life = await begin()
    await life.live_until("expire_trial")

    await life.command("reactivate", reason="evaluation was delayed")

    assert life.status == ("trialing", "full")
    await life.live_until("expire_trial")
    assert life.status == ("suspended", "none")


async def test_a_paid_start_charges_at_once(begin: Begin) -> None:
    life = await begin(trial_days=0, payment_method="visa")

    assert life.status == ("active", "full")
    assert life.mails == Counter(converted=1, receipt=1)
    assert life.bills == Counter(paid=1)


async def test_a_paid_start_with_a_card_that_declines_leaves_nobody_subscribed(world: World) -> None:
    name = a_name("declined-at-start")
    with pytest.raises(TenureError) as refusal:
        await world.sign_up(name, trial_days=0, payment_method="declining")

    assert refusal.value.code == "payment_declined"
    again = await world.sign_up(name, trial_days=0, payment_method="visa")
    assert again.status == ("active", "full")


async def test_an_unknown_payment_method_at_sign_up_writes_nothing(world: World) -> None:
    name = a_name("bad-card")
    with pytest.raises(TenureError) as refusal:
        await world.sign_up(name, payment_method="nonsense")

    assert refusal.value.code == "unknown_payment_method"
    assert not world.lives[-1].is_recorded
    assert world.records.known_by("default", name) is None


async def test_a_second_sign_up_of_the_same_customer_is_refused(world: World) -> None:
    name = a_name("twice")
    await world.sign_up(name)

    for card in (None, "visa"):
        with pytest.raises(TenureError) as refusal:
            await world.sign_up(name, trial_days=3, allow_another_trial=True, payment_method=card)
        assert refusal.value.code == "already_subscribed"


async def test_a_customer_who_had_a_trial_gets_no_other_unless_an_operator_says_so(world: World) -> None:
    name = a_name("again")
    first = await world.sign_up(name)
    await first.command("cancel", at="now")

    with pytest.raises(TenureError) as refusal:
        await world.sign_up(name)

    assert refusal.value.code == "trial_used"
    assert (await world.sign_up(name, allow_another_trial=True)).status == ("trialing", "full")


async def test_what_is_over_is_over_for_every_command(begin: Begin) -> None:
    life = await begin()

    await life.command("cancel", at="now")

    assert life.status == ("canceled", "none")
    assert life.mails == Counter(trial_started=1, canceled=1)
