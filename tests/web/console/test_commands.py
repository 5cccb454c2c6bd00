"""Operators refund, change plans and contacts, read mails, and see what waits for them."""

from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Any
from urllib.parse import urljoin

from sqlalchemy import text

from api.web.pages import Pages
from api.web.readers import Reader
from sandbox.stack import Stack
from storage.access.operators import OperatorRole
from tests.harness.callers import Caller
from tests.harness.lives import Life
from tests.harness.patience import until
from tests.web.billing.visitor import forms_of, said
from tests.web.console.test_subscriptions import entries, page_of, pressed
from tests.web.console.visitor import ConsoleVisitor
from tests.web.markup import Markup
from tests.web.site import ADDRESS, BRAND

Begin = Callable[..., Awaitable[Life]]
PAID = {"payment_method": "pm_card_visa", "trial_days": 0}


async def refunded(admin: Caller, life: Life) -> list[int]:
    bills = (await admin.get("/v1/invoices", customer=life.external_id)).json()["data"]
    return [bill["amount_refunded"] for bill in bills]


async def test_an_operator_refunds_part_of_an_invoice_and_the_rest_and_no_more(
    admin: Caller, stack: Stack, begin: Begin, email: str
) -> None:
    life = await begin(**PAID)

    async with ConsoleVisitor.signed_in(stack, email, OperatorRole.OPERATOR) as ada:
        form = said(await ada.get(page_of(life, "refund")))
        assert "Operators refund up to $100.00" in form
        assert "As 12.50; empty: all that is left" in form
        for amount in ("much", "0", "1.234", "1.000", "1,000", "9e999999"):
            wrong = await pressed(ada, page_of(life, "refund"), amount=amount, reason="a day of downtime")
            assert (wrong.status_code, "Enter an amount" in said(wrong)) == (422, True), amount
        over = await pressed(ada, page_of(life, "refund"), amount="49.01", reason="a day of downtime")
        assert (over.status_code, "over_refund" in said(over)) == (409, True)
        part = await pressed(ada, page_of(life, "refund"), amount="10.00", reason="a day of downtime")
        assert part.status_code == 303, said(part)
        assert "$39.00 left of $49.00" in said(await ada.get(page_of(life, "refund")))
        rest = next(
            form for form in forms_of((await ada.get(page_of(life, "refund"))).text) if form[0].endswith("/refund")
        )
        for _ in range(2):
            assert (await ada.post(rest[0], rest[1] | {"reason": "all of it"})).status_code == 303
        assert "There is no invoice that is paid and not refunded" in said(await ada.get(page_of(life, "refund")))

    await until(lambda: _is(refunded(admin, life), [4900]))
    assert (await life.mails())["refunded"] == 2
    assert ("refundInvoice", "done", "a day of downtime") in [
        (action, "done", reason) for action, _, reason in await entries(stack, life)
    ]


async def _is(found: Awaitable[object], expected: object) -> bool:
    return await found == expected


async def test_a_plan_is_changed_at_the_price_that_was_shown(stack: Stack, begin: Begin, email: str) -> None:
    life = await begin(**PAID)

    async with ConsoleVisitor.signed_in(stack, email) as ada:
        shown = await pressed(ada, page_of(life, "change-plan"), plan="professional/month")
        assert "Due now$150.00" in said(shown)
        assert (await life.stands())["plan"] == "starter", "nothing changes before it is confirmed"
        action, fields = next(form for form in forms_of(shown.text) if form[0].endswith("/change-plan"))
        assert (await ada.post(urljoin(str(shown.url), action), fields)).status_code == 303
        wrong = await pressed(ada, page_of(life, "change-plan"), quantity="none")
        assert (wrong.status_code, "Choose a plan of the list" in said(wrong)) == (422, True)

    assert (await life.stands())["plan"] == "professional"


async def test_a_plan_is_not_changed_at_a_higher_price_than_was_shown(stack: Stack, begin: Begin, email: str) -> None:
    life = await begin(plan="professional", **PAID)

    async with ConsoleVisitor.signed_in(stack, email) as ada:
        shown = await pressed(ada, page_of(life, "change-plan"), plan="starter/month", when="period_end")
        action, fields = next(form for form in forms_of(shown.text) if form[0].endswith("/change-plan"))
        assert fields["next_amount"] == "4900"
        for seen in ("4800", ""):  # as before a catalog with a higher price, and of a page of an earlier release
            late = await ada.post(urljoin(str(shown.url), action), fields | {"next_amount": seen})
            assert (late.status_code, "costs $49.00 by now" in said(late)) == (409, True)
        assert (await life.stands())["pending_change"] is None

        assert (await ada.post(urljoin(str(shown.url), action), fields)).status_code == 303
        more = await pressed(ada, page_of(life, "change-plan"), plan="professional/month", quantity="2")
        assert (more.status_code, "a change to Starter is planned: withdraw it first" in said(more)) == (409, True)

    assert (await life.stands())["pending_change"]["plan"] == "starter"


def test_the_preview_of_a_change_shows_what_comes_with_the_next_bill_and_what_is_credited() -> None:
    small, credit = previewed(due_now=0, carried_to_next=20), previewed(due_now=-500)

    assert "Due now$0.00" in small
    assert "Added to the next bill$0.20" in small
    assert "Credited$5.00" in credit
    assert "Due now" not in credit


def previewed(**quoted: int) -> str:
    """What the page says of a preview."""
    change = {"plan_name": "Starter", "quantity": 1, "interval": "month", "at": None}
    preview = {"change": change, "currency": "usd", "next_amount": 4900, "next_at": None, "replaces": None}
    preview |= {"misfits": [], "lines": [], "credit_applied": 0, "carried_to_next": 0}
    session = {"name": "Ada", "role": "operator"}
    form: dict[str, Any] = {
        "action": "",
        "back": "",
        "key": "",
        "label": "Change",
        "kept": {},
        "hidden": {},
        "errors": {},
    }
    page = Pages(BRAND, ADDRESS).page(
        "console/change_plan_preview.html",
        Reader.of("en-US"),
        preview=preview | quoted,
        visit={"session": session, "tenant": "default"},
        sections=[],
        here="",
        at=str,
        problem="",
        **form,
    )
    return " ".join(" ".join(Markup(bytes(page.body).decode()).said("main")).split())


async def test_a_note_is_kept_for_other_operators(stack: Stack, begin: Begin, email: str) -> None:
    life = await begin()

    async with ConsoleVisitor.signed_in(stack, email, OperatorRole.OPERATOR) as ada:
        empty = await pressed(ada, page_of(life, "note"))
        assert empty.status_code == 422
        assert (await pressed(ada, page_of(life, "note"), reason="called about an invoice")).status_code == 303
        notes = await ada.get(f"/console/audit?target={life.id}&action=addNote")

    assert "called about an invoice" in said(notes)
    assert f"operator {email}" in said(notes)


async def test_a_note_that_is_sent_twice_is_kept_once(stack: Stack, begin: Begin, email: str) -> None:
    life = await begin()

    async with ConsoleVisitor.signed_in(stack, email, OperatorRole.OPERATOR) as ada:
        action, fields = next(
            form for form in forms_of((await ada.get(page_of(life, "note"))).text) if form[0].endswith("/note")
        )
        for _ in range(2):
            assert (await ada.post(action, fields | {"reason": "called about an invoice"})).status_code == 303

    assert [action for action, _, _ in await entries(stack, life)].count("addNote") == 1


async def test_the_form_says_when_a_cancellation_cannot_wait_for_the_end_of_the_period(
    admin: Caller, stack: Stack, begin: Begin, email: str
) -> None:
    life = await begin()

    async with ConsoleVisitor.signed_in(stack, email, OperatorRole.OPERATOR) as ada:
        assert "it can be used until" in said(await ada.get(page_of(life, "cancel")))
        await admin.command(life.id, "suspend", reason="fraud")
        assert "It ends at once, whatever is chosen below" in said(await ada.get(page_of(life, "cancel")))
        assert (await pressed(ada, page_of(life, "cancel"), at="period_end")).status_code == 303

    assert await life.status() == ("canceled", "none")


async def test_what_is_no_counter_is_not_reset_and_the_form_says_why(stack: Stack, begin: Begin, email: str) -> None:
    life = await begin()

    async with ConsoleVisitor.signed_in(stack, email, OperatorRole.OPERATOR) as ada:
        assert "This plan counts nothing over a period" in said(await ada.get(page_of(life, "reset-usage")))
        refused = await pressed(ada, page_of(life, "reset-usage"), feature="users", reason="counted twice")

    assert refused.status_code == 422
    assert ("resetUsage", "refused") in [(action, outcome) for action, outcome, _ in await entries(stack, life)]


async def test_a_contact_is_changed_with_a_reason(admin: Caller, stack: Stack, begin: Begin, email: str) -> None:
    life = await begin()
    page = f"/console/customers/{life.external_id}"

    async with ConsoleVisitor.signed_in(stack, email) as ada:
        shown = await ada.get(f"{page}?contact=true")
        action, fields = next(form for form in forms_of(shown.text) if form[0] == page)
        without = await ada.post(action, fields | {"name": "Augusta King"})
        assert (without.status_code, "Say why" in said(without)) == (422, True)
        wrong = await ada.post(action, fields | {"reason": "asked by phone", "timezone": "Moon"})
        assert wrong.status_code == 422
        given = fields | {"reason": "asked by phone", "name": "Augusta King", "timezone": "Asia/Tokyo"}
        for _ in range(2):
            assert (await ada.post(action, given)).status_code == 303
        assert "Augusta King" in said(await ada.get(page))
        assert life.external_id in said(await ada.get(f"/console/customers?q={life.external_id}"))
        assert (await ada.get("/console/customers/nobody%00")).status_code == 404

    customer = (await admin.get(f"/v1/customers/{life.external_id}")).json()
    assert (customer["name"], customer["timezone"]) == ("Augusta King", "Asia/Tokyo")


async def test_a_mail_is_shown_as_it_was_written_without_the_links_that_act_for_the_customer(
    stack: Stack, begin: Begin, email: str
) -> None:
    life = await begin()
    assert (await life.mails())["trial_started"] == 1

    async with ConsoleVisitor.signed_in(stack, email) as ada:
        page = await ada.get(page_of(life))
        link = next(word.split('"')[1] for word in page.text.split() if "/mails/" in word)
        mail = await ada.get(link)
        assert (await ada.get(f"{page_of(life)}/mails/guessed")).status_code == 404

    assert "Message-ID" in said(mail)
    assert "<pre>" in mail.text
    assert "/billing/mail/" not in mail.text


async def test_the_inbox_shows_trials_that_end_today_and_steps_that_are_blocked(
    stack: Stack, begin: Begin, email: str
) -> None:
    life = await begin(trial_days=1)
    async with stack.engine.begin() as connection:
        await connection.execute(
            text("update subscriptions set trial_ends_at = now() where id = cast(:id as uuid)"), {"id": life.id}
        )

    async with ConsoleVisitor.signed_in(stack, email) as ada:
        inbox = await ada.get("/console")

    assert f"/console/subscriptions/{life.id}" in inbox.text
    assert "Trials ending today" in said(inbox)
    await life.live(timedelta(days=2))
