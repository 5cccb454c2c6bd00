"""Banks that want their customer to confirm a payment, while the customer is there."""

from collections import Counter
from datetime import timedelta

import pytest

from domain.errors import TenureError
from tests.harness.names import a_name
from tests.workflows.conftest import Begin
from tests.workflows.world.life import Life
from tests.workflows.world.world import World

PAID_START = {"trial_days": 0, "payment_method": "visa"}
AUTHENTICATE = "authentication_required"


async def waiting(begin: Begin) -> tuple[Life, str]:
    """A subscription to Starter whose change to Professional waits, and the bill to confirm."""
    life = await begin(**PAID_START)
    life.card_answers(AUTHENTICATE, "ok")
    return life, await life.to_be_confirmed("change-plan", key="once", plan="professional")


async def test_an_upgrade_is_made_once_the_customer_has_confirmed_it(begin: Begin) -> None:
    life, bill = await waiting(begin)
    assert (life.subscription.plan, life.status) == ("starter", ("active", "full"))
    assert {"end_confirmation", "renew"} <= set(life.ahead)
    assert await life.to_be_confirmed("change-plan", key="once", plan="professional") == bill
    assert (life.bills, life.kinds["payment_failed"]) == (Counter(paid=1, open=1), 0)

    await life.pays(bill)

    assert (life.subscription.plan, life.subscription.confirmation) == ("professional", None)
    await life.command("change-plan", key="once", plan="professional")
    assert life.bills == Counter(paid=2)
    assert life.kinds["plan_changed"] == 1
    assert life.mails == Counter(converted=1, receipt=2, plan_changed=1)


async def test_an_upgrade_that_nobody_confirms_is_as_if_it_had_not_been_asked_for(begin: Begin) -> None:
    life, _ = await waiting(begin)

    await life.live_until("end_confirmation")

    assert (life.subscription.plan, life.subscription.confirmation) == ("starter", None)
    assert life.status == ("active", "full")
    assert life.bills == Counter(paid=1, void=1)
    assert life.kinds["confirmation_expired"] == 1
    assert await life.refused("change-plan", key="once", plan="professional") == "payment_not_confirmed"
    # The card is as good as it was: nobody has said that it is not.
    await life.command("change-plan", plan="professional")
    assert life.subscription.plan == "professional"


async def test_an_upgrade_that_waits_can_be_withdrawn(begin: Begin) -> None:
    life, _ = await waiting(begin)

    await life.command("withdraw-change")

    assert (life.subscription.plan, life.subscription.confirmation) == ("starter", None)
    assert life.bills == Counter(paid=1, void=1)


async def test_a_paid_start_waits_for_the_customer_and_begins_when_they_confirm(world: World) -> None:
    life = await unconfirmed_start(world)
    assert life.status == ("suspended", "none")
    assert await life.refused("payment-method", payment_method="visa") == "awaiting_confirmation"
    assert await life.refused("pause") == "awaiting_confirmation"
    waits = life.subscription.confirmation
    assert waits is not None

    await life.pays(waits.invoice_ref)

    assert (life.status, life.bills) == (("active", "full"), Counter(paid=1))
    assert life.mails == Counter(converted=1, receipt=1)


async def test_a_paid_start_that_nobody_confirms_never_began(world: World) -> None:
    life = await unconfirmed_start(world)

    await life.live_until("end_confirmation")

    assert life.status == ("canceled", "none")
    assert life.mails == Counter()


async def unconfirmed_start(world: World) -> Life:
    """A sign-up whose bank wants the first payment confirmed."""
    with pytest.raises(TenureError) as refusal:
        await world.sign_up(a_name("unconfirmed"), trial_days=0, payment_method="asks first")
    assert refusal.value.code == AUTHENTICATE
    life = world.lives[-1]
    assert life.subscription.confirmation is not None
    assert life.subscription.confirmation.expires_at - life.now < timedelta(days=1)
    return life
