"""Plans that change: at once with proration, when the period ends, or not after all."""

from collections import Counter
from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta
from typing import Any

import pytest

from sandbox.stack import Stack
from tests.harness.lives import A_MINUTE, CONVERTED, Life
from tests.harness.lost_answers import ABOUT_SUBSCRIPTION, unheard

Begin = Callable[..., Awaitable[Life]]

A_DAY = timedelta(days=1)
PAID_START = {"trial_days": 0, "payment_method": "pm_card_visa"}
STARTER, PROFESSIONAL = 4900, 19900


async def bills_of(life: Life) -> list[dict[str, Any]]:
    """All bills, oldest first."""
    await life.live(A_MINUTE)
    found: list[dict[str, Any]] = (await life.product.get("/v1/invoices", customer=life.external_id))["data"]
    return sorted(found, key=lambda bill: bill["at"])


async def test_an_upgrade_takes_effect_at_once_and_bills_what_its_preview_said(begin: Begin) -> None:
    life = await begin(**PAID_START)
    await life.live(10 * A_DAY)

    preview = await life.command("preview-change", plan="professional")
    stands = await life.command("change-plan", plan="professional")

    assert (stands["plan"], stands["status"], stands["amount"]) == ("professional", "active", PROFESSIONAL)
    assert preview["when"] == "now"
    assert sum(line["amount"] for line in preview["lines"]) == preview["due_now"]
    assert 0 < preview["due_now"] < PROFESSIONAL - STARTER
    paid = await bills_of(life)
    assert [bill["amount"] for bill in paid] == [STARTER, preview["due_now"]]
    assert await life.mails() == Counter(converted=1, plan_changed=1, receipt=2)
    assert preview["next_at"] == stands["current_period_end"]


async def test_an_upgrade_that_was_not_answered_is_found_by_asking_and_is_neither_a_renewal_nor_owed(
    begin: Begin, stack: Stack
) -> None:
    life = await begin(**PAID_START)
    period_end = (await life.stands())["current_period_end"]

    await unheard(stack.simulator, life, ABOUT_SUBSCRIPTION, life.command("change-plan", plan="professional"))

    stands = await life.stands()
    assert (stands["plan"], stands["status"], stands["amount"]) == ("professional", "active", PROFESSIONAL)
    assert stands["current_period_end"] == period_end
    kinds = await life.kinds()
    assert (kinds["plan_changed"], kinds["renewed"], kinds["payment_failed"]) == (1, 0, 0)
    assert await life.mails() == Counter(converted=1, plan_changed=1, receipt=2)
    assert await life.bills() == Counter(paid=2)

    await life.product.card_answers(life.external_id, "insufficient_funds", "ok")
    await unheard(stack.simulator, life, ABOUT_SUBSCRIPTION, life.command("change-plan", plan="enterprise"))

    kinds = await life.kinds()
    assert (kinds["change_not_made"], kinds["payment_failed"]) == (1, 0), "nothing is owed for it"
    assert await life.status() == ("active", "full")
    assert (await life.stands())["plan"] == "professional"
    assert await life.bills() == Counter(paid=2)


async def test_after_an_upgrade_the_renewal_bills_the_new_price(begin: Begin) -> None:
    life = await begin(**PAID_START)
    await life.command("change-plan", plan="professional")

    await life.live_until("renew")
    await life.live(timedelta(hours=2))

    assert (await bills_of(life))[-1]["amount"] == PROFESSIONAL
    assert (await life.kinds())["renewed"] == 1


async def test_a_downgrade_waits_for_the_end_of_what_is_paid_for(begin: Begin) -> None:
    life = await begin(plan="professional", **PAID_START)
    period_end = (await life.stands())["current_period_end"]

    stands = await life.command("change-plan", plan="starter")

    assert stands["plan"] == "professional"
    assert stands["pending_change"]["plan"] == "starter"
    assert stands["pending_change"]["at"] == period_end
    assert [one["action"] for one in stands["next_actions"]] == ["change_plan"]
    await life.live_until("change_plan")
    stands = await life.stands()
    assert (stands["plan"], stands["status"], stands["pending_change"]) == ("starter", "active", None)
    assert [bill["amount"] for bill in await bills_of(life) if bill["status"] == "paid"] == [PROFESSIONAL, STARTER]
    await life.live_until("renew")
    await life.live(timedelta(hours=2))
    paid = [bill["amount"] for bill in await bills_of(life) if bill["status"] == "paid"]
    assert paid == [PROFESSIONAL, STARTER, STARTER]
    assert await life.mails() == Counter(converted=1, plan_change_scheduled=1, plan_changed=1, receipt=3)


async def test_a_planned_change_can_be_withdrawn(begin: Begin) -> None:
    life = await begin(plan="professional", **PAID_START)
    await life.command("change-plan", plan="starter")

    stands = await life.command("withdraw-change")

    assert stands["pending_change"] is None
    await life.live_until("renew")
    await life.live(timedelta(hours=2))
    assert [bill["amount"] for bill in await bills_of(life)] == [PROFESSIONAL, PROFESSIONAL]
    assert await life.refused("withdraw-change") == (409, "no_change_planned")


@pytest.mark.parametrize(
    ("body", "least"),
    [
        ({"quantity": 3}, STARTER),
        ({"add_ons": {"users": 4}}, 1000),
    ],
)
async def test_seats_and_add_ons_are_prorated_too(begin: Begin, body: dict[str, Any], least: int) -> None:
    life = await begin(**PAID_START)

    preview = await life.command("preview-change", **body)
    stands = await life.command("change-plan", **body)

    assert preview["due_now"] >= least
    assert (await bills_of(life))[-1]["amount"] == preview["due_now"]
    assert stands["amount"] == preview["next_amount"]


async def test_from_month_to_year_a_new_period_begins_at_once(begin: Begin) -> None:
    life = await begin(**PAID_START)
    await life.live(10 * A_DAY)

    preview = await life.command("preview-change", interval="year")
    stands = await life.command("change-plan", interval="year")

    assert (stands["interval"], preview["when"]) == ("year", "now")
    assert (await bills_of(life))[-1]["amount"] == preview["due_now"]
    year = stands["current_period_end"][:4]
    assert int(year) == life.now.year + 1


async def test_from_year_to_month_the_year_is_used_up_first(begin: Begin) -> None:
    life = await begin(interval="year", **PAID_START)

    stands = await life.command("change-plan", interval="month")

    assert (stands["interval"], stands["pending_change"]["interval"]) == ("year", "month")
    await life.live_until("change_plan")
    assert (await life.stands())["interval"] == "month"
    assert (await bills_of(life))[-1]["amount"] == STARTER
    await life.live_until("renew")
    await life.live(timedelta(hours=2))
    assert (await life.kinds())["renewed"] == 2


async def test_a_downgrade_at_once_is_credited_on_the_next_bills(begin: Begin) -> None:
    life = await begin(plan="professional", **PAID_START)

    preview = await life.command("preview-change", plan="starter", when="now")
    stands = await life.command("change-plan", plan="starter", when="now")

    assert preview["due_now"] < 0
    assert (stands["plan"], stands["pending_change"]) == ("starter", None)
    await life.live_until("renew")
    await life.live(timedelta(hours=2))
    assert await life.status() == ("active", "full")
    assert (await life.mails())["receipt"] == 1, "the renewal was paid from the credit"


async def test_an_upgrade_that_the_bank_declines_changes_nothing(begin: Begin) -> None:
    life = await begin(**PAID_START)
    await life.product.card_answers(life.external_id, "insufficient_funds")

    code = await life.refused_by_the_bank("change-plan", plan="professional", key="once")
    again = await life.refused_by_the_bank("change-plan", plan="professional", key="once")

    assert (code, again) == ("payment_declined", "payment_declined")
    stands = await life.stands()
    assert (stands["plan"], stands["status"], stands["access"]) == ("starter", "active", "full")
    assert (await life.kinds())["charge_declined"] == 1
    assert await life.bills() == Counter(paid=1)


async def test_in_a_trial_the_plan_changes_without_money(begin: Begin) -> None:
    life = await begin(payment_method="pm_card_visa")

    stands = await life.command("change-plan", plan="professional", when="period_end")

    assert (stands["plan"], stands["status"]) == ("professional", "trialing")
    await life.live_until_converted()
    assert [bill["amount"] for bill in await bills_of(life)] == [PROFESSIONAL]
    assert await life.mails() == CONVERTED + Counter(plan_changed=1)


async def test_the_same_change_twice_is_one_change(begin: Begin) -> None:
    life = await begin(**PAID_START)

    await life.product.command(life.id, "change-plan", key="same", plan="professional")
    await life.product.command(life.id, "change-plan", key="same", plan="professional")

    assert len(await bills_of(life)) == 2
    assert await life.refused("change-plan", plan="professional") == (409, "no_change")


async def test_an_upgrade_replaces_a_planned_downgrade(begin: Begin) -> None:
    life = await begin(plan="professional", **PAID_START)
    await life.command("change-plan", plan="starter")
    await life.live(A_DAY)

    stands = await life.command("change-plan", plan="enterprise")

    assert (stands["plan"], stands["pending_change"]) == ("enterprise", None)
    await life.live_until("renew")
    await life.live(timedelta(hours=2))
    assert (await bills_of(life))[-1]["amount"] == stands["amount"]


async def test_what_is_owed_or_stands_still_cannot_change(begin: Begin) -> None:
    life = await begin(payment_method="pm_card_visa")
    await life.live_until_converted()
    await life.command("cancel")
    assert await life.refused("change-plan", plan="professional") == (409, "cancellation_scheduled")
    assert await life.refused("preview-change", plan="professional") == (409, "cancellation_scheduled")
    await life.command("uncancel")
    await life.live_until_declined("insufficient_funds")
    assert await life.refused("change-plan", plan="professional") == (409, "payment_owed")
    assert await life.refused("pause") == (409, "not_active")


async def test_a_planned_change_whose_first_period_is_declined_is_recovered_at_the_new_price(begin: Begin) -> None:
    life = await begin(plan="professional", **PAID_START)
    await life.command("change-plan", plan="starter")
    await life.product.card_answers(life.external_id, "insufficient_funds", "ok")

    await life.live_until("change_plan")
    assert await life.status() == ("past_due", "full")
    await life.live_until("recover")

    assert await life.status() == ("active", "full")
    assert [bill["amount"] for bill in await bills_of(life) if bill["status"] == "paid"] == [PROFESSIONAL, STARTER]


@pytest.mark.usefixtures("healed")
async def test_a_planned_change_that_falls_into_an_outage_of_stripe_is_billed_once_and_at_the_new_price(
    begin: Begin,
) -> None:
    life = await begin(plan="professional", **PAID_START)
    stands = await life.command("change-plan", plan="starter")
    ends_at = datetime.fromisoformat(stands["current_period_end"])
    await life.live(ends_at - life.now - A_MINUTE)
    await life.product.faults(stripe={"error_rate": 1, "status": 500})
    await life.live(timedelta(hours=3))

    await life.product.faults()
    await life.live(timedelta(hours=3))

    stands = await life.stands()
    assert (stands["plan"], stands["status"]) == ("starter", "active")
    assert [bill["amount"] for bill in await bills_of(life) if bill["status"] == "paid"] == [PROFESSIONAL, STARTER]


async def use(life: Life, feature: str, quantity: int) -> None:
    await life.product.consume(life.external_id, feature, quantity, key=f"{life.id}/{feature}/{quantity}")


async def test_a_smaller_plan_that_begins_over_used_is_told_with_what_does_not_fit(begin: Begin) -> None:
    life = await begin(plan="professional", **PAID_START)
    await use(life, "users", 3)
    await life.command("change-plan", plan="starter")
    assert "usage_exceeds_plan" not in await life.kinds(), "at that moment all of it fits"
    await use(life, "users", 6)

    await life.live_until("change_plan")

    [entry] = [each for each in await life.past() if each["kind"] == "usage_exceeds_plan"]
    assert (entry["summary"], entry["details"]) == ("Current usage exceeds Starter: Users: 9 of 3", {"users": "9 of 3"})
    assert (await life.mails())["plan_changed"] == 1
    [told] = [
        mail["text"] for mail in await life.product.mails(life.external_id) if "now on Starter" in mail["subject"]
    ]
    assert "You use more than Starter has:\n\nUsers: 9 of 3\n" in told


async def test_a_smaller_plan_that_is_planned_over_used_is_told_in_advance_in_the_customers_language(
    begin: Begin,
) -> None:
    life = await begin(plan="professional", customer={"locale": "de"}, **PAID_START)
    await use(life, "users", 9)
    await use(life, "storage_gb", 80)

    await life.command("change-plan", plan="starter", accept_misfits=True)

    [entry] = [each for each in await life.past() if each["kind"] == "usage_exceeds_plan"]
    assert entry["summary"] == "Current usage would exceed Starter: Users: 9 of 3; Storage in GB: 80 of 10"
    assert (await life.mails())["plan_change_scheduled"] == 1
    told = (await life.last_mail())["text"]
    assert (
        "Nach heutigem Stand nutzen Sie mehr, als Starter bietet:\n\nUsers: 9 von 3\nStorage in GB: 80 von 10\n" in told
    )
