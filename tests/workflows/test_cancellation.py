"""Cancellation in every status, and holds by operators."""

from collections import Counter
from collections.abc import Awaitable, Callable
from contextlib import suppress
from datetime import timedelta
from typing import Any

import pytest

from domain.errors import TenureError
from domain.provider.payments import Charge, ChargeOutcome
from tests.workflows.conftest import Begin
from tests.workflows.world.life import CONVERTED, LONGER_THAN_IS_ASKED, TRIAL, Life
from tests.workflows.world.world import World


async def _trialing(_life: Life) -> None:
    return


async def _active(life: Life) -> None:
    await life.live_until_converted()


async def _past_due(life: Life) -> None:
    await life.live_until_converted()
    await life.live_until_declined("insufficient_funds")


async def _nonpayment(life: Life) -> None:
    await _past_due(life)
    await life.live(timedelta(days=15))


async def _held(life: Life) -> None:
    await life.live_until_converted()
    await life.command("suspend", reason="chargeback under investigation")


STATUSES: dict[str, Callable[[Life], Awaitable[None]]] = {
    "trialing": _trialing,
    "active": _active,
    "past_due": _past_due,
    "suspended": _nonpayment,
    "suspended by an operator": _held,
}


@pytest.mark.parametrize("status", STATUSES)
async def test_canceling_now_ends_it_whatever_its_status_and_nothing_follows(
    begin: Begin, world: World, status: str
) -> None:
    life = await begin(payment_method="visa")
    await STATUSES[status](life)
    assert life.status[0] == status.split(maxsplit=1)[0]

    await life.command("cancel", at="now")

    assert (life.status, life.ahead) == (("canceled", "none"), [])
    mails, paid = life.mails, life.bills["paid"]
    assert mails["canceled"] == 1
    assert all(deal.ended for deal in world.provider.outside.agreements_of(life.external_id))
    await life.live(timedelta(days=60))
    assert (life.mails, life.bills["paid"]) == (mails, paid)


async def test_canceling_at_the_period_end_keeps_access_until_then_and_bills_no_more(begin: Begin) -> None:
    life = await begin(payment_method="visa")
    await life.live_until_converted()

    await life.command("cancel")

    assert (life.status, life.ahead) == (("active", "full"), ["cancel"])
    assert life.subscription.cancel_at == life.subscription.period_end
    assert await life.refused("cancel") == "cancellation_scheduled"
    await life.live_until("cancel")
    assert life.status == ("canceled", "none")
    await life.live(timedelta(days=40))
    assert life.bills == Counter(paid=1)
    assert life.mails == CONVERTED + Counter(cancellation_scheduled=1, canceled=1)


async def test_a_cancellation_undone_lets_the_renewal_happen(begin: Begin) -> None:
    life = await begin(payment_method="visa")
    await life.live_until_converted()
    await life.command("cancel")

    await life.command("uncancel")

    assert life.subscription.cancel_at is None
    await life.live_until("renew")
    assert (life.status, life.bills) == (("active", "full"), Counter(paid=2))
    assert await life.refused("uncancel") == "no_cancellation_scheduled"


async def test_a_trial_canceled_at_its_end_is_not_converted(begin: Begin) -> None:
    life = await begin(payment_method="visa")
    await life.command("cancel")

    await life.live(timedelta(days=15))

    assert (life.status, life.bills) == (("canceled", "none"), Counter())
    assert life.mails == Counter(trial_started=1, cancellation_scheduled=1, canceled=1)


async def test_an_operators_hold_stops_the_clock_of_a_trial_and_gives_its_days_back(begin: Begin) -> None:
    life = await begin()
    await life.live(timedelta(days=2))
    await life.command("suspend", reason="fraud check")
    assert (life.status, life.ahead) == (("suspended", "none"), [])

    await life.live(timedelta(days=30))
    await life.command("reactivate", reason="all is well")

    ends_at = life.subscription.trial_ends_at
    assert life.status == ("trialing", "full")
    assert ends_at is not None
    assert abs(ends_at - life.now - timedelta(days=12)) < timedelta(minutes=1)
    await life.live_until("expire_trial")
    assert life.mails == TRIAL + Counter(suspended=1, reactivated=1, trial_expired=1)


async def test_a_held_payer_is_not_billed_and_begins_a_new_period_when_the_hold_ends(begin: Begin) -> None:
    life = await begin(trial_days=0, payment_method="visa")
    await life.command("suspend", reason="fraud check")
    await life.live(timedelta(days=40))
    assert life.bills["paid"] == 1

    await life.command("reactivate", reason="all is well")
    await life.live(timedelta(minutes=5))

    assert (life.status, life.bills["paid"]) == (("active", "full"), 2)


async def test_a_held_payer_who_is_given_back_just_before_the_period_ends_is_billed_for_the_next(
    begin: Begin, world: World
) -> None:
    life = await begin(trial_days=0, payment_method="visa")
    ends_at = life.subscription.period_end
    assert ends_at is not None
    await life.command("suspend", reason="fraud check")
    await life.live(ends_at - life.now - timedelta(minutes=30))
    world.provider.calls.fail("hold", "standing")

    await life.command("reactivate", reason="all is well")
    await life.live(timedelta(hours=2))
    world.provider.heal()
    await life.live(timedelta(hours=1))

    assert (life.status, life.bills) == (("active", "full"), Counter(paid=2))
    await life.live_until("renew")
    assert life.bills == Counter(paid=3)


# What was paid without an answer


async def unanswered(life: Life, world: World, name: str, call: str, **body: Any) -> None:
    """The provider carries a command out, and neither says so nor answers anything else."""
    world.provider.calls.lose_answers(call)
    world.provider.loses_messages = True
    with suppress(TenureError):
        await life.meanwhile(LONGER_THAN_IS_ASKED, name, call, **body)


def ends_told(world: World) -> int:
    """How often the provider has been told to end an agreement with its period, or to go on."""
    return world.provider.calls.made["end_at_period_end"]


async def canceled(life: Life, world: World, *, is_down: bool) -> int:
    """Cancel, once the provider answers again or while it does not; then it does, and what is due has been done.

    Returns how many ends the provider had been told when it began to answer.
    """
    if not is_down:
        world.provider.heal()
        before = ends_told(world)
        await life.command("cancel")
        return before
    await life.meanwhile(LONGER_THAN_IS_ASKED, "cancel", "provider_state")
    world.provider.heal()
    before = ends_told(world)
    await life.live(timedelta(minutes=15))
    return before


def ends_with_what_is_paid(life: Life, world: World, told_before: int) -> bool:
    """And the provider knows, who was told once."""
    [agreement] = world.provider.outside.agreements_of(life.external_id)
    it = life.subscription
    is_told_once = agreement.ends and it.untold_end is None and ends_told(world) == told_before + 1
    return is_told_once and it.cancel_at == it.period_end == agreement.end and life.status == ("active", "full")


@pytest.mark.parametrize("is_down", [False, True])
async def test_a_year_that_was_paid_without_an_answer_is_used_up_after_a_cancellation(
    begin: Begin, world: World, is_down: bool
) -> None:
    life = await begin(trial_days=0, payment_method="visa")
    await unanswered(life, world, "change-plan", "change", interval="year")
    await life.live(LONGER_THAN_IS_ASKED)
    assert (life.subscription.interval, life.kinds["blocked"]) == ("month", 1), "and it is asked again"

    told = await canceled(life, world, is_down=is_down)

    assert life.subscription.interval == "year"
    assert ends_with_what_is_paid(life, world, told)
    assert life.bills == Counter(paid=2)


@pytest.mark.parametrize("is_down", [False, True])
async def test_a_first_period_that_was_paid_without_an_answer_is_used_up_after_a_cancellation(
    begin: Begin, world: World, is_down: bool
) -> None:
    life = await begin(payment_method="visa")
    await life.live(timedelta(days=3))
    await unanswered(life, world, "convert", "begin", when="now")
    assert life.status == ("trialing", "full")

    told = await canceled(life, world, is_down=is_down)
    if is_down:
        assert life.subscription.cancel_at == life.subscription.trial_ends_at
        await life.live_until("cancel")

    assert ends_with_what_is_paid(life, world, told)
    assert (life.bills, life.mails["receipt"]) == (Counter(paid=1), 1)


@pytest.mark.parametrize("is_down", [False, True])
async def test_a_trial_that_was_converted_without_an_answer_does_not_end_at_once(
    begin: Begin, world: World, is_down: bool
) -> None:
    life = await begin(payment_method="visa")
    await life.live(timedelta(days=13))
    world.provider.calls.lose_answers("begin")
    world.provider.loses_messages = True
    await life.live_until("convert")
    await life.live(LONGER_THAN_IS_ASKED)
    assert life.status == ("trialing", "full")

    told = await canceled(life, world, is_down=is_down)

    assert ends_with_what_is_paid(life, world, told)
    assert (life.bills, life.mails["receipt"]) == (Counter(paid=1), 1)
    await life.live_until("cancel")
    assert (life.status, life.bills) == (("canceled", "none"), Counter(paid=1))


async def test_nothing_ends_while_the_bank_has_not_decided_on_a_payment_that_was_not_answered(
    begin: Begin, world: World
) -> None:
    life = await begin(payment_method="visa")
    await life.live(timedelta(days=3))
    await unanswered(life, world, "convert", "begin", when="now")
    world.provider.heal()
    world.provider.calls.answer("begun", Charge(ChargeOutcome.PENDING))

    assert await life.refused("cancel", at="now") == "payment_pending"

    world.provider.heal()
    await life.command("cancel", at="now")
    [agreement] = world.provider.outside.agreements_of(life.external_id)
    assert (life.status, agreement.ended) == (("canceled", "none"), True)
    assert (life.bills, life.mails["receipt"]) == (Counter(paid=1), 1)


async def test_a_trial_whose_payment_was_neither_answered_nor_made_ends_when_it_was_to_end(
    begin: Begin, world: World
) -> None:
    life = await begin(payment_method="visa")
    await life.live(timedelta(days=3))
    world.provider.calls.fail("begin")
    with suppress(TenureError):
        await life.meanwhile(LONGER_THAN_IS_ASKED, "convert", "begin", when="now")
    await life.meanwhile(LONGER_THAN_IS_ASKED, "cancel", "provider_state")
    world.provider.heal()

    await life.live_until("cancel")

    assert (life.status, life.bills) == (("canceled", "none"), Counter())


async def test_an_expired_trial_that_was_paid_without_an_answer_does_not_end_unheard(
    begin: Begin, world: World
) -> None:
    life = await begin()
    await life.live_until("expire_trial")
    await unanswered(life, world, "payment-method", "begin", payment_method="visa")
    with pytest.raises(TenureError) as refusal:
        await life.meanwhile(LONGER_THAN_IS_ASKED, "cancel", "provider_state")
    assert (refusal.value.code, life.status) == ("payment_pending", ("suspended", "none"))

    told = await canceled(life, world, is_down=False)

    assert ends_with_what_is_paid(life, world, told)
    assert (life.bills, life.mails["receipt"]) == (Counter(paid=1), 1)
