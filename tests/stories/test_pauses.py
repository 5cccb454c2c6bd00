"""Pauses: nothing is billed, nothing can be used, no paid day is lost."""

from collections import Counter
from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta

from tests.harness.lives import A_MINUTE, Life

Begin = Callable[..., Awaitable[Life]]

A_DAY = timedelta(days=1)
PAID_START = {"trial_days": 0, "payment_method": "pm_card_visa"}


async def paid_until(life: Life) -> datetime:
    return datetime.fromisoformat((await life.stands())["current_period_end"])


async def test_a_pause_ends_on_its_date_and_gives_the_paid_days_back(begin: Begin) -> None:
    life = await begin(**PAID_START)
    await life.live(10 * A_DAY)
    before, resumes_at = await paid_until(life), life.now + 60 * A_DAY

    stands = await life.command("pause", resumes_at=resumes_at.isoformat())

    assert (stands["status"], stands["access"]) == ("paused", "none")
    assert datetime.fromisoformat(stands["resumes_at"]) == resumes_at.replace(microsecond=0) or stands["resumes_at"]
    assert [one["action"] for one in stands["next_actions"]] == ["resume"]
    paused_at = life.now
    await life.live_until("resume")
    assert await life.status() == ("active", "full")
    assert await life.bills() == Counter(paid=1)
    left = before - paused_at
    assert abs(await paid_until(life) - (resumes_at + left)) < timedelta(minutes=2)
    await life.live_until("begin_period")
    assert await life.status() == ("active", "full")
    assert await life.bills() == Counter(paid=2)
    await life.live_until("renew")
    await life.live(timedelta(hours=2))
    assert await life.bills() == Counter(paid=3)
    assert await life.mails() == Counter(converted=1, paused=1, resumed=1, receipt=3)


async def test_a_pause_without_a_date_ends_when_the_customer_says_so(begin: Begin) -> None:
    life = await begin(**PAID_START)
    await life.command("pause")
    assert await life.ahead() == []

    await life.live(100 * A_DAY)
    stands = await life.command("resume")

    assert (stands["status"], stands["access"], stands["resumes_at"]) == ("active", "full", None)
    assert await life.bills() == Counter(paid=1)
    assert await life.refused("resume") == (409, "not_paused")


async def test_a_paused_customer_who_cancels_uses_up_what_was_kept_and_is_billed_no_more(
    begin: Begin,
) -> None:
    life = await begin(**PAID_START)
    await life.live(10 * A_DAY)
    left = await paid_until(life) - life.now
    await life.command("pause")
    await life.live(30 * A_DAY)

    preview = await life.command("preview-cancel")
    stands = await life.command("cancel", reason_code="unused")

    assert (stands["status"], stands["access"]) == ("active", "full")
    assert preview["ends_at"] == preview["undo_until"]
    for told in (preview["ends_at"], stands["cancel_at"]):
        assert abs(datetime.fromisoformat(told) - (life.now + left)) < timedelta(minutes=2)
    assert (preview["loses_paid_days"], preview["voids_invoice"]) == (0, None)
    await life.live_until("cancel")
    assert await life.status() == ("canceled", "none")
    assert await life.bills() == Counter(paid=1)
    assert await life.mails() == Counter(converted=1, receipt=1, paused=1, cancellation_scheduled=1, canceled=1)


async def test_a_paused_customer_who_cancels_now_is_told_what_they_lose_and_can_still_change_their_mind(
    begin: Begin,
) -> None:
    life = await begin(**PAID_START)
    await life.live(10 * A_DAY)
    await life.command("pause")
    await life.live(2 * A_DAY)

    assert (await life.command("preview-cancel", at="now"))["loses_paid_days"] in (18, 19, 20, 21)
    assert await life.status() == ("paused", "none"), "a preview changes nothing"
    await life.command("cancel")
    undone = await life.command("uncancel")

    assert (undone["status"], undone["cancel_at"], undone["end_kind"]) == ("active", None, None)
    await life.live_until("begin_period")
    assert await life.bills() == Counter(paid=2)


async def test_a_pause_can_be_moved_and_a_date_in_the_past_is_none(begin: Begin) -> None:
    life = await begin(**PAID_START)
    later, latest = life.now + 10 * A_DAY, life.now + 20 * A_DAY
    assert await life.refused("pause", resumes_at=(life.now - A_DAY).isoformat()) == (422, "malformed")
    await life.command("pause", resumes_at=later.isoformat())

    stands = await life.command("pause", resumes_at=latest.isoformat())

    assert datetime.fromisoformat(stands["resumes_at"]) > later
    await life.live(12 * A_DAY)
    assert await life.status() == ("paused", "none")
    await life.live_until("resume")
    assert await life.status() == ("active", "full")


async def test_a_paused_subscription_can_be_canceled_at_once(begin: Begin) -> None:
    life = await begin(**PAID_START)
    await life.command("pause")

    await life.command("cancel", at="now")

    assert await life.status() == ("canceled", "none")


async def test_an_operator_can_hold_a_paused_subscription_and_gives_it_back_paused(begin: Begin) -> None:
    life = await begin(**PAID_START)
    await life.command("pause")
    await life.command("suspend", reason="fraud check")
    assert await life.refused("resume") == (409, "suspended_by_operator")

    await life.command("reactivate", reason="all is well")

    assert await life.status() == ("paused", "none")


async def test_a_pause_at_the_minute_of_renewal_waits_for_the_renewals_own_bill(begin: Begin) -> None:
    life = await begin(**PAID_START)
    await life.live_until("renew")
    assert await life.refused("pause") == (409, "renewal_under_way")
    await life.live(timedelta(hours=2))

    await life.command("pause")

    await life.live(40 * A_DAY)
    await life.command("resume")
    assert await life.status() == ("active", "full")
    assert (await life.bills())["paid"] == 2
    assert await paid_until(life) > life.now + 25 * A_DAY


async def test_trials_and_free_time_cannot_be_paused(begin: Begin) -> None:
    life = await begin()
    assert await life.refused("pause") == (409, "not_active")
    await life.live(A_MINUTE)


async def test_after_a_pause_the_plan_changes_at_once_and_bills_what_its_preview_said(begin: Begin) -> None:
    life = await begin(**PAID_START)
    await life.live(10 * A_DAY)
    await life.command("pause")
    await life.live(5 * A_DAY)
    stands = await life.command("resume")

    preview = await life.command("preview-change", plan="professional")
    changed = await life.command("change-plan", plan="professional")

    assert (changed["plan"], changed["current_period_end"]) == ("professional", stands["current_period_end"])
    share = preview["due_now"] / (19900 - 4900)
    assert 19 / 31 < share < 21 / 29, "about two thirds of the month were left when it was paused"
    assert sum(line["amount"] for line in preview["lines"]) == preview["due_now"]
    bills = await life.product.get("/v1/invoices", customer=life.external_id)
    assert sorted(bill["amount"] for bill in bills["data"]) == [4900, preview["due_now"]]

    again = await life.command("preview-change", quantity=2)
    await life.product.card_answers(life.external_id, "authentication_required", "ok")
    url = await life.to_be_confirmed("change-plan", quantity=2)
    assert (await life.stands())["quantity"] == 1, "until the customer's bank has their word"
    await life.confirm_at(url)
    await life.live(A_MINUTE)
    stands = await life.stands()
    assert (stands["quantity"], stands["pending_confirmation"]) == (2, None)
    assert stands["current_period_end"] == changed["current_period_end"]

    await life.live_until("begin_period")
    assert await life.status() == ("active", "full")
    bills = await life.product.get("/v1/invoices", customer=life.external_id)
    assert sorted(bill["amount"] for bill in bills["data"]) == sorted(
        [4900, preview["due_now"], again["due_now"], 2 * 19900]
    )
    await life.live_until("renew")
    await life.live(timedelta(hours=2))
    assert (await life.bills())["paid"] == 5
    assert await life.mails() == Counter(converted=1, paused=1, resumed=1, plan_changed=2, receipt=5)
