"""Plans that change: at once with proration, when the period ends, or not after all."""

from collections import Counter
from datetime import timedelta
from typing import Any

import pytest

from domain.errors import TenureError
from tests.harness.calendar_days import hour_after
from tests.workflows.conftest import Begin
from tests.workflows.world.life import A_DAY, A_MINUTE, CONVERTED, LONGER_THAN_IS_ASKED, Life, as_shown
from tests.workflows.world.world import World

PAID_START = {"trial_days": 0, "payment_method": "visa"}
STARTER, PROFESSIONAL = 4900, 19900
HOURS = timedelta(hours=1)


def amounts(life: Life, status: str = "paid") -> list[int]:
    """What was billed, oldest first."""
    return [invoice.amount for invoice in life.invoices if invoice.status == status]


async def declined_by_the_bank(life: Life, name: str, **body: Any) -> str:
    with pytest.raises(TenureError) as refusal:
        await life.command(name, **body)
    return refusal.value.code


async def test_an_upgrade_takes_effect_at_once_and_bills_what_its_preview_said(begin: Begin) -> None:
    life = await begin(**PAID_START)
    await life.live(10 * A_DAY)

    preview = await life.command("preview-change", plan="professional")
    await life.command("change-plan", plan="professional", **as_shown(preview))

    it = life.subscription
    assert (it.plan, life.status, it.amount) == ("professional", ("active", "full"), PROFESSIONAL)
    assert preview.at == "now"
    assert sum(line.amount for line in preview.lines) == preview.due_now
    assert 0 < preview.due_now < PROFESSIONAL - STARTER
    assert amounts(life) == [STARTER, preview.due_now]
    assert life.mails == Counter(converted=1, plan_changed=1, receipt=2)
    assert preview.next_at == it.period_end


async def test_a_change_bills_what_its_preview_said_even_when_the_hour_turned_in_between(begin: Begin) -> None:
    life = await begin(**PAID_START)
    await life.live(10 * A_DAY)
    next_hour = hour_after(life.now + 5 * A_MINUTE)
    await life.until(next_hour - 5 * A_MINUTE)
    preview = await life.command("preview-change", interval="year")
    await life.until(next_hour)

    await life.command("change-plan", interval="year", **as_shown(preview))

    assert amounts(life) == [STARTER, preview.due_now]


async def test_a_change_that_would_bill_more_than_was_shown_is_refused_and_nothing_is_billed(begin: Begin) -> None:
    life = await begin(**PAID_START)
    await life.live(10 * A_DAY)
    due = (await life.command("preview-change", plan="professional")).due_now

    assert await life.refused("change-plan", plan="professional", expected_due=due - 1) == "price_changed"
    assert amounts(life) == [STARTER]
    await life.command("change-plan", plan="professional", expected_due=due + 1)

    assert amounts(life) == [STARTER, due]


async def test_a_change_that_would_credit_less_than_was_shown_is_refused(begin: Begin) -> None:
    life = await begin(plan="professional", **PAID_START)
    await life.live(A_DAY)
    early = await life.command("preview-change", plan="starter", when="now")
    assert early.due_now < 0
    await life.live(10 * A_DAY)

    assert await life.refused("change-plan", plan="starter", when="now", **as_shown(early)) == "price_changed"


async def test_a_preview_names_the_trials_end_as_the_next_bill_and_none_once_it_has_expired(begin: Begin) -> None:
    life = await begin()

    running = await life.command("preview-change", plan="professional")
    assert running.next_at == life.subscription.trial_ends_at
    await life.live_until("expire_trial")

    assert (await life.command("preview-change", plan="professional")).next_at is None


async def test_a_planned_change_bills_nothing_now_as_its_preview_said(begin: Begin) -> None:
    life = await begin(**PAID_START)
    preview = await life.command("preview-change", plan="professional", when="period_end")

    assert preview.due_now == 0
    await life.command("change-plan", plan="professional", when="period_end", expected_due=0)

    assert life.subscription.pending_change is not None


async def test_a_change_at_a_shown_price_that_the_provider_did_not_make_is_made_when_it_is_repeated(
    begin: Begin, world: World
) -> None:
    life = await begin(**PAID_START)
    await life.live(10 * A_DAY)
    preview = await life.command("preview-change", plan="professional")
    body = {"plan": "professional", **as_shown(preview)}
    world.provider.calls.fail("change")
    with pytest.raises(TenureError):
        await life.meanwhile(LONGER_THAN_IS_ASKED, "change-plan", "change", key="upgrade", **body)
    world.provider.heal()

    await life.command("change-plan", key="upgrade", **body)

    assert life.subscription.plan == "professional"
    assert len(amounts(life)) == 2
    assert amounts(life)[-1] <= preview.due_now


async def test_an_upgrade_that_was_not_answered_is_found_by_asking_and_is_neither_a_renewal_nor_owed(
    begin: Begin,
) -> None:
    life = await begin(**PAID_START)
    period_end = life.subscription.period_end

    await life.unheard("change-plan", "change", plan="professional")

    it = life.subscription
    assert (it.plan, it.amount, it.period_end) == ("professional", PROFESSIONAL, period_end)
    assert (life.kinds["plan_changed"], life.kinds["renewed"], life.kinds["payment_failed"]) == (1, 0, 0)
    assert life.mails == Counter(converted=1, plan_changed=1, receipt=2)
    assert life.bills == Counter(paid=2)


async def test_an_unanswered_upgrade_that_the_bank_declined_is_not_made_and_nothing_is_owed_for_it(
    begin: Begin,
) -> None:
    life = await begin(**PAID_START)
    life.card_answers("insufficient_funds", "ok")

    await life.unheard("change-plan", "change", plan="professional")

    assert (life.kinds["change_not_made"], life.kinds["payment_failed"]) == (1, 0)
    assert (life.status, life.subscription.plan) == (("active", "full"), "starter")
    assert life.bills == Counter(paid=1)


async def test_after_an_upgrade_the_renewal_bills_the_new_price(begin: Begin) -> None:
    life = await begin(**PAID_START)
    await life.command("change-plan", plan="professional")

    await life.live_until("renew")

    assert amounts(life)[-1] == PROFESSIONAL
    assert life.kinds["renewed"] == 1


async def test_a_downgrade_waits_for_the_end_of_what_is_paid_for(begin: Begin) -> None:
    life = await begin(plan="professional", **PAID_START)
    period_end = life.subscription.period_end

    await life.command("change-plan", plan="starter")

    planned = life.subscription.pending_change
    assert planned is not None
    assert (life.subscription.plan, planned.to.plan, planned.at) == ("professional", "starter", period_end)
    assert life.ahead == ["change_plan"]
    await life.live_until("change_plan")
    it = life.subscription
    assert (it.plan, life.status, it.pending_change) == ("starter", ("active", "full"), None)
    assert amounts(life) == [PROFESSIONAL, STARTER]
    await life.live_until("renew")
    assert amounts(life) == [PROFESSIONAL, STARTER, STARTER]
    assert life.mails == Counter(converted=1, plan_change_scheduled=1, plan_changed=1, receipt=3)


async def test_a_planned_change_can_be_withdrawn(begin: Begin) -> None:
    life = await begin(plan="professional", **PAID_START)
    await life.command("change-plan", plan="starter")

    await life.command("withdraw-change")

    assert life.subscription.pending_change is None
    await life.live_until("renew")
    assert amounts(life) == [PROFESSIONAL, PROFESSIONAL]
    assert await life.refused("withdraw-change") == "no_change_planned"


@pytest.mark.parametrize(("body", "least"), [({"quantity": 3}, STARTER), ({"add_ons": {"users": 4}}, 1000)])
async def test_seats_and_add_ons_are_prorated_too(begin: Begin, body: dict[str, Any], least: int) -> None:
    life = await begin(**PAID_START)

    preview = await life.command("preview-change", **body)
    await life.command("change-plan", **body, **as_shown(preview))

    assert preview.due_now >= least
    assert amounts(life)[-1] == preview.due_now
    assert life.subscription.amount == preview.next_amount


async def test_from_month_to_year_a_new_period_begins_at_once(begin: Begin) -> None:
    life = await begin(**PAID_START)
    await life.live(10 * A_DAY)

    preview = await life.command("preview-change", interval="year")
    await life.command("change-plan", interval="year", **as_shown(preview))

    it = life.subscription
    assert (it.interval, preview.at) == ("year", "now")
    assert amounts(life)[-1] == preview.due_now
    assert it.period_end is not None
    assert it.period_end.year == life.now.year + 1


async def test_from_year_to_month_the_year_is_used_up_first(begin: Begin) -> None:
    life = await begin(interval="year", **PAID_START)

    await life.command("change-plan", interval="month")

    it = life.subscription
    assert it.pending_change is not None
    assert (it.interval, it.pending_change.to.interval) == ("year", "month")
    await life.live_until("change_plan")
    assert life.subscription.interval == "month"
    assert amounts(life)[-1] == STARTER
    await life.live_until("renew")
    assert life.kinds["renewed"] == 2


async def test_a_downgrade_at_once_is_credited_on_the_next_bills(begin: Begin) -> None:
    life = await begin(plan="professional", **PAID_START)

    preview = await life.command("preview-change", plan="starter", when="now")
    await life.command("change-plan", plan="starter", when="now")

    assert preview.due_now < 0
    assert (life.subscription.plan, life.subscription.pending_change) == ("starter", None)
    await life.live_until("renew")
    assert life.status == ("active", "full")
    assert life.mails["receipt"] == 1, "the renewal was paid from the credit"


async def test_an_upgrade_that_the_bank_declines_changes_nothing(begin: Begin) -> None:
    life = await begin(**PAID_START)
    life.card_answers("insufficient_funds")

    codes = [await declined_by_the_bank(life, "change-plan", plan="professional", key="once") for _ in range(2)]

    assert codes == ["payment_declined", "payment_declined"]
    assert (life.subscription.plan, life.status) == ("starter", ("active", "full"))
    assert life.kinds["charge_declined"] == 1
    assert life.bills == Counter(paid=1)


async def test_in_a_trial_the_plan_changes_without_money(begin: Begin) -> None:
    life = await begin(payment_method="visa")

    await life.command("change-plan", plan="professional", when="period_end")

    assert (life.subscription.plan, life.status[0]) == ("professional", "trialing")
    await life.live_until_converted()
    assert amounts(life) == [PROFESSIONAL]
    assert life.mails == CONVERTED + Counter(plan_changed=1)


async def test_the_same_change_twice_is_one_change(begin: Begin) -> None:
    life = await begin(**PAID_START)

    for _ in range(2):
        await life.command("change-plan", key="same", plan="professional")

    assert len(life.invoices) == 2
    assert await life.refused("change-plan", plan="professional") == "no_change"


async def test_an_upgrade_replaces_a_planned_downgrade(begin: Begin) -> None:
    life = await begin(plan="professional", **PAID_START)
    await life.command("change-plan", plan="starter")
    await life.live(A_DAY)

    await life.command("change-plan", plan="enterprise")

    assert (life.subscription.plan, life.subscription.pending_change) == ("enterprise", None)
    await life.live_until("renew")
    assert amounts(life)[-1] == life.subscription.amount


async def test_what_is_owed_or_stands_still_cannot_change(begin: Begin) -> None:
    life = await begin(payment_method="visa")
    await life.live_until_converted()
    await life.command("cancel")
    assert await life.refused("change-plan", plan="professional") == "cancellation_scheduled"
    assert await life.refused("preview-change", plan="professional") == "cancellation_scheduled"
    await life.command("uncancel")
    await life.live_until_declined("insufficient_funds")
    assert await life.refused("change-plan", plan="professional") == "payment_owed"
    assert await life.refused("pause") == "not_active"


async def test_a_planned_change_whose_first_period_is_declined_is_recovered_at_the_new_price(begin: Begin) -> None:
    life = await begin(plan="professional", **PAID_START)
    await life.command("change-plan", plan="starter")
    life.card_answers("insufficient_funds", "ok")

    await life.live_until("change_plan")
    assert life.status == ("past_due", "full")
    await life.live_until("recover")

    assert life.status == ("active", "full")
    assert amounts(life) == [PROFESSIONAL, STARTER]


async def test_a_planned_change_that_falls_into_an_outage_is_billed_once_and_at_the_new_price(
    begin: Begin, world: World
) -> None:
    life = await begin(plan="professional", **PAID_START)
    await life.command("change-plan", plan="starter")
    ends_at = life.subscription.period_end
    assert ends_at is not None
    await life.live(ends_at - life.now - A_MINUTE)
    world.provider.calls.fail("restart", "change", "collect", "standing")
    await life.live(timedelta(hours=1))

    world.provider.heal()
    await life.live(timedelta(hours=3))

    assert (life.subscription.plan, life.status[0]) == ("starter", "active")
    assert amounts(life) == [PROFESSIONAL, STARTER]


async def shortly_before_the_end(life: Life, time: timedelta = timedelta(minutes=30)) -> None:
    ends_at = life.subscription.period_end
    assert ends_at is not None
    await life.live(ends_at - life.now - time)


@pytest.mark.parametrize("unanswered", [["hold"], ["hold", "standing"]], ids=" and ".join)
async def test_a_period_is_billed_once_although_the_hold_of_a_withdrawn_change_is_lifted_too_late(
    begin: Begin, world: World, unanswered: list[str]
) -> None:
    life = await begin(plan="professional", **PAID_START)
    await life.command("change-plan", plan="starter")
    await shortly_before_the_end(life, 2 * HOURS)
    world.provider.calls.fail(*unanswered)

    await life.command("withdraw-change")
    await life.live(4 * HOURS)
    world.provider.heal()
    await life.live(HOURS)

    assert (amounts(life), life.bills["void"]) == ([PROFESSIONAL, PROFESSIONAL], 0)
    assert life.kinds["bill_waived"] == 0
    await life.live_until("renew")
    assert amounts(life) == [PROFESSIONAL, PROFESSIONAL, PROFESSIONAL]
    assert not life.subscription.wants_hold


async def test_a_period_is_billed_once_whose_change_is_withdrawn_just_before_it(begin: Begin, world: World) -> None:
    life = await begin(plan="professional", **PAID_START)
    await life.command("change-plan", plan="starter")
    await shortly_before_the_end(life)

    await life.command("withdraw-change")

    assert life.ahead == ["begin_period"]
    await life.live(2 * HOURS)
    assert amounts(life) == [PROFESSIONAL, PROFESSIONAL]
    [agreement] = world.provider.outside.agreements_of(life.external_id)
    assert not agreement.held
    await life.live_until("renew")
    assert amounts(life) == [PROFESSIONAL, PROFESSIONAL, PROFESSIONAL]


async def test_a_period_is_billed_once_if_the_hold_was_lifted_before_it_without_an_answer(
    begin: Begin, world: World
) -> None:
    life = await begin(plan="professional", **PAID_START)
    await life.command("change-plan", plan="starter")
    await shortly_before_the_end(life, 2 * HOURS)
    world.provider.calls.lose_answers()
    world.provider.loses_messages = True

    await life.command("withdraw-change")
    await life.live(3 * HOURS)
    world.provider.heal()
    await life.live(6 * HOURS)

    assert amounts(life) == [PROFESSIONAL, PROFESSIONAL]
    assert life.kinds["renewed"] == 1
