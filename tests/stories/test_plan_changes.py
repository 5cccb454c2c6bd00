"""Plans that change: at once with proration, when the period ends, or not after all."""

from collections import Counter
from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Any

from tests.harness.lives import A_MINUTE, Life
from tests.harness.previews import as_shown

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
    stands = await life.command("change-plan", plan="professional", **as_shown(preview))

    assert (stands["plan"], stands["status"], stands["amount"]) == ("professional", "active", PROFESSIONAL)
    assert preview["when"] == "now"
    assert sum(line["amount"] for line in preview["lines"]) == preview["due_now"]
    assert 0 < preview["due_now"] < PROFESSIONAL - STARTER
    paid = await bills_of(life)
    assert [bill["amount"] for bill in paid] == [STARTER, preview["due_now"]]
    assert await life.mails() == Counter(converted=1, plan_changed=1, receipt=2)
    told = {line["text"] for line in preview["lines"]}
    receipts = [mail["text"] for mail in await life.product.mails(life.external_id) if "Your receipt" in mail["text"]]
    assert len(told) > 1
    assert all(f"{line}: " in receipts[-1] for line in told), "the receipt has the lines of the bill"
    assert preview["next_at"] == stands["current_period_end"]


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
