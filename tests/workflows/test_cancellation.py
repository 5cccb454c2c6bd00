"""Cancellation in every status, and holds by operators."""

from collections import Counter
from collections.abc import Awaitable, Callable
from datetime import timedelta

import pytest

from tests.workflows.conftest import Begin
from tests.workflows.world.life import CONVERTED, TRIAL, Life
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
