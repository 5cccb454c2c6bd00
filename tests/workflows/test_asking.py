"""What Tenure asks the provider by itself, when no message comes or an answer has been lost."""

import asyncio
from collections import Counter
from dataclasses import replace
from datetime import timedelta

import pytest

from domain.errors import GatewayForbidden, TenureError
from domain.subscription.policy import TrialEnd
from tests.harness.names import a_name
from tests.harness.patience import until
from tests.workflows.conftest import Begin
from tests.workflows.world.life import A_MINUTE, Life
from tests.workflows.world.world import World

PAID_START = {"trial_days": 0, "payment_method": "visa"}


async def test_a_renewal_of_which_no_message_came_is_asked_for_three_hours_later(begin: Begin, world: World) -> None:
    life = await begin(**PAID_START)
    world.provider.loses_messages = True
    await life.live_until("renew")
    assert life.bills == Counter(paid=1)

    await life.live_until("ask_provider")

    assert (life.status, life.bills) == (("active", "full"), Counter(paid=2))
    assert life.kinds["renewed"] == 1


async def test_a_message_that_comes_twice_and_late_changes_nothing(begin: Begin, world: World) -> None:
    life = await begin(**PAID_START)
    await life.live_until("renew")
    before = life.journal

    events = [event for _, event in world.provider.payments.books.past]
    await world.post.deliver(events, redelivered=True)
    await life.settle()

    assert life.journal == before


async def test_while_the_provider_is_silent_a_charge_waits_and_shows_as_blocked(begin: Begin, world: World) -> None:
    life = await begin(payment_method="visa")
    world.provider.calls.fail("begin", "begun")
    await life.live_until("convert")
    await life.live(timedelta(hours=2))
    assert life.status == ("trialing", "full")
    assert life.subscription.blocked is not None

    world.provider.heal()
    await life.live(timedelta(hours=2))

    assert life.status == ("active", "full")
    assert (await life.current()).blocked is None
    assert life.bills == Counter(paid=1)


async def test_a_first_payment_that_the_provider_does_not_take_is_tried_until_it_does(world: World) -> None:
    life = await blocked_start(world)
    assert life.ahead[0] == "first_payment"
    assert await life.refused("reactivate") == "awaiting_payment"

    world.provider.heal()
    await life.live(timedelta(hours=7))

    assert (life.status, life.bills) == (("active", "full"), Counter(paid=1))
    assert life.mails == Counter(converted=1, receipt=1)


async def test_a_first_payment_that_is_not_taken_can_be_canceled(world: World) -> None:
    life = await blocked_start(world)
    world.provider.heal()

    await life.command("cancel", at="now")

    assert (life.status, life.bills, life.mails) == (("canceled", "none"), Counter(), Counter())


async def blocked_start(world: World) -> Life:
    """A paid sign-up whose first payment the provider does not take, as our key has expired."""
    world.provider.calls.fail("begin", error=GatewayForbidden("the provider does not accept our key"))
    made = world.provider.calls.made
    before = made["begin"]
    signing_up = asyncio.ensure_future(world.sign_up(a_name("blocked-start"), trial_days=0, payment_method="visa"))
    await until(lambda: made["begin"] > before)
    life = world.lives[-1]
    await life.live(A_MINUTE)
    with pytest.raises(TenureError) as refusal:
        await signing_up
    assert refusal.value.code == "first_payment_blocked"
    assert (life.status, life.bills) == (("suspended", "none"), Counter())
    return life


async def test_a_yearly_renewal_is_announced_a_month_before(begin: Begin) -> None:
    life = await begin(interval="year", **PAID_START)
    assert life.ahead[0] == "notify"

    notified_at = await life.live_until("notify")

    period_end = life.subscription.period_end
    assert period_end is not None
    assert 29 <= (period_end - notified_at).days <= 31
    assert life.mails["renewal_ahead"] == 1


async def test_a_reconciliation_takes_over_what_no_message_told(begin: Begin, world: World) -> None:
    life = await begin(**PAID_START)
    world.provider.loses_messages = True
    await life.live_until("renew")

    await life.command("reconcile")

    assert (life.status, life.bills) == (("active", "full"), Counter(paid=2))
    assert "reconciliation" in {entry.cause.kind for entry in life.journal}


async def test_another_policy_is_adopted_from_now_on(begin: Begin, world: World) -> None:
    life = await begin()

    stricter = replace(
        world.policy, version="stricter", trial=replace(world.policy.trial, without_card=TrialEnd.CANCEL)
    )
    await life.command("adopt-policy", policy=stricter)

    assert life.kinds["policy_adopted"] == 1
    await life.live_until("expire_trial")
    assert life.status == ("canceled", "none")
