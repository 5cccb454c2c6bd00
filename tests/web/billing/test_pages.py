"""The billing page shows what is so, and what customers do there is done."""

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import pytest

from sandbox.product import Product
from sandbox.stack import Stack
from tests.harness.calendar_days import noon_zone
from tests.harness.callers import Caller
from tests.web.billing.visitor import Visitor, forms_of, said, title
from tests.web.markup import Markup


async def test_the_page_of_a_trial_says_when_it_ends_what_it_costs_and_that_there_is_no_card(
    stack: Stack, admin: Caller, name: str
) -> None:
    await admin.signed_up(name)

    async with Visitor.entered(stack, admin, name) as ada:
        shown = await ada.get("/billing")

    assert title(shown) == "Your subscription"
    assert "14 days left in your Starter trial" in said(shown) or "13 days left in your Starter trial" in said(shown)
    assert "Nothing will be charged unless you add one." in said(shown)
    for what in ("$49.00 a month", "in its trial", "Card on file", "none", "0 of 3", "There are no invoices yet."):
        assert what in said(shown), what
    assert len(shown.content) < 40_000


async def test_a_trial_becomes_pressing_as_it_goes_by(stack: Stack, admin: Caller, begin: Callable[..., Any]) -> None:
    life = await begin(customer={"timezone": noon_zone()})
    tones = []

    async with Visitor.entered(stack, admin, life.external_id) as ada:
        for days in (6, 6, 1):
            banner = next(
                one for one in Markup((await ada.get("/billing")).text).all("section") if "banner" in one["class"]
            )
            tones.append(banner["aria-label"])
            await life.live(timedelta(days=days, hours=18 if days == 1 else 0))
        banner = next(
            one for one in Markup((await ada.get("/billing")).text).all("section") if "banner" in one["class"]
        )
        tones.append(banner["aria-label"])

    assert tones[0] == "Information"
    assert tones[-1] == "Urgent"
    assert "Important" in tones


async def test_a_page_asks_the_database_six_times_at_most(
    stack: Stack, admin: Caller, begin: Callable[..., Any], statements: list[str]
) -> None:
    life = await begin(payment_method="pm_card_visa", trial_days=0)
    await life.live(timedelta(days=70))

    async with Visitor.entered(stack, admin, life.external_id) as ada:
        counts = []
        for _ in range(5):
            statements.clear()
            shown = await ada.get("/billing")
            counts.append(len(statements))

    assert "4242" in said(shown)
    assert 0 < min(counts) <= 6, "what runs in the background may ask in between, not every time"


async def test_a_cancellation_says_what_it_does_and_can_be_undone(
    stack: Stack, admin: Caller, begin: Callable[..., Any]
) -> None:
    life = await begin(payment_method="pm_card_visa", trial_days=0)

    async with Visitor.entered(stack, admin, life.external_id) as ada:
        offered = await ada.get("/billing/cancel")
        assert "Until then, all stays as it is, and you can undo it." in said(offered)
        assert 'href="/billing/pause"' in offered.text, "a pause is offered beside it"
        after = await ada.press("/billing/cancel", reason_code="too_expensive", comment="  dear me\n")
        assert title(after).startswith("Your subscription ends on")
        stands = await life.stands()
        assert stands["cancel_at"] == stands["current_period_end"]
        assert (stands["reason_code"], stands["end_kind"]) == ("too_expensive", "customer")
        assert "ends on" in said(await ada.get("/billing"))

        assert title(await ada.press("/billing/undo-cancel")) == "Your subscription goes on"
    assert (await life.stands())["cancel_at"] is None
    assert {"cancellation_scheduled"} <= set(await life.mails())
    by_page = [entry for entry in await life.past() if entry["cause"]["actor"] == "customer via billing page"]
    assert [entry["kind"] for entry in by_page] == ["cancel_scheduled", "cancel_withdrawn"]
    assert by_page[0]["details"]["reason"] == "dear me"
    noted = (await admin.get("/v1/audit", target=life.id, action="cancelSubscription")).json()["data"]
    assert [(one["actor"]["kind"], one["outcome"], one["reason"]) for one in noted] == [("customer", "done", "dear me")]


async def test_a_cancellation_at_once_says_what_is_lost(stack: Stack, admin: Caller, begin: Callable[..., Any]) -> None:
    life = await begin(payment_method="pm_card_visa", trial_days=0)

    async with Visitor.entered(stack, admin, life.external_id) as ada:
        assert "days that are paid for. This cannot be undone." in said(await ada.get("/billing/cancel"))
        after = await ada.press("/billing/cancel", at="now")
        assert title(after) == "Your subscription has ended"
        overview = await ada.get("/billing")

    assert await life.status() == ("canceled", "none")
    assert "Nothing will be charged any more" in said(overview)
    assert "$49.00" in said(overview), "invoices stay"


@pytest.mark.parametrize("wrong", [{"reason_code": "refund"}, {"comment": "x" * 1001}, {"comment": "\x00"}], ids=str)
async def test_a_wrong_entry_is_named_and_nothing_happens(
    stack: Stack, admin: Caller, name: str, wrong: dict[str, str]
) -> None:
    made = await admin.signed_up(name)

    async with Visitor.entered(stack, admin, name) as ada:
        answer = await ada.submit("/billing/cancel", **wrong)

    assert answer.status_code == 422
    assert "Please correct 1 entry" in said(answer)
    assert (await admin.subscription(made["id"]))["cancel_at"] is None


async def test_a_pause_ends_on_the_day_that_was_chosen_or_when_the_customer_resumes(
    stack: Stack, admin: Caller, begin: Callable[..., Any]
) -> None:
    life = await begin(payment_method="pm_card_visa", trial_days=0)
    before = datetime.fromisoformat((await life.stands())["current_period_end"])

    async with Visitor.entered(stack, admin, life.external_id) as ada:
        assert (await ada.submit("/billing/pause", until="36500")).status_code == 422
        assert title(await ada.press("/billing/pause", until="60")) == "Your subscription is paused"
        stands = await life.stands()
        assert stands["status"] == "paused"
        ends = datetime.fromisoformat(stands["resumes_at"])
        assert timedelta(days=59) < ends - life.now < timedelta(days=61)
        await life.live(timedelta(days=10))
        assert title(await ada.press("/billing/resume")) == "Your subscription goes on"

    stands = await life.stands()
    assert stands["status"] == "active"
    assert datetime.fromisoformat(stands["current_period_end"]) >= before + timedelta(days=9)


async def test_a_paused_subscription_can_be_canceled_and_keeps_its_paid_days(
    stack: Stack, admin: Caller, begin: Callable[..., Any]
) -> None:
    life = await begin(payment_method="pm_card_visa", trial_days=0)
    await life.command("pause")

    async with Visitor.entered(stack, admin, life.external_id) as ada:
        offered = await ada.get("/billing/cancel")
        assert "The pause ends at once: your access is back" in said(offered)
        assert "all stays as it is" not in said(offered)
        assert 'href="/billing/pause"' not in offered.text
        await ada.press("/billing/cancel")

    assert (await life.status()) == ("active", "full")
    await life.mails()
    mail = await life.last_mail()
    assert "The pause is over: your access is back" in mail["text"]
    assert "all stays as it is" not in mail["text"]


async def test_a_cancellation_says_that_a_planned_change_does_not_take_place(
    stack: Stack, admin: Caller, begin: Callable[..., Any]
) -> None:
    life = await begin(plan="professional", payment_method="pm_card_visa", trial_days=0)
    await life.command("change-plan", plan="starter")

    async with Visitor.entered(stack, admin, life.external_id) as ada:
        offered = await ada.get("/billing/cancel")

    assert "The planned change to Starter does not take place." in said(offered)
    assert "all stays as it is" not in said(offered)


async def test_a_stale_form_does_not_end_at_once_what_it_said_would_end_later(
    stack: Stack, admin: Caller, begin: Callable[..., Any]
) -> None:
    life = await begin(payment_method="pm_card_visa", trial_days=0)

    async with Visitor.entered(stack, admin, life.external_id) as ada:
        stale = forms_of((await ada.get("/billing/cancel")).text)[0][1]
        await life.live_until_declined("insufficient_funds")
        again = await ada.post("/billing/cancel", stale | {"comment": "too dear"})
        assert "This is what it does now; nothing was canceled." in said(again)
        assert "then ends at once. This cannot be undone." in said(again)
        assert "too dear" in said(again)
        assert (await life.stands())["status"] == "past_due"
        assert (await ada.post("/billing/cancel", forms_of(again.text)[0][1])).status_code == 303

    assert (await life.stands())["status"] == "canceled"


async def test_a_stale_form_loses_no_more_paid_days_than_it_said(
    stack: Stack, admin: Caller, begin: Callable[..., Any]
) -> None:
    life = await begin(payment_method="pm_card_visa", trial_days=0)

    async with Visitor.entered(stack, admin, life.external_id) as ada:
        shown = forms_of((await ada.get("/billing/cancel")).text)[0][1]
        # Of three days before a renewal that has been paid since.
        again = await ada.post("/billing/cancel", shown | {"at": "now", "shown_loss_now": "3"})

    assert "This is what it does now; nothing was canceled." in said(again)
    assert (await life.stands())["status"] == "active"


@pytest.mark.parametrize("at", ["period_end", "now"])
async def test_a_cancellation_that_is_sent_twice_is_carried_out_once(
    stack: Stack, admin: Caller, begin: Callable[..., Any], at: str
) -> None:
    life = await begin(payment_method="pm_card_visa", trial_days=0)

    async with Visitor.entered(stack, admin, life.external_id) as ada:
        form = forms_of((await ada.get("/billing/cancel")).text)[0][1] | {"at": at}
        answers = [await ada.post("/billing/cancel", form) for _ in range(2)]

    assert answers[0].status_code == 303
    assert "nothing was canceled" not in said(answers[1])
    kinds = await life.kinds()
    assert kinds["cancel_scheduled"] + kinds["canceled"] == 1


@pytest.mark.parametrize("wrong", [{"shown_loss": "²"}, {"shown_loss": "9" * 5000}, {"shown_end": "tomorrow"}], ids=len)
async def test_what_a_page_has_not_written_cancels_nothing(
    stack: Stack, admin: Caller, begin: Callable[..., Any], wrong: dict[str, str]
) -> None:
    life = await begin(payment_method="pm_card_visa", trial_days=0)

    async with Visitor.entered(stack, admin, life.external_id) as ada:
        answer = await ada.submit("/billing/cancel", **wrong)

    assert "nothing was canceled" in said(answer)
    assert (await life.stands())["cancel_at"] is None


async def test_resuming_quotes_the_price_of_the_change_that_is_planned(
    stack: Stack, admin: Caller, begin: Callable[..., Any]
) -> None:
    life = await begin(plan="professional", payment_method="pm_card_visa", trial_days=0)
    await life.command("change-plan", plan="starter")
    await life.command("pause")

    async with Visitor.entered(stack, admin, life.external_id) as ada:
        shown = await ada.get("/billing/resume")
        assert "after them it changes to Starter for $49.00 a month." in said(shown)
        await ada.press("/billing/resume")

    await life.mails()
    text = (await life.last_mail())["text"]
    assert "$49.00 a month" in text
    assert "$199.00" not in text


async def test_while_a_payment_is_disputed_no_bill_and_no_resumption_is_promised(
    stack: Stack, admin: Caller, begin: Callable[..., Any]
) -> None:
    life = await begin(payment_method="pm_card_visa", trial_days=0)
    await life.product.dispute(life.external_id)
    await life.mails()

    async with Visitor.entered(stack, admin, life.external_id) as ada:
        overview = await ada.get("/billing")
        change = await ada.get("/billing/change")

    assert "A payment is disputed with your bank. Nothing is billed until your bank has decided." in said(overview)
    assert "Next bill" not in said(overview)
    assert title(change) == "A payment is disputed"
    assert "This waits until the bank has decided." in said(change)
    assert "renews by itself" not in said(change)
    banner = (await admin.get(f"/v1/customers/{life.external_id}/banner")).json()["banner"]
    assert (banner["kind"], banner["tone"]) == ("disputed", "warning")
    assert (banner["flow"], banner["action"], banner["url"]) == (None, None, None)


async def test_a_paused_subscription_stays_paused_while_a_payment_is_disputed(
    stack: Stack, admin: Caller, begin: Callable[..., Any]
) -> None:
    life = await begin(payment_method="pm_card_visa", trial_days=0)
    await life.command("pause")
    await life.product.dispute(life.external_id)
    await life.mails()

    async with Visitor.entered(stack, admin, life.external_id) as ada:
        shown = await ada.get("/billing")
        resume = await ada.get("/billing/resume")

    assert "Until then, your subscription stays paused." in said(shown)
    assert 'href="/billing/resume"' not in shown.text
    assert "This waits until the bank has decided." in said(resume)
    assert forms_of(resume.text) == []


async def test_what_is_not_possible_is_said_calmly_and_not_offered(stack: Stack, admin: Caller, name: str) -> None:
    made = await admin.signed_up(name)
    assert (await admin.command(made["id"], "suspend", reason="secret suspicion")).status_code == 200

    async with Visitor.entered(stack, admin, name) as ada:
        overview = await ada.get("/billing")
        assert "suspended by our team" in said(overview)
        for page in ("undo-cancel", "resume", "pay", "card", "pause", "withdraw-change"):
            shown = await ada.get(f"/billing/{page}")
            assert (shown.status_code, title(shown)) == (200, "Your subscription is suspended")
            assert forms_of(shown.text) == []
            assert f'href="/billing/{page}"' not in overview.text
            assert "secret suspicion" not in shown.text + overview.text
        assert (await ada.get("/billing/nothing")).status_code == 404


async def test_a_card_is_given_at_the_provider_and_the_page_waits_for_it(
    stack: Stack, admin: Caller, begin: Callable[..., Any]
) -> None:
    life = await begin()

    async with Visitor.entered(stack, admin, life.external_id) as ada:
        leaving = await ada.submit("/billing/card")
        [refresh] = [one for one in Markup(leaving.text).all("meta") if one.get("http-equiv") == "refresh"]
        page = refresh["content"].partition("url=")[2]
        assert page.startswith(stack.addresses.stripe_url)
        sequence = forms_of((await ada.get("/billing/card")).text)[0][1]["sequence"]
        waiting = await ada.get(f"/billing?after={sequence}")
        assert "Your card is being confirmed" in said(waiting)
        assert waiting.headers["Refresh"] == f"3; url=/billing?after={sequence}&looks=1"
        late = await ada.get(f"/billing?after={sequence}&looks=5")
        assert "Refresh" not in late.headers
        assert "This takes longer than usual." in said(late)
        await life.pay_at(page, "pm_card_visa")
        await life.live(timedelta(minutes=1))
        shown = await ada.get(f"/billing?after={sequence}")

    assert "being confirmed" not in said(shown)
    assert "4242" in said(shown)


async def test_a_failed_payment_is_shown_with_its_amount_and_paid(
    stack: Stack, admin: Caller, begin: Callable[..., Any]
) -> None:
    life = await begin(payment_method="pm_card_visa", trial_days=0)
    await life.live_until_declined("insufficient_funds")

    async with Visitor.entered(stack, admin, life.external_id) as ada:
        shown = await ada.get("/billing")
        assert "We could not collect $49.00 for Starter." in said(shown)
        assert 'href="/billing/pay"' in shown.text
        leaving = await ada.submit("/billing/pay")
        [refresh] = [one for one in Markup(leaving.text).all("meta") if one.get("http-equiv") == "refresh"]
        await life.pay_at(refresh["content"].partition("url=")[2], "pm_card_mastercard")
        await life.live(timedelta(minutes=1))
        assert "We could not collect" not in said(await ada.get("/billing"))
    assert await life.status() == ("active", "full")


async def test_invoices_are_listed_page_by_page_also_after_the_end(
    stack: Stack, admin: Caller, begin: Callable[..., Any]
) -> None:
    life = await begin(payment_method="pm_card_visa", trial_days=0)
    await life.live(timedelta(days=31 * 22))
    await life.command("cancel", at="now")
    every = {bill["id"] for bill in (await admin.get("/v1/invoices", customer=life.external_id)).json()["data"]}

    async with Visitor.entered(stack, admin, life.external_id) as ada:
        pages = [await ada.get("/billing/invoices")]
        unknown = await ada.get("/billing/invoices?cursor=in_unknown")
        assert (unknown.status_code, unknown.headers["Location"]) == (303, "/billing/invoices")
        older = [one["href"] for one in Markup(pages[0].text).all("a") if "cursor=" in one.get("href", "")]
        assert len(older) == 1
        pages.append(await ada.get(older[0]))
        assert "cursor=" not in pages[1].text

    listed = [ref for page in pages for ref in every if f"/billing/invoices/{ref}/" in page.text]
    assert len(listed) == len(set(listed)) == len(every) > 20


async def test_a_first_payment_that_waits_for_the_bank_can_be_confirmed(
    stack: Stack, admin: Caller, product: Product, name: str
) -> None:
    asked = await admin.sign_up(name, payment_method="pm_card_authenticationRequired", trial_days=0)
    assert asked.status_code == 402, asked.text

    async with Visitor.entered(stack, admin, name) as ada:
        shown = await ada.get("/billing")
        assert "Please confirm it by" in said(shown)
        assert 'href="/billing/pay"' in shown.text
        leaving = await ada.submit("/billing/pay")
        assert asked.json()["confirmation_url"] in leaving.text
