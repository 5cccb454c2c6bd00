"""Pauses: nothing is billed, nothing can be used, no paid day is lost."""

from collections import Counter
from datetime import datetime, timedelta

import pytest

from domain.errors import GatewayRefused
from tests.workflows.conftest import Begin
from tests.workflows.world.life import A_DAY, Life, as_shown
from tests.workflows.world.world import World

PAID_START = {"trial_days": 0, "payment_method": "visa"}


def paid_until(life: Life) -> datetime:
    until = life.subscription.period_end
    assert until is not None
    return until


async def test_a_pause_ends_on_its_date_and_gives_the_paid_days_back(begin: Begin) -> None:
    life = await begin(**PAID_START)
    await life.live(10 * A_DAY)
    before, paused_at, resumes_at = paid_until(life), life.now, life.now + 60 * A_DAY

    await life.command("pause", resumes_at=resumes_at)

    assert (life.status, life.ahead) == (("paused", "none"), ["resume"])
    assert life.subscription.pause is not None
    assert life.subscription.pause.resumes_at == resumes_at
    await life.live_until("resume")
    assert life.status == ("active", "full")
    assert life.bills == Counter(paid=1)
    assert abs(paid_until(life) - (resumes_at + (before - paused_at))) < timedelta(minutes=2)
    await life.live_until("begin_period")
    assert life.status == ("active", "full")
    assert life.bills == Counter(paid=2)
    await life.live_until("renew")
    assert life.bills == Counter(paid=3)
    assert life.mails == Counter(converted=1, paused=1, resumed=1, receipt=3)


async def test_a_pause_without_a_date_ends_when_the_customer_says_so(begin: Begin) -> None:
    life = await begin(**PAID_START)
    await life.command("pause")
    assert life.ahead == []

    await life.live(100 * A_DAY)
    await life.command("resume")

    assert (life.status, life.subscription.pause) == (("active", "full"), None)
    assert life.bills == Counter(paid=1)
    assert await life.refused("resume") == "not_paused"


async def test_a_paused_customer_who_cancels_uses_up_what_was_kept_and_is_billed_no_more(begin: Begin) -> None:
    life = await begin(**PAID_START)
    await life.live(10 * A_DAY)
    left = paid_until(life) - life.now
    await life.command("pause")
    await life.live(30 * A_DAY)

    preview = await life.command("preview-cancel")
    await life.command("cancel", reason_code="unused")

    assert life.status == ("active", "full")
    assert preview.ends_at == preview.undo_until
    assert life.subscription.cancel_at is not None
    for told in (preview.ends_at, life.subscription.cancel_at):
        assert abs(told - (life.now + left)) < timedelta(minutes=2)
    assert (preview.loses_paid_days, preview.voids_invoice) == (0, "")
    await life.live_until("cancel")
    assert life.status == ("canceled", "none")
    assert life.bills == Counter(paid=1)
    assert life.mails == Counter(converted=1, receipt=1, paused=1, cancellation_scheduled=1, canceled=1)


async def test_a_paused_customer_who_cancels_now_is_told_what_they_lose_and_can_still_change_their_mind(
    begin: Begin,
) -> None:
    life = await begin(**PAID_START)
    await life.live(10 * A_DAY)
    await life.command("pause")
    await life.live(2 * A_DAY)

    assert (await life.command("preview-cancel", at="now")).loses_paid_days in (18, 19, 20, 21)
    assert life.status == ("paused", "none"), "a preview changes nothing"
    await life.command("cancel")
    await life.command("uncancel")

    it = life.subscription
    assert (life.status, it.cancel_at, it.end) == (("active", "full"), None, None)
    await life.live_until("begin_period")
    assert life.bills == Counter(paid=2)


async def test_a_pause_can_be_moved_and_a_date_in_the_past_is_none(begin: Begin) -> None:
    life = await begin(**PAID_START)
    later, latest = life.now + 10 * A_DAY, life.now + 20 * A_DAY
    assert await life.refused("pause", resumes_at=life.now - A_DAY) == "malformed"
    await life.command("pause", resumes_at=later)

    await life.command("pause", resumes_at=latest)

    await life.live(12 * A_DAY)
    assert life.status == ("paused", "none")
    await life.live_until("resume")
    assert life.status == ("active", "full")


async def test_a_paused_subscription_can_be_canceled_at_once(begin: Begin) -> None:
    life = await begin(**PAID_START)
    await life.command("pause")

    await life.command("cancel", at="now")

    assert life.status == ("canceled", "none")


@pytest.mark.parametrize("is_down", [False, True])
async def test_a_cancellation_of_a_disputed_pause_gives_no_more_access_than_a_dispute(
    begin: Begin, world: World, is_down: bool
) -> None:
    life = await begin(**PAID_START)
    await life.command("pause")
    await life.dispute("opened")
    if is_down:
        world.provider.calls.fail("end_at_period_end", error=GatewayRefused("not allowed", code="stripe_permission"))

    await life.command("cancel")

    assert (life.status, life.subscription.status_reason) == (("active", "limited"), "disputed")
    assert life.subscription.cancel_at is not None
    world.provider.heal()
    await life.dispute("won")
    assert (life.status, life.subscription.status_reason) == (("active", "full"), "")


async def test_an_operator_can_hold_a_paused_subscription_and_gives_it_back_paused(begin: Begin) -> None:
    life = await begin(**PAID_START)
    await life.command("pause")
    await life.command("suspend", reason="fraud check")
    assert await life.refused("resume") == "suspended_by_operator"

    await life.command("reactivate", reason="all is well")

    assert life.status == ("paused", "none")


async def test_trials_and_free_time_cannot_be_paused(begin: Begin) -> None:
    life = await begin()

    assert await life.refused("pause") == "not_active"


async def test_after_a_pause_the_plan_changes_at_once_and_bills_what_its_preview_said(begin: Begin) -> None:
    life = await begin(**PAID_START)
    await life.live(10 * A_DAY)
    await life.command("pause")
    await life.live(5 * A_DAY)
    await life.command("resume")
    period_end = paid_until(life)

    preview = await life.command("preview-change", plan="professional")
    await life.command("change-plan", plan="professional", **as_shown(preview))

    assert (life.subscription.plan, paid_until(life)) == ("professional", period_end)
    share = preview.due_now / (19900 - 4900)
    assert 19 / 31 < share < 21 / 29, "about two thirds of the month were left when it was paused"
    assert sum(line.amount for line in preview.lines) == preview.due_now
    assert sorted(invoice.amount for invoice in life.invoices) == [4900, preview.due_now]

    again = await life.command("preview-change", quantity=2)
    life.card_answers("authentication_required", "ok")
    bill = await life.to_be_confirmed("change-plan", quantity=2, **as_shown(again))
    assert life.subscription.quantity == 1, "until the customer's bank has their word"
    await life.pays(bill)
    assert (life.subscription.quantity, life.subscription.confirmation) == (2, None)
    assert paid_until(life) == period_end

    await life.live_until("begin_period")
    assert life.status == ("active", "full")
    assert sorted(invoice.amount for invoice in life.invoices) == sorted(
        [4900, preview.due_now, again.due_now, 2 * 19900]
    )
    await life.live_until("renew")
    assert life.bills["paid"] == 5
    assert life.mails == Counter(converted=1, paused=1, resumed=1, plan_changed=2, receipt=5)
