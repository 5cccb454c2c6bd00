"""A change of plan is chosen, shown with its price, and costs what was shown or is shown again."""

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import httpx
import pytest

from sandbox.stack import Stack
from tests.harness.calendar_days import hour_after
from tests.harness.callers import Caller
from tests.web.billing.visitor import Visitor, forms_of, said, title

PAGE = "/billing/change"


async def previewed(ada: Visitor, **chosen: str) -> httpx.Response:
    shown = await ada.submit(PAGE, **chosen)
    assert shown.status_code == 200, shown.text
    assert title(shown) == "What the change costs", said(shown)
    return shown


async def confirmed(ada: Visitor, shown: httpx.Response, **changed: str) -> httpx.Response:
    [(action, fields)] = forms_of(shown.text)
    return await ada.post(action, fields | changed)


async def test_an_upgrade_bills_what_was_shown(stack: Stack, admin: Caller, begin: Callable[..., Any]) -> None:
    life = await begin(payment_method="pm_card_visa", trial_days=0)

    async with Visitor.entered(stack, admin, life.external_id) as ada:
        offered = await ada.get(PAGE)
        for price in ("$49.00 a month", "$199.00 a month", "$999.00 a month"):
            assert price in said(offered)
        assert "This is what you have." in said(offered)
        before = await life.stands()
        shown = await previewed(ada, plan="professional/month")
        assert await life.stands() == before
        assert "$150.00" in said(shown)
        assert "Change now and pay $150.00" in said(shown)
        after = await confirmed(ada, shown)
        assert (after.status_code, after.headers["Location"]) == (303, "/billing")
        assert "Professional" in said(await ada.get("/billing"))

    stands = await life.stands()
    assert (stands["plan"], stands["status"]) == ("professional", "active")
    bills = (await admin.get("/v1/invoices", customer=life.external_id)).json()["data"]
    assert sorted(bill["amount_paid"] for bill in bills) == [4900, 15000]
    entry = next(entry for entry in await life.past() if entry["kind"] == "plan_changed")
    assert entry["cause"]["actor"] == "customer via billing page"


async def test_a_confirmation_that_is_sent_twice_changes_and_bills_once(
    stack: Stack, admin: Caller, begin: Callable[..., Any]
) -> None:
    life = await begin(payment_method="pm_card_visa", trial_days=0)

    async with Visitor.entered(stack, admin, life.external_id) as ada:
        shown = await previewed(ada, plan="professional/month")
        first, second = [await confirmed(ada, shown) for _ in range(2)]

    assert first.status_code == 303
    assert second.status_code in (200, 303)
    assert (await life.kinds())["plan_changed"] == 1
    assert await life.bills() == {"paid": 2}


@pytest.mark.parametrize(
    "shown_instead",
    [
        *({"expected_due": "14999"}, {"next_amount": "19899"}, {"expected_due": ""}, {"next_amount": "x"}),
        *({"preview_at": "garbage"}, {"preview_at": "9" * 40}, {"expected_due": "-1"}),
    ],
    ids=str,
)
async def test_a_change_that_costs_more_than_was_shown_is_shown_again_and_nothing_is_charged(
    stack: Stack, admin: Caller, begin: Callable[..., Any], shown_instead: dict[str, str]
) -> None:
    life = await begin(payment_method="pm_card_visa", trial_days=0)

    async with Visitor.entered(stack, admin, life.external_id) as ada:
        shown = await previewed(ada, plan="professional/month")
        again = await confirmed(ada, shown, **shown_instead)
        assert "The price has changed meanwhile" in said(again)
        assert (await life.stands())["plan"] == "starter"
        assert await life.bills() == {"paid": 1}
        assert (await confirmed(ada, again)).status_code == 303

    assert (await life.stands())["plan"] == "professional"


async def test_a_downgrade_waits_for_the_end_of_what_is_paid_for_and_can_be_withdrawn(
    stack: Stack, admin: Caller, begin: Callable[..., Any]
) -> None:
    life = await begin(plan="professional", payment_method="pm_card_visa", trial_days=0)

    async with Visitor.entered(stack, admin, life.external_id) as ada:
        shown = await previewed(ada, plan="starter/month")
        assert "Nothing is charged now." in said(shown)
        assert (await confirmed(ada, shown)).status_code == 303
        stands = await life.stands()
        assert (stands["plan"], stands["pending_change"]["plan"]) == ("professional", "starter")
        assert "changes to Starter" in said(await ada.get("/billing"))
        await ada.press("/billing/withdraw-change")

    assert (await life.stands())["pending_change"] is None


async def test_a_planned_change_is_replaced_by_another_in_one_step(
    stack: Stack, admin: Caller, begin: Callable[..., Any]
) -> None:
    life = await begin(plan="professional", payment_method="pm_card_visa", trial_days=0)

    async with Visitor.entered(stack, admin, life.external_id) as ada:
        await confirmed(ada, await previewed(ada, plan="starter/month"))
        assert "A change to Starter is planned" in said(await ada.get(PAGE))
        again = await ada.submit(PAGE, plan="starter/month")
        assert "Exactly this is planned already." in said(again)
        shown = await previewed(ada, plan="starter/month", quantity="2")
        assert "Instead ofStarter on" in said(shown)
        assert (await confirmed(ada, shown)).status_code == 303
        pending = (await life.stands())["pending_change"]
        assert (pending["plan"], pending["quantity"]) == ("starter", 2)

        more = await ada.submit(PAGE, plan="professional/month", quantity="3")
        assert "Please withdraw it first." in said(more)
        kept = await ada.submit(PAGE, plan="professional/month")
        assert kept.headers["Location"] == "/billing/withdraw-change"

    stands = await life.stands()
    assert (stands["plan"], stands["quantity"], stands["pending_change"]) == ("professional", 1, pending)


async def test_a_form_from_before_a_change_was_planned_does_not_change_that_one(
    stack: Stack, admin: Caller, begin: Callable[..., Any]
) -> None:
    life = await begin(plan="professional", payment_method="pm_card_visa", trial_days=0)

    async with Visitor.entered(stack, admin, life.external_id) as ada:
        seats = await previewed(ada, plan="professional/month", quantity="3")
        downgrade = await previewed(ada, plan="starter/month")
        await confirmed(ada, downgrade)
        late = await confirmed(ada, seats)
        assert "Please withdraw it first." in said(late)

    pending = (await life.stands())["pending_change"]
    assert (pending["plan"], pending["quantity"]) == ("starter", 1)


async def test_of_two_tabs_that_confirm_something_else_the_later_one_is_told_that_it_was_not_done(
    stack: Stack, admin: Caller, begin: Callable[..., Any]
) -> None:
    life = await begin(payment_method="pm_card_visa", trial_days=0)

    async with Visitor.entered(stack, admin, life.external_id) as ada:
        one, other = [await previewed(ada, plan=f"{plan}/month") for plan in ("professional", "enterprise")]
        assert (await confirmed(ada, one)).status_code == 303
        late = await confirmed(ada, other)
        assert "This was not done" in said(late)

    assert (await life.stands())["plan"] == "professional"
    assert await life.bills() == {"paid": 2}


async def test_a_downgrade_that_does_not_fit_says_what_to_free_and_cannot_be_confirmed(
    stack: Stack, admin: Caller, begin: Callable[..., Any]
) -> None:
    life = await begin(plan="professional", payment_method="pm_card_visa", trial_days=0)
    await life.product.consume(life.external_id, "storage_gb", 50, key="upload")

    async with Visitor.entered(stack, admin, life.external_id) as ada:
        shown = await previewed(ada, plan="starter/month")
        assert "Storage in GB: you use 50, and Starter has 10. Please free 40 first." in said(shown)
        assert "Change your plan" not in said(shown)
        forced = await confirmed(ada, shown)
        assert "does not fit" in said(forced)

    assert (await life.stands())["pending_change"] is None


async def test_interval_seats_and_add_ons_are_changed_with_the_plan_or_without(
    stack: Stack, admin: Caller, begin: Callable[..., Any]
) -> None:
    life = await begin(payment_method="pm_card_visa", trial_days=0)

    async with Visitor.entered(stack, admin, life.external_id) as ada:
        assert (await confirmed(ada, await previewed(ada, **{"add_on.users": "2"}))).status_code == 303
        assert (await life.stands())["add_ons"] == {"users": 2}
        assert (await confirmed(ada, await previewed(ada, plan="starter/year"))).status_code == 303

    stands = await life.stands()
    assert (stands["interval"], stands["add_ons"]) == ("year", {"users": 2})


@pytest.mark.parametrize(
    ("wrong", "field"),
    [
        ({"plan": "nothing/month"}, "plan"),
        ({"plan": "starter/week"}, "plan"),
        ({"plan": ""}, "plan"),
        ({"quantity": "many"}, "quantity"),
        ({"quantity": "-1"}, "quantity"),
        ({"add_on.users": "1.5"}, "add_on.users"),
    ],
    ids=str,
)
async def test_a_wrong_choice_is_refused_where_it_was_made(
    stack: Stack, admin: Caller, name: str, wrong: dict[str, str], field: str
) -> None:
    await admin.signed_up(name, payment_method="pm_card_visa", trial_days=0)

    async with Visitor.entered(stack, admin, name) as ada:
        answer = await ada.submit(PAGE, **wrong)

    assert title(answer) == "Change your plan"
    assert answer.status_code == 422 or "This was not done" in said(answer), field


async def test_a_declined_change_changes_nothing_and_says_so(
    stack: Stack, admin: Caller, begin: Callable[..., Any]
) -> None:
    life = await begin(payment_method="pm_card_visa", trial_days=0)
    await life.product.card_answers(life.external_id, "insufficient_funds", "ok")

    async with Visitor.entered(stack, admin, life.external_id) as ada:
        declined = await confirmed(ada, await previewed(ada, plan="professional/month"))
        assert "Your bank declined the payment. Nothing was changed." in said(declined)
        assert (await life.stands())["plan"] == "starter"
        assert (await confirmed(ada, await previewed(ada, plan="professional/month"))).status_code == 303

    assert (await life.stands())["plan"] == "professional"


async def test_a_change_that_the_bank_wants_confirmed_leads_there_and_shows_until_when(
    stack: Stack, admin: Caller, begin: Callable[..., Any]
) -> None:
    life = await begin(payment_method="pm_card_visa", trial_days=0)
    await life.product.card_answers(life.external_id, "authentication_required")

    async with Visitor.entered(stack, admin, life.external_id) as ada:
        leaving = await confirmed(ada, await previewed(ada, plan="professional/month"))
        assert "You are taken to the payment page" in said(leaving)
        url = (await life.stands())["pending_confirmation"]["confirmation_url"]
        assert url in leaving.text
        assert "Please confirm it by" in said(await ada.get("/billing"))
        await life.confirm_at(url)
        await life.live(timedelta(minutes=1))
        assert "Please confirm it by" not in said(await ada.get("/billing"))

    assert (await life.stands())["plan"] == "professional"


async def test_of_a_waiting_and_a_planned_change_the_page_names_the_one_that_it_withdraws(
    stack: Stack, admin: Caller, begin: Callable[..., Any]
) -> None:
    life = await begin(plan="professional", payment_method="pm_card_visa", trial_days=0)
    await life.command("change-plan", plan="starter")
    await life.product.card_answers(life.external_id, "authentication_required")
    await life.to_be_confirmed("change-plan", plan="enterprise")

    async with Visitor.entered(stack, admin, life.external_id) as ada:
        page = await ada.get("/billing/withdraw-change")
        assert "A change to Enterprise waits for your bank's confirmation." in said(page)
        assert "The change to Starter on" in said(page)
        await ada.press("/billing/withdraw-change")
        stands = await life.stands()
        assert (stands["pending_confirmation"], stands["pending_change"]["plan"]) == (None, "starter")
        assert "A change to Starter is planned" in said(await ada.get("/billing/withdraw-change"))


async def test_the_price_that_was_shown_holds_when_the_hour_turns(
    stack: Stack, admin: Caller, begin: Callable[..., Any]
) -> None:
    life = await begin(payment_method="pm_card_visa", trial_days=0)
    await life.live(timedelta(days=10))
    at = hour_after(life.now + timedelta(minutes=2))
    await life.live(at - timedelta(minutes=2) - life.now)

    async with Visitor.entered(stack, admin, life.external_id) as ada:
        shown = await previewed(ada, plan="professional/month")
        due = int(forms_of(shown.text)[0][1]["expected_due"])
        await life.live(timedelta(minutes=4))
        assert (await confirmed(ada, shown)).status_code == 303

    bills = (await admin.get("/v1/invoices", customer=life.external_id)).json()["data"]
    assert due in [bill["amount_paid"] for bill in bills]
    assert datetime.fromisoformat((await life.stands())["current_period_end"]) > at
