"""A release breaks no running subscription: what earlier code has left is carried on by the code of today."""

from collections import Counter
from datetime import timedelta

import pytest

from sandbox.product import RefusedError
from storage.db.migrations import current, head
from storage.reconciliation import Reconciliations
from storage.webhooks.inbox import Inbox
from tenure.cli.reconcile import run_now
from tests.harness.lives import A_MINUTE
from tests.harness.patience import until
from tests.upgrade.conftest import Upgraded
from tests.upgrade.lives import NEW_NAME, ONE_BY_ONE, SIDE_BY_SIDE

A_DAY = timedelta(days=1)
AN_HOUR = timedelta(hours=1)
STARTER, PROFESSIONAL, A_USER = 4900, 19900, 500
CARD = {"payment_method": "pm_card_mastercard"}
RENEWED = Counter(paid=1), Counter(receipt=1)

NAMES = [play.__name__ for play in (*SIDE_BY_SIDE, *ONE_BY_ONE)]
GO_ON_BY_THEMSELVES = {"payment_unseen", "dispute_unheard"}
"""As soon as Stripe answers again."""
SHOWN = (
    "status",
    "status_reason",
    "access",
    "plan",
    "interval",
    "quantity",
    "add_ons",
    "amount",
    "trial_ends_at",
    "current_period_end",
    "cancel_at",
    "resumes_at",
    "pending_change",
)


async def test_the_database_is_at_the_newest_version(upgraded: Upgraded) -> None:
    assert await current(upgraded.product.addresses.database_url) == head()


@pytest.mark.parametrize("name", [name for name in NAMES if name not in GO_ON_BY_THEMSELVES])
async def test_a_subscription_stands_where_it_stood(upgraded: Upgraded, name: str) -> None:
    upgraded.life(name)
    before, after = upgraded.world.lives[name].stands, upgraded.shown[name]
    assert {field: after[field] for field in SHOWN} == {field: before[field] for field in SHOWN}


async def test_a_trial_with_a_card_is_reminded_and_converts(upgraded: Upgraded) -> None:
    life = upgraded.life("trial_with_card")

    await life.live_until("convert")

    assert await life.status() == ("active", "full")
    assert await upgraded.bills(life) == Counter(paid=1)
    assert await upgraded.mails(life) == Counter(trial_ending=3, converted=1, receipt=1)


async def test_a_trial_without_a_card_expires(upgraded: Upgraded) -> None:
    life = upgraded.life("trial_without_card")

    await life.live_until("expire_trial")

    assert await life.status() == ("suspended", "none")
    assert await upgraded.mails(life) == Counter(trial_ending=3, trial_expired=1)
    assert upgraded.taken(life) == []


async def test_a_month_is_renewed_once_with_a_new_card(upgraded: Upgraded) -> None:
    life = upgraded.life("monthly")
    await life.command("payment-method", **CARD)

    await life.live_until("renew")
    await life.live(2 * AN_HOUR)

    assert await life.status() == ("active", "full")
    assert (await upgraded.bills(life), await upgraded.mails(life)) == RENEWED
    assert upgraded.taken(life) == [STARTER, STARTER]


async def test_a_year_is_announced_and_renewed_once(upgraded: Upgraded) -> None:
    life = upgraded.life("yearly")

    await life.live_until("renew")
    await life.live(2 * AN_HOUR)

    assert await life.status() == ("active", "full")
    assert await upgraded.bills(life) == Counter(paid=1)
    assert await upgraded.mails(life) == Counter(renewal_ahead=1, card_expiring=2, receipt=1)


async def test_a_recovery_goes_on_with_its_next_rung_and_ends_with_a_card_that_pays(upgraded: Upgraded) -> None:
    life = upgraded.life("in_recovery")
    await life.live_until("recover")
    assert await life.status() == ("past_due", "limited")

    await life.command("payment-method", **CARD)

    assert await life.status() == ("active", "full")
    assert await upgraded.bills(life) == Counter(paid=1, open=-1)


async def test_what_an_operator_holds_comes_back(upgraded: Upgraded) -> None:
    life = upgraded.life("held_by_operator")

    await life.command("reactivate", reason="all is well")
    assert await life.status() == ("active", "full")

    await life.live_until("renew")
    await life.live(2 * AN_HOUR)
    assert await upgraded.bills(life) == Counter(paid=1)


async def test_who_was_suspended_for_a_debt_comes_back_by_paying_it(upgraded: Upgraded) -> None:
    life = upgraded.life("unpaid")

    await life.command("payment-method", **CARD)

    assert await life.status() == ("active", "full")
    assert await upgraded.bills(life) == Counter(paid=1, open=-1)


async def test_an_expired_trial_is_canceled_a_month_later(upgraded: Upgraded) -> None:
    life = upgraded.life("trial_expired")

    await life.live_until("cancel")

    assert await life.status() == ("canceled", "none")
    assert upgraded.taken(life) == []


async def test_a_sign_up_begins_once_its_payment_is_confirmed(upgraded: Upgraded) -> None:
    life = upgraded.life("sign_up_to_confirm")

    await life.confirm_at(upgraded.page((await life.stands())["pending_confirmation"]["confirmation_url"]))
    await life.live(A_MINUTE)

    assert await life.status() == ("active", "full")
    assert await upgraded.bills(life) == Counter(paid=1, open=-1)
    assert await upgraded.mails(life) == Counter(converted=1, receipt=1)


async def test_a_pause_ends_on_its_date_with_the_paid_days_that_were_left(upgraded: Upgraded) -> None:
    life = upgraded.life("paused")

    await life.live_until("resume")
    assert await life.status() == ("active", "full")
    assert await upgraded.bills(life) == Counter()

    await life.live_until("begin_period")
    assert await upgraded.bills(life) == Counter(paid=1)
    assert await upgraded.mails(life) == Counter(resumed=1, receipt=1)


async def test_what_is_over_stays_over(upgraded: Upgraded) -> None:
    life = upgraded.life("canceled")

    with pytest.raises(RefusedError) as refusal:
        await life.command("uncancel")
    await life.live(100 * A_DAY)

    assert refusal.value.status == 409
    assert await life.status() == ("canceled", "none")
    assert (await upgraded.bills(life), await upgraded.mails(life)) == (Counter(), Counter())


async def test_the_free_plan_is_left_for_money(upgraded: Upgraded) -> None:
    life = upgraded.life("on_free_plan")

    stands = await life.command("change-plan", plan="professional")

    assert (stands["plan"], stands["status"]) == ("professional", "active")
    assert upgraded.taken(life) == [PROFESSIONAL, STARTER]


async def test_a_planned_change_is_made_when_the_month_ends(upgraded: Upgraded) -> None:
    life = upgraded.life("change_planned")

    await life.live_until("change_plan")
    await life.live(2 * AN_HOUR)

    stands = await life.stands()
    assert (stands["plan"], stands["status"], stands["pending_change"]) == ("starter", "active", None)
    assert upgraded.taken(life) == [STARTER, PROFESSIONAL]


async def test_a_planned_end_comes_when_the_month_ends(upgraded: Upgraded) -> None:
    life = upgraded.life("end_planned")

    await life.live_until("cancel")

    assert await life.status() == ("canceled", "none")
    assert await upgraded.bills(life) == Counter()
    assert await upgraded.mails(life) == Counter(canceled=1)


async def test_an_upgrade_is_made_once_it_is_confirmed(upgraded: Upgraded) -> None:
    life = upgraded.life("upgrade_to_confirm")

    await life.confirm_at(upgraded.page((await life.stands())["pending_confirmation"]["confirmation_url"]))
    await life.live(A_MINUTE)

    stands = await life.stands()
    assert (stands["plan"], stands["pending_confirmation"]) == ("professional", None)
    assert await upgraded.bills(life) == Counter(paid=1, open=-1)


async def test_an_upgrade_that_nobody_confirms_lapses(upgraded: Upgraded) -> None:
    life = upgraded.life("upgrade_not_confirmed")

    await life.live_until("end_confirmation")

    stands = await life.stands()
    assert (stands["plan"], stands["pending_confirmation"]) == ("starter", None)
    assert await upgraded.bills(life) == Counter(void=1, open=-1)
    assert (await life.command("change-plan", plan="professional"))["plan"] == "professional"
    assert await upgraded.bills(life) == Counter(void=1, open=-1, paid=1)


async def test_add_ons_are_billed_and_changed(upgraded: Upgraded) -> None:
    life = upgraded.life("with_add_ons")

    await life.live_until("renew")
    await life.live(2 * AN_HOUR)
    assert upgraded.taken(life) == [STARTER + 4 * A_USER] * 2

    stands = await life.command("change-plan", add_ons={"users": 6})
    assert stands["amount"] == STARTER + 6 * A_USER
    assert len(upgraded.taken(life)) == 3


async def test_what_was_used_is_remembered_and_counted_once(upgraded: Upgraded) -> None:
    life = upgraded.life("with_use")

    for key in (f"{life.external_id}/pages", f"{life.external_id}/more-pages"):
        await life.product.consume(life.external_id, "pages", 300, key=key)

    usage = (await life.product.get(f"/v1/customers/{life.external_id}/usage"))["usage"]
    assert {feature: each["used"] for feature, each in usage.items()} == {"pages": 600, "users": 2}


async def test_a_dispute_that_is_won_lets_billing_go_on(upgraded: Upgraded) -> None:
    life = upgraded.life("disputed")

    await life.product.dispute(life.external_id, "won")
    await life.live(A_MINUTE)
    assert await life.status() == ("active", "full")

    await life.live_until("renew")
    await life.live(2 * AN_HOUR)
    assert await upgraded.bills(life) == Counter(paid=1)


async def test_a_blocked_conversion_goes_on_when_it_is_tried_next(upgraded: Upgraded) -> None:
    life = upgraded.life("blocked")

    await life.live(2 * AN_HOUR)

    stands = await life.stands()
    assert (stands["status"], stands["blocked"]) == ("active", None)
    assert await upgraded.bills(life) == Counter(paid=1)
    assert await upgraded.mails(life) == Counter(converted=1, receipt=1)


async def test_a_mail_that_was_queued_is_sent_once(upgraded: Upgraded) -> None:
    life = upgraded.life("mail_on_its_way")

    assert await upgraded.mails(life) == Counter(cancellation_scheduled=1)


async def test_a_message_that_waited_in_the_inbox_is_delivered(upgraded: Upgraded) -> None:
    life = upgraded.life("dispute_unheard")

    await until(lambda: _nothing_waits(upgraded))
    await life.live(A_MINUTE)

    assert await life.status() == ("active", "limited")
    assert (await life.stands())["status_reason"] == "disputed"


async def test_a_payment_that_a_workflow_was_about_to_look_at_is_seen(upgraded: Upgraded) -> None:
    life = upgraded.life("payment_unseen")

    await life.live(AN_HOUR)

    assert await life.status() == ("active", "full")
    assert await upgraded.bills(life) == Counter(paid=1, open=-1)


async def test_stripe_is_told_of_a_customers_name_at_last(upgraded: Upgraded) -> None:
    life = upgraded.life("customer_untold")

    await until(lambda: upgraded.stack.simulator.customer(life.external_id)["name"] == NEW_NAME)


async def test_a_reconciliation_finds_no_difference(upgraded: Upgraded) -> None:
    await until(lambda: _nothing_waits(upgraded))
    await upgraded.life("payment_unseen").live(AN_HOUR)

    done = await run_now(upgraded.stack.client, fix=False)

    assert done.tally.not_compared == ""
    found = await Reconciliations(upgraded.stack.engine).of_run(done.run)
    # What is blocked is listed, and tried again at once.
    assert [each for each in found if each.kind != "blocked"] == []


async def _nothing_waits(upgraded: Upgraded) -> bool:
    return not await Inbox(upgraded.stack.engine).waiting()
