"""Banks that want their customer to confirm a payment, while the customer is there."""

from collections import Counter
from datetime import timedelta

import pytest

from domain.errors import TenureError
from domain.subscription.ends import EndKind
from tests.harness.names import a_name
from tests.workflows.conftest import Begin
from tests.workflows.world.life import Life
from tests.workflows.world.world import World

PAID_START = {"trial_days": 0, "payment_method": "visa"}
AUTHENTICATE = "authentication_required"


async def waiting(begin: Begin) -> tuple[Life, str]:
    """A subscription to Starter whose change to Professional waits, and the invoice to confirm."""
    life = await begin(**PAID_START)
    life.card_answers(AUTHENTICATE, "ok")
    return life, await life.to_be_confirmed("change-plan", key="once", plan="professional")


async def test_an_upgrade_is_made_once_the_customer_has_confirmed_it(begin: Begin) -> None:
    life, invoice = await waiting(begin)
    assert (life.subscription.plan, life.status) == ("starter", ("active", "full"))
    assert {"end_confirmation", "renew"} <= set(life.ahead)
    assert await life.to_be_confirmed("change-plan", key="once", plan="professional") == invoice
    assert (life.bills, life.kinds["payment_failed"]) == (Counter(paid=1, open=1), 0)

    await life.pays(invoice)

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
    assert life.bills == Counter(paid=2, void=1)


async def test_an_upgrade_is_confirmed_before_its_period_ends_or_not_at_all(begin: Begin, world: World) -> None:
    life = await begin(**PAID_START)
    ends_at = life.subscription.period_end
    assert ends_at is not None
    await life.live(ends_at - life.now - timedelta(hours=5))
    life.card_answers("authentication_required", "ok")

    bill = await life.to_be_confirmed("change-plan", plan="professional")

    waits = life.subscription.confirmation
    assert waits is not None
    assert waits.expires_at == ends_at, "what it costs was counted until then"
    await life.live_until("end_confirmation")
    assert (life.subscription.plan, life.subscription.confirmation) == ("starter", None)
    assert life.bills["paid"] == 2, "the period before, and the next"
    assert world.provider.payments.books.bills[bill].status == "void"


async def test_an_upgrade_that_waits_can_be_withdrawn(begin: Begin) -> None:
    life, _ = await waiting(begin)

    await life.command("withdraw-change")

    assert (life.subscription.plan, life.subscription.confirmation) == ("starter", None)
    assert life.bills == Counter(paid=1, void=1)


@pytest.mark.parametrize("is_confirmed", [False, True])
async def test_a_cancellation_withdraws_what_waits_or_finds_it_done(
    begin: Begin, world: World, is_confirmed: bool
) -> None:
    life, invoice = await waiting(begin)
    if is_confirmed:
        await confirms_unreported(world, life, invoice)

    await life.command("cancel")

    assert life.subscription.plan == ("professional" if is_confirmed else "starter")
    assert life.subscription.confirmation is None
    assert life.subscription.cancel_at == life.subscription.period_end
    assert life.bills == (Counter(paid=2) if is_confirmed else Counter(paid=1, void=1))
    await life.live_until("cancel")
    assert life.status == ("canceled", "none")


async def test_another_change_takes_the_place_of_one_that_waits(begin: Begin) -> None:
    life, first = await waiting(begin)
    life.card_answers(AUTHENTICATE)

    other = await life.to_be_confirmed("change-plan", quantity=2)

    assert other != first
    assert life.bills == Counter(paid=1, void=1, open=1)
    await life.command("withdraw-change")
    after = life.subscription
    assert (after.plan, after.quantity, after.confirmation) == ("starter", 1, None)
    assert life.bills == Counter(paid=1, void=2)
    assert life.kinds["confirmation_withdrawn"] == 2


async def test_an_upgrade_declined_on_the_spot_leaves_nothing_to_confirm(begin: Begin) -> None:
    life = await begin(**PAID_START)
    life.card_answers("insufficient_funds", "ok")

    assert await life.refused_by_the_bank("change-plan", plan="professional") == "payment_declined"

    assert (life.subscription.plan, life.subscription.confirmation) == ("starter", None)
    await life.command("change-plan", plan="professional")
    assert life.subscription.plan == "professional"
    assert life.bills == Counter(paid=2)


async def test_a_planned_change_still_begins_when_the_one_in_its_place_was_not_confirmed(begin: Begin) -> None:
    life = await begin(plan="professional", **PAID_START)
    await life.command("change-plan", plan="starter")
    life.card_answers(AUTHENTICATE, "ok")
    await life.to_be_confirmed("change-plan", plan="enterprise")
    pending = life.subscription.pending_change
    assert pending is not None
    assert pending.to.plan == "starter"

    await life.live_until("end_confirmation")
    await life.live_until("change_plan")

    assert life.subscription.plan == "starter"
    assert life.bills == Counter(paid=2, void=1)


async def test_a_conversion_happens_once_the_customer_has_confirmed_it(begin: Begin) -> None:
    life, invoice = await converting(begin)
    assert life.status == ("trialing", "full")

    await life.pays(invoice)

    assert life.status == ("active", "full")
    assert life.subscription.confirmation is None
    await life.command("convert", key="once", when="now")
    assert life.kinds["converted"] == 1
    await life.live_until("renew")
    assert life.bills == Counter(paid=2)


async def test_the_trial_continues_when_nobody_confirms_the_conversion(begin: Begin) -> None:
    life, _ = await converting(begin)

    await life.live_until("end_confirmation")

    assert life.status == ("trialing", "full")
    assert life.subscription.confirmation is None
    assert await life.refused("convert", key="once", when="now") == "payment_not_confirmed"
    await life.live_until_converted()
    assert life.kinds["converted"] == 1
    assert life.bills["paid"] == 1


async def test_a_conversion_that_was_confirmed_meanwhile_takes_no_other_card(begin: Begin, world: World) -> None:
    life, invoice = await converting(begin)
    await confirms_unreported(world, life, invoice)

    with pytest.raises(TenureError) as refusal:
        await life.command("convert", when="now", payment_method="mastercard")

    assert refusal.value.code == "already_converted"
    assert life.status == ("active", "full")
    assert life.kinds["card_replaced"] == 0


async def test_a_new_card_withdraws_a_conversion_that_waits_and_is_charged_itself(begin: Begin) -> None:
    life = await begin()
    await life.live_until("expire_trial")
    await life.command("payment-method", payment_method="asks first")
    assert life.status == ("suspended", "none")
    await life.to_be_confirmed("convert", when="now")

    await life.command("payment-method", payment_method="visa")

    assert (life.status, life.subscription.confirmation) == (("active", "full"), None)
    assert (life.bills["open"], life.bills["paid"]) == (0, 1)


async def test_a_conversion_that_failed_at_the_trials_end_can_be_confirmed_on_the_spot(begin: Begin) -> None:
    life = await begin(payment_method="visa")
    life.card_answers(AUTHENTICATE)
    await life.live_until("convert")
    assert life.status[0] == "past_due"

    invoice = await life.to_be_confirmed("convert")
    await life.pays(invoice)

    assert life.status == ("active", "full")
    assert life.bills == Counter(paid=1)


async def test_a_paid_start_waits_for_the_customer_and_begins_when_they_confirm(world: World) -> None:
    life = await unconfirmed_start(world)
    assert life.status == ("suspended", "none")
    assert life.subscription.status_reason == "awaiting_confirmation"
    assert await life.refused("payment-method", payment_method="visa") == "awaiting_confirmation"
    for command in ("convert", "pause", "reactivate", "retry-payment"):
        assert await life.refused(command) == "awaiting_confirmation"
    waits = life.subscription.confirmation
    assert waits is not None

    await life.pays(waits.invoice_ref)

    assert (life.status, life.bills) == (("active", "full"), Counter(paid=1))
    assert life.mails == Counter(converted=1, receipt=1)


async def test_a_paid_start_that_nobody_confirms_never_began(world: World) -> None:
    life = await unconfirmed_start(world)

    await life.live_until("end_confirmation")

    assert life.status == ("canceled", "none")
    assert end_of(life) == EndKind.NEVER_BEGAN
    assert life.subscription.confirmation is None
    assert life.bills == Counter(void=1)
    assert life.mails == Counter()


async def test_a_paid_start_that_waits_can_be_canceled(world: World) -> None:
    life = await unconfirmed_start(world)

    await life.command("cancel")

    assert life.status == ("canceled", "none")
    assert end_of(life) == EndKind.NEVER_BEGAN


async def test_a_paid_start_that_was_replaced_never_began_and_uses_up_no_trial(world: World) -> None:
    life = await unconfirmed_start(world)

    await life.command("cancel", at="now", unless_begun=True)

    assert end_of(life) == EndKind.NEVER_BEGAN
    assert life.bills == Counter(void=1)
    another = await world.sign_up(life.external_id)
    assert another.status == ("trialing", "full")


async def test_a_paid_start_that_was_confirmed_meanwhile_is_not_replaced(world: World) -> None:
    life = await unconfirmed_start(world)
    waits = life.subscription.confirmation
    assert waits is not None
    await confirms_unreported(world, life, waits.invoice_ref)

    with pytest.raises(TenureError) as refusal:
        await life.command("cancel", at="now", unless_begun=True)

    assert refusal.value.code == "already_subscribed"
    assert life.status == ("active", "full")
    assert life.bills == Counter(paid=1)


async def converting(begin: Begin) -> tuple[Life, str]:
    """A trial whose conversion waits, and the invoice to confirm."""
    life = await begin(payment_method="visa")
    life.card_answers(AUTHENTICATE, "ok")
    return life, await life.to_be_confirmed("convert", key="once", when="now")


async def confirms_unreported(world: World, life: Life, invoice: str) -> None:
    """The customer confirms a payment, and the provider's message of it gets lost."""
    world.provider.loses_messages = True
    await life.pays(invoice)
    world.provider.loses_messages = False
    assert life.subscription.confirmation is not None, "it was reported"


def end_of(life: Life) -> EndKind | None:
    end = life.subscription.end
    return end.kind if end is not None else None


async def unconfirmed_start(world: World) -> Life:
    """A sign-up whose bank wants the first payment confirmed."""
    with pytest.raises(TenureError) as refusal:
        await world.sign_up(a_name("unconfirmed"), trial_days=0, payment_method="asks first")
    assert refusal.value.code == AUTHENTICATE
    life = world.lives[-1]
    assert life.subscription.confirmation is not None
    assert life.subscription.confirmation.expires_at - life.now < timedelta(days=1)
    return life
