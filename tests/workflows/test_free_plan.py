"""The free plan: trials fall to it, customers leave it for a paid plan, and return to it."""

from collections import Counter
from datetime import timedelta
from typing import Any

import pytest

from domain.catalog.plans import Catalog
from tests.harness.free_plan import FALLS_TO_FREE, with_free_plan
from tests.workflows.conftest import Begin
from tests.workflows.world.life import A_DAY, TRIAL, Life
from tests.workflows.world.world import World

PAID_START: dict[str, Any] = {"trial_days": 0, "payment_method": "visa"}
STARTER, PROFESSIONAL = 4900, 19900
FREE = ("free", "active", "full")


@pytest.fixture(scope="module")
def sold(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """A catalog with a free plan, and a policy by which trials without a card fall to it."""
    catalog: Catalog = with_free_plan(tmp_path_factory.mktemp("catalog"))
    return {"catalog": catalog, "policy": FALLS_TO_FREE}


@pytest.fixture
async def fallen(begin: Begin, sold: dict[str, Any]) -> Life:
    """A customer whose trial is over and who is on the free plan."""
    life = await begin(**sold)
    await life.live_until("expire_trial")
    assert plan_of(life) == FREE
    return life


def plan_of(life: Life) -> tuple[str, str, str]:
    return (life.subscription.plan, *life.status)


def paid(life: Life) -> list[int]:
    return [invoice.amount for invoice in life.invoices if invoice.status == "paid"]


async def test_a_trial_that_ends_without_a_card_continues_on_the_free_plan(begin: Begin, sold: dict[str, Any]) -> None:
    life = await begin(**sold)
    last = life.world.records.steps[life.id].ahead[-1]
    assert last.why == "the trial ends and no card is on file: continues on Free"

    await life.live_until("expire_trial")

    assert plan_of(life) == FREE
    assert (life.subscription.amount, life.ahead, life.subscription.period_end) == (0, [], None)
    await life.live(400 * A_DAY)
    assert plan_of(life) == FREE
    assert life.mails == TRIAL + Counter(moved_to_free=1)
    assert life.bills == Counter()


async def test_a_trial_with_a_card_converts_although_there_is_a_free_plan(begin: Begin, sold: dict[str, Any]) -> None:
    life = await begin(payment_method="visa", **sold)

    await life.live_until_converted()

    assert paid(life) == [STARTER]


async def test_leaving_the_free_plan_is_charged_at_once_as_previewed(fallen: Life) -> None:
    await fallen.command("payment-method", payment_method="visa")
    assert paid(fallen) == []

    preview = await fallen.command("preview-change", plan="professional")
    await fallen.command("change-plan", plan="professional")

    assert (preview.at, preview.due_now) == ("now", PROFESSIONAL)
    assert plan_of(fallen) == ("professional", "active", "full")
    assert fallen.mails == TRIAL + Counter(moved_to_free=1, converted=1, receipt=1)
    await fallen.live_until("renew")
    assert paid(fallen) == [PROFESSIONAL, PROFESSIONAL]


async def test_a_card_from_a_checkout_is_kept_and_charged_when_a_plan_is_chosen(fallen: Life) -> None:
    await fallen.checks_out("visa")
    assert plan_of(fallen) == FREE

    await fallen.command("change-plan", plan="starter")

    assert plan_of(fallen) == ("starter", "active", "full")
    assert paid(fallen) == [STARTER]


async def test_the_free_plan_cannot_be_left_without_a_card(fallen: Life) -> None:
    assert await fallen.refused("change-plan", plan="starter") == "payment_method_required"


async def test_a_declined_card_leaves_the_customer_on_the_free_plan(fallen: Life) -> None:
    await fallen.command("payment-method", payment_method="visa")
    fallen.card_answers("insufficient_funds", "ok")

    assert await fallen.refused_by_the_bank("change-plan", plan="starter") == "payment_declined"

    assert plan_of(fallen) == FREE
    assert (await fallen.current()).plan == "free"
    assert fallen.bills == Counter()
    await fallen.command("change-plan", plan="starter")
    assert paid(fallen) == [STARTER]


async def test_the_free_plan_is_left_once_the_customer_has_confirmed_the_payment(fallen: Life) -> None:
    await fallen.command("payment-method", payment_method="visa")
    fallen.card_answers("authentication_required", "ok")

    invoice = await fallen.to_be_confirmed("change-plan", plan="starter")

    assert plan_of(fallen) == FREE
    await fallen.pays(invoice)
    await fallen.live(timedelta(hours=1))
    assert plan_of(fallen) == ("starter", "active", "full")
    assert paid(fallen) == [STARTER]


async def test_who_leaves_the_free_plan_can_withdraw_that_until_they_have_confirmed_the_payment(fallen: Life) -> None:
    await fallen.command("payment-method", payment_method="visa")
    fallen.card_answers("authentication_required", "ok")
    await fallen.to_be_confirmed("change-plan", plan="professional")

    await fallen.command("withdraw-change")

    assert plan_of(fallen) == FREE
    assert fallen.subscription.confirmation is None
    assert (await fallen.current()).agreement_ref == ""
    assert paid(fallen) == []
    assert await fallen.refused("withdraw-change") == "no_change_planned"
    await fallen.command("change-plan", plan="starter")
    assert paid(fallen) == [STARTER]


async def test_a_move_to_the_free_plan_waits_for_the_end_of_the_paid_period(
    begin: Begin, sold: dict[str, Any], world: World
) -> None:
    life = await begin(plan="professional", **PAID_START, **sold)

    await life.command("change-plan", plan="free")

    pending = life.subscription.pending_change
    assert pending is not None
    assert (life.subscription.plan, pending.to.plan, pending.at) == (
        "professional",
        "free",
        life.subscription.period_end,
    )
    await life.live_until("change_plan")
    assert plan_of(life) == FREE
    assert (await life.current()).agreement_ref == ""
    [deal] = world.provider.outside.agreements_of(life.external_id)
    assert deal.ended
    await life.live(60 * A_DAY)
    assert paid(life) == [PROFESSIONAL]
    assert life.mails == Counter(converted=1, receipt=1, plan_change_scheduled=1, moved_to_free=1)
    await life.command("change-plan", plan="starter")
    assert paid(life) == [PROFESSIONAL, STARTER]


async def test_an_unanswered_end_for_the_free_plan_is_not_taken_for_an_end_by_others(
    begin: Begin, sold: dict[str, Any]
) -> None:
    life = await begin(plan="professional", **PAID_START, **sold)

    await life.unheard("change-plan", "end", plan="free", when="now")

    assert plan_of(life) == FREE
    assert life.kinds["moved_to_free"] == 1
    assert life.mails == Counter(converted=1, receipt=1, moved_to_free=1)


async def test_a_customer_on_trial_can_move_to_the_free_plan_at_once(begin: Begin, sold: dict[str, Any]) -> None:
    life = await begin(**sold)

    await life.command("change-plan", plan="free")

    assert plan_of(life) == FREE
    assert life.ahead == []
    await life.live(30 * A_DAY)
    assert life.mails == Counter(trial_started=1, moved_to_free=1)


async def test_the_free_plan_can_neither_be_paused_nor_converted_nor_retried(fallen: Life) -> None:
    assert await fallen.refused("pause") == "on_free_plan"
    assert await fallen.refused("convert", payment_method="visa") == "on_free_plan"
    assert await fallen.refused("retry-payment") == "nothing_to_retry"
    assert await fallen.refused("change-plan", plan="free") == "no_change"


async def test_the_free_plan_is_canceled_at_once(fallen: Life) -> None:
    await fallen.command("cancel")

    assert plan_of(fallen) == ("free", "canceled", "none")
    assert fallen.mails == TRIAL + Counter(moved_to_free=1, canceled=1)


async def test_an_operators_hold_on_the_free_plan_returns_to_it_and_asks_the_provider_nothing(
    fallen: Life, world: World
) -> None:
    await fallen.command("suspend")
    await fallen.live(A_DAY)

    await fallen.command("reactivate")

    assert plan_of(fallen) == FREE
    assert fallen.ahead == []
    calls = world.provider.calls.made.total()
    await fallen.live(30 * A_DAY)
    assert world.provider.calls.made.total() == calls
