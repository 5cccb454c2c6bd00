"""Operators find a subscription, see how it stands and why, and act on it."""

from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta
from urllib.parse import urljoin

import httpx

from sandbox.stack import Stack
from storage.access.audit import AuditFilter, AuditLog
from storage.access.operators import OperatorRole
from storage.db.cursors import PageRequest
from tests.harness.callers import Caller
from tests.harness.lives import Life
from tests.web.billing.visitor import forms_of, said
from tests.web.console.visitor import ConsoleVisitor

Begin = Callable[..., Awaitable[Life]]
LIST = "/console/subscriptions"


def page_of(life: Life, name: str = "") -> str:
    return f"{LIST}/{life.id}" + (f"/{name}" if name else "")


async def pressed(visitor: ConsoleVisitor, address: str, **chosen: str) -> httpx.Response:
    """Open the page of a command and send its form."""
    shown = await visitor.get(address)
    assert shown.status_code == 200, shown.text
    action, fields = next(form for form in forms_of(shown.text) if form[0].endswith(address.rpartition("/")[2]))
    return await visitor.post(urljoin(str(shown.url), action), fields | chosen)


async def entries(stack: Stack, life: Life) -> list[tuple[str, str, str | None]]:
    """What the audit has of a subscription, oldest first."""
    found = await AuditLog(stack.engine).find("default", AuditFilter(target=life.id), PageRequest(50))
    return [(one.action, one.outcome.value, one.reason) for one in reversed(found.rows)]


async def test_a_subscription_is_found_by_part_of_an_address_by_status_and_by_what_ends(
    stack: Stack, begin: Begin, email: str
) -> None:
    life = await begin()

    async with ConsoleVisitor.signed_in(stack, email) as ada:
        part = life.external_id[4:]
        found = await ada.get(f"{LIST}?q={part}&status=trialing&plan=starter&interval=month")
        assert f"{life.external_id}@example.com" in said(found)
        for other in ("status=active", "interval=year", "plan=professional", "trial_ends_before=2020-01-01"):
            assert "There is no such subscription" in said(await ada.get(f"{LIST}?q={part}&{other}")), other
        ends = life.now + timedelta(days=14)
        assert life.external_id in said(await ada.get(f"{LIST}?q={part}&trial_ends_before={ends:%Y-%m-%d}"))
        wrong = await ada.get(f"{LIST}?status=lost&trial_ends_before=soon")
        assert (wrong.status_code, "Enter a date" in said(wrong)) == (422, True)
        assert (await ada.get(f"{LIST}?cursor=guessed")).status_code == 303


async def test_what_nobody_could_have_meant_is_no_fault_of_the_page(stack: Stack, email: str) -> None:
    async with ConsoleVisitor.signed_in(stack, email) as ada:
        wrong = await ada.get(f"{LIST}?renews_before=9999-12-31")
        assert (wrong.status_code, "Enter a date" in said(wrong)) == (422, True)
        for address in ("/console/webhooks?type=%00", "/console/customers?q=%00", "/console/audit?target=%00"):
            assert (await ada.get(address)).status_code == 200, address
        assert (await ada.get(f"/console/reconciliation/{'9' * 5000}/heal")).status_code == 404


async def test_an_operator_keeps_a_view_for_themselves(stack: Stack, email: str) -> None:
    async with (
        ConsoleVisitor.signed_in(stack, email) as ada,
        ConsoleVisitor.signed_in(stack, f"other-{email}") as grace,
    ):
        shown = await ada.get(f"{LIST}?status=past_due&plan=starter")
        action, fields = next(form for form in forms_of(shown.text) if form[0].endswith("/views"))
        assert (await ada.post(action, fields | {"name": "Late starters"})).status_code == 303
        assert 'href="/console/subscriptions?status=past_due&amp;plan=starter"' in (await ada.get(LIST)).text
        assert "Late starters" not in said(await grace.get(LIST))

        action, fields = next(form for form in forms_of((await ada.get(LIST)).text) if form[0].endswith("/delete"))
        csrf = forms_of((await grace.get(LIST)).text)[0][1]["csrf"]
        await grace.post(action, fields | {"csrf": csrf})
        assert "Late starters" in said(await ada.get(LIST)), "nobody deletes another's"
        await ada.post(action, fields)
        assert "Late starters" not in said(await ada.get(LIST))


async def test_a_trial_is_extended_once_however_often_the_form_is_sent_and_the_audit_says_why(
    stack: Stack, begin: Begin, email: str
) -> None:
    life = await begin()
    ends = (await life.stands())["trial_ends_at"]

    async with ConsoleVisitor.signed_in(stack, email, OperatorRole.OPERATOR) as ada:
        without = await pressed(ada, page_of(life, "extend"), days="3")
        assert (without.status_code, "Say why" in said(without)) == (422, True)
        shown = await ada.get(page_of(life, "extend"))
        action, fields = next(form for form in forms_of(shown.text) if form[0].endswith("/extend"))
        given = fields | {"days": "3", "reason": "their trial fell into the holidays"}
        for _ in range(2):
            assert (await ada.post(action, given)).status_code == 303
        page = said(await ada.get(page_of(life)))

    after = await life.stands()
    assert datetime.fromisoformat(after["trial_ends_at"]) - datetime.fromisoformat(ends) == timedelta(days=3)
    assert "Trial extended" in page
    assert f"operator {email}" in page
    assert "their trial fell into the holidays" in page
    assert {(action, reason) for action, _, reason in await entries(stack, life)} >= {
        ("extendTrial", "their trial fell into the holidays")
    }


async def test_suspending_and_reactivating_say_what_happens_and_do_it(stack: Stack, begin: Begin, email: str) -> None:
    life = await begin(payment_method="pm_card_visa", trial_days=0)

    async with ConsoleVisitor.signed_in(stack, email) as ada:
        assert "Access ends at once" in said(await ada.get(page_of(life, "suspend")))
        assert (await pressed(ada, page_of(life, "suspend"), reason="chargeback")).status_code == 303
        assert await life.status() == ("suspended", "none")
        again = await pressed(ada, page_of(life, "suspend"), reason="chargeback")
        assert (again.status_code, "already suspended" in said(again)) == (409, True)
        assert (await pressed(ada, page_of(life, "reactivate"), reason="cleared")).status_code == 303

    assert await life.status() == ("active", "full")


async def test_whoever_only_reads_sees_all_and_changes_nothing_and_the_try_is_noted(
    stack: Stack, begin: Begin, email: str
) -> None:
    life = await begin()

    async with ConsoleVisitor.signed_in(stack, email, OperatorRole.READ_ONLY) as ada:
        page = await ada.get(page_of(life))
        assert (page.status_code, "What you can do" in said(page)) == (200, False)
        refused = await pressed(ada, page_of(life, "suspend"), reason="because")

    assert refused.status_code == 403
    assert await life.status() == ("trialing", "full")
    assert ("suspendSubscription", "refused", None) in await entries(stack, life)


async def test_another_tenants_subscription_is_not_found(stack: Stack, begin: Begin, email: str) -> None:
    life = await begin()

    async with ConsoleVisitor.signed_in(stack, email, tenant=f"of-{email.partition('-operator')[0][:30]}") as ada:
        for name in ("", "extend", "as-seen"):
            assert (await ada.get(page_of(life, name))).status_code == 404, name
        assert life.external_id not in said(await ada.get(f"{LIST}?q={life.external_id}"))
        assert (await ada.get(f"{LIST}/guessed")).status_code == 404


async def test_the_customers_page_is_shown_as_they_see_it_and_nothing_on_it_can_be_pressed(
    admin: Caller, stack: Stack, begin: Begin, email: str
) -> None:
    life = await begin(payment_method="pm_card_visa", trial_days=0)

    async with ConsoleVisitor.signed_in(stack, email) as ada:
        seen = await ada.get(page_of(life, "as-seen"))

    assert "as they see it" in said(seen)
    assert "Starter" in said(seen)
    assert '<a class="button' not in seen.text
    assert seen.text.count('type="submit"') == seen.text.count('type="submit" disabled')
    assert ("seeAsCustomer", "done", None) in await entries(stack, life)


async def test_the_page_links_to_the_workflow_and_to_the_provider(begin: Begin, stack: Stack, email: str) -> None:
    life = await begin()

    async with ConsoleVisitor.signed_in(stack, email) as ada:
        page = (await ada.get(page_of(life))).text

    assert "at Stripe" not in page, "the sandbox's provider has no pages"
    assert f'href="/console/audit?target={life.id}"' in page
