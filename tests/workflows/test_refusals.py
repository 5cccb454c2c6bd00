"""Commands that are refused, each by its code; those that other tests of this folder meet on their way are not here."""

import asyncio
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from domain.catalog.plans import Catalog
from domain.errors import GatewayForbidden, TenureError
from domain.money import Money
from domain.provider.payments import Charge, ChargeOutcome
from tests.harness.free_plan import FALLS_TO_FREE, with_free_plan
from tests.harness.names import a_name
from tests.harness.patience import until
from tests.workflows.conftest import Begin
from tests.workflows.world.life import A_DAY, A_MINUTE, Life
from tests.workflows.world.world import World

PAID_START = {"trial_days": 0, "payment_method": "visa"}


async def code_of(life: Life, name: str, **body: object) -> str:
    """The code of a command's failure, whatever it has recorded."""
    with pytest.raises(TenureError) as failure:
        await life.command(name, **body)  # type: ignore[arg-type]  # told by name
    return failure.value.code


async def test_what_is_paid_for_is_neither_converted_nor_extended_nor_reactivated(begin: Begin) -> None:
    life = await begin(**PAID_START)

    assert await life.refused("convert", when="now") == "already_converted"
    assert await life.refused("extend-trial", days=3) == "not_in_trial"
    assert await life.refused("reactivate") == "not_suspended"


async def test_what_is_suspended_is_not_suspended_again_and_a_reason_is_wanted(begin: Begin) -> None:
    life = await begin(**PAID_START)
    assert await life.refused("suspend", reason=" ") == "malformed"

    await life.command("suspend")

    assert await life.refused("suspend") == "already_suspended"
    assert await life.refused("open-checkout") == "suspended_by_operator"


async def test_a_paused_plan_is_not_changed(begin: Begin) -> None:
    life = await begin(**PAID_START)
    await life.command("pause")

    assert await life.refused("change-plan", plan="professional") == "paused"


async def test_the_free_plan_is_neither_converted_nor_paused(begin: Begin, tmp_path: Path) -> None:
    life = await begin(catalog=with_free_plan(tmp_path), policy=FALLS_TO_FREE)
    await life.live_until("expire_trial")
    assert (life.status, life.subscription.plan) == (("active", "full"), "free")

    assert await life.refused("convert", when="now") == "on_free_plan"
    assert await life.refused("pause") == "on_free_plan"
    assert await life.refused("change-plan", plan="starter") == "payment_method_required"


async def test_a_change_that_was_computed_from_an_earlier_state_is_refused(begin: Begin) -> None:
    life = await begin(**PAID_START)

    assert await life.refused("change-plan", plan="professional", basis="an earlier state") == "changed_meanwhile"


async def test_a_plan_in_another_currency_is_refused(begin: Begin, world: World) -> None:
    life = await begin(**PAID_START)
    life.catalog = in_euro(world.catalog)

    assert await life.refused("change-plan", plan="professional") == "other_currency"


def in_euro(catalog: Catalog) -> Catalog:
    plans = {
        code: replace(plan, prices={by: Money(price.amount, "eur") for by, price in plan.prices.items()})
        for code, plan in catalog.plans.items()
    }
    return replace(catalog, currency="eur", plans=plans)


async def test_a_disputed_payment_stops_pauses_and_changes_until_the_bank_has_decided(begin: Begin) -> None:
    life = await begin(**PAID_START)
    await life.dispute("opened")

    assert await life.refused("pause") == "payment_disputed"
    assert await life.refused("change-plan", plan="professional") == "payment_disputed"

    await life.dispute("won")
    await life.command("pause")
    assert life.status == ("paused", "none")


async def test_a_card_is_not_tried_more_often_than_its_network_allows(begin: Begin, world: World) -> None:
    life = await begin(payment_method="visa")
    await life.live_until_converted()
    await life.live_until_declined("insufficient_funds")
    before = world.provider.calls.made["collect"]

    while life.subscription.may_attempt(life.now):
        await life.command("retry-payment")

    assert await life.refused("retry-payment") == "too_many_tries"
    assert 10 < world.provider.calls.made["collect"] - before < 20


async def test_while_the_provider_has_not_renewed_nothing_is_paused(begin: Begin, world: World) -> None:
    life = await begin(**PAID_START)
    world.provider.renews_late = True
    await life.live_until("renew")

    assert await code_of(life, "pause") == "renewal_under_way"

    world.provider.heal()
    await life.live(timedelta(hours=4))
    await life.command("pause")
    assert (life.status, life.bills["paid"]) == (("paused", "none"), 2)


async def test_what_has_not_started_takes_no_command(world: World) -> None:
    world.provider.calls.fail("open_wallet")
    name = a_name("not-started")
    signing_up = asyncio.ensure_future(world.sign_up(name, payment_method="visa"))
    await until(lambda: world.provider.calls.made["open_wallet"] and world.lives)

    with pytest.raises(TenureError) as refusal:
        await world.lives[-1].command("pause", settles=False)

    assert refusal.value.code == "not_started"
    world.provider.heal()
    assert (await signing_up).status == ("trialing", "full")


async def test_a_change_on_which_the_bank_has_not_decided_is_pending(begin: Begin, world: World) -> None:
    life = await begin(**PAID_START)
    world.provider.calls.answer("change", Charge(ChargeOutcome.PENDING, agreement_ref=life.subscription.agreement_ref))

    assert await code_of(life, "change-plan", plan="professional") == "payment_pending"

    world.provider.heal()
    await life.live(timedelta(minutes=20))
    assert (life.subscription.plan, life.kinds["change_not_made"]) == ("starter", 1)


async def test_a_preview_that_the_provider_does_not_answer_is_unavailable(begin: Begin, world: World) -> None:
    life = await begin(**PAID_START)
    world.provider.calls.fail("quote")

    with pytest.raises(TenureError) as failure:
        await life.meanwhile(A_MINUTE, "preview-change", "quote", plan="professional")

    assert failure.value.code == "gateway_unavailable"


async def test_when_the_provider_has_deleted_the_customer_nothing_is_prorated(begin: Begin, world: World) -> None:
    life = await begin(**PAID_START)
    await world.provider.outside.delete_customer(life.subscription.customer_ref)
    await life.command("reconcile")
    assert life.subscription.lost_agreement

    await life.command("payment-method", payment_method="visa")

    assert await life.refused("change-plan", plan="professional", when="now") == "agreement_lost"


async def test_an_end_that_the_provider_has_not_been_told_takes_no_further_command(begin: Begin, world: World) -> None:
    life = await begin(**PAID_START)
    world.provider.calls.fail("end", error=GatewayForbidden("the provider does not accept our key"))
    await life.meanwhile(A_MINUTE, "cancel", "end", at="now")
    assert life.status == ("canceled", "none")

    assert await life.refused("cancel", at="now") == "subscription_canceled"

    world.provider.heal()
    await life.live(A_DAY)
    assert await life.refused("cancel", at="now") == "not_running"
    assert all(deal.ended for deal in world.provider.deals_of(life.external_id))


async def test_a_customer_who_moved_is_reminded_at_their_own_hours(begin: Begin) -> None:
    # Twelve hours apart, so that whenever this runs, it is night in one of them.
    life = await begin(timezone="Pacific/Fiji")
    before = life.subscription.reminders
    life.world.move(life.external_id, "Africa/Abidjan")

    await life.command("contact-changed", fields=["timezone"])

    assert life.kinds["customer_changed"] == 1
    assert life.subscription.reminders != before
