"""Operators sign in by a link that is mailed to them, and out again."""

import pytest
from sqlalchemy import text

from domain.audit import ActorKind
from sandbox.product import Product
from sandbox.stack import Stack
from storage.access.api_keys import ApiKeys, Role
from storage.access.audit import AuditFilter, AuditLog
from storage.access.console_sessions import new_sign_in_link
from storage.access.operators import OperatorRole, Operators
from storage.access.tenants import Tenants
from storage.db.cursors import PageRequest
from tests.harness.callers import Caller
from tests.harness.patience import until
from tests.web.billing.visitor import Visitor, forms_of, said, title
from tests.web.console.visitor import COOKIE, ConsoleVisitor

ADMIN = OperatorRole.ADMIN
AGED = """
update web_sessions set seen_at = seen_at - make_interval(hours => :passed),
    expires_at = expires_at - make_interval(hours => :passed)
where subject = (select id from operators where email = :email)
"""


async def link_mailed(product: Product, email: str) -> str:
    """The link in the one mail that has come."""
    name = email.partition("@")[0]
    await until(lambda: product.mails(name))
    [mail] = await product.mails(name)
    return next(str(word) for word in mail["text"].split() if "/console/enter/" in word)


async def test_the_link_in_the_mail_signs_in_once_and_is_not_used_up_by_being_fetched(
    stack: Stack, product: Product, email: str
) -> None:
    await Operators(stack.engine).add(email, ADMIN, tenant="default")

    async with ConsoleVisitor.of(stack) as ada, ConsoleVisitor.of(stack) as late:
        asked = await ada.submit("/console/sign-in", email=email.upper())
        assert "a mail with a link is on its way" in said(asked)
        link = await link_mailed(product, email)
        for method in ("GET", "HEAD", "GET"):
            assert (await late.get(link, method=method)).status_code == 200
        entered = await ada.submit(link)
        assert (entered.status_code, entered.headers["Location"]) == (303, "/console")
        assert entered.headers["Set-Cookie"].endswith("; Max-Age=43200; Path=/; HttpOnly; Secure; SameSite=Lax")
        assert title(await ada.get("/console")) == "Inbox"

        again = await late.post(link, {})
        assert (again.status_code, title(again)) == (410, "This link has been used")
        assert not late.cookie
        assert (await ada.post(link, {})).status_code == 303, "whoever presses twice is led on"


async def test_nobody_learns_who_is_an_operator(stack: Stack, product: Product, email: str) -> None:
    await Operators(stack.engine).add(email, ADMIN, tenant="default")
    stranger = f"no-{email}"

    async with ConsoleVisitor.of(stack) as somebody:
        known = await somebody.submit("/console/sign-in", email=email)
        unknown = await somebody.submit("/console/sign-in", email=stranger)

    assert (known.status_code, said(known)) == (unknown.status_code, said(unknown))
    await link_mailed(product, email)
    assert await product.mails(stranger.partition("@")[0]) == []


async def test_signing_in_leads_on_to_the_page_that_was_asked_for(stack: Stack, product: Product, email: str) -> None:
    await Operators(stack.engine).add(email, ADMIN, tenant="default")

    async with ConsoleVisitor.of(stack) as ada:
        refused = await ada.get("/console/audit?action=signIn")
        assert refused.status_code == 401
        action, fields = forms_of(refused.text)[0]
        await ada.post(action, fields | {"email": email})
        entered = await ada.submit(await link_mailed(product, email))

    assert entered.headers["Location"] == "/console/audit?action=signIn"


@pytest.mark.parametrize(
    "path", ["https://evil.example/console", "//evil.example", "/console//evil", "/billing", "/console/\\x"]
)
async def test_signing_in_leads_nowhere_but_to_the_console(stack: Stack, path: str) -> None:
    async with ConsoleVisitor.of(stack) as ada:
        shown = await ada.http.get("/console/sign-in", params={"next": path})

    assert forms_of(shown.text)[0][0] == "/console/sign-in"


async def test_a_session_ends_with_sign_out_with_a_new_role_and_with_being_disabled(stack: Stack, email: str) -> None:
    operators = Operators(stack.engine)
    others = f"other-{email}"
    await operators.add(others, ADMIN, tenant="default")

    async with ConsoleVisitor.signed_in(stack, email) as ada:
        assert (await ada.get("/console")).status_code == 200
        await operators.add(email, OperatorRole.OPERATOR, tenant="default")
        assert (await ada.get("/console")).status_code == 401
    async with ConsoleVisitor.signed_in(stack, email) as ada:
        await operators.disable(email, tenant="default")
        assert (await ada.get("/console")).status_code == 401
    async with ConsoleVisitor.signed_in(stack, email) as ada:
        shown = await ada.get("/console")
        action, fields = next(form for form in forms_of(shown.text) if form[0].endswith("/sign-out"))
        cookie = ada.cookie
        assert (await ada.post(action, fields)).status_code == 303
        ada.cookie = cookie
        assert (await ada.get("/console")).status_code == 401


async def test_a_session_ends_after_twelve_hours_and_not_by_an_hour_of_rest(stack: Stack, email: str) -> None:
    async with ConsoleVisitor.signed_in(stack, email) as ada:
        for passed, status in ((11, 200), (1, 401)):
            async with stack.engine.begin() as connection:
                await connection.execute(text(AGED), {"passed": passed, "email": email})
            assert (await ada.get("/console")).status_code == status


async def test_a_customers_session_opens_no_page_of_the_console_nor_the_other_way_round(
    admin: Caller, stack: Stack, email: str
) -> None:
    name = email.partition("@")[0]
    await admin.signed_up(name)

    async with Visitor.entered(stack, admin, name) as customer, ConsoleVisitor.signed_in(stack, email) as ada:
        headers = {"Cookie": f"{COOKIE}={customer.cookie}"}
        assert (await customer.http.get("/console", headers=headers)).status_code == 401
        headers = {"Cookie": f"__Host-tenure_billing={ada.cookie}"}
        assert (await ada.http.get("/billing", headers=headers)).status_code == 401


async def test_an_api_key_signs_in_until_its_tenant_has_an_operator(stack: Stack, email: str) -> None:
    tenant = email.partition("@")[0][:40]
    await Tenants(stack.engine).add(tenant, tenant)
    keys = ApiKeys(stack.engine)
    key, service = [await keys.create(role, "console", tenant=tenant) for role in (Role.OPERATOR, Role.SERVICE)]

    async with ConsoleVisitor.of(stack) as holder:
        assert (await holder.post("/console/sign-in", {"api_key": service})).status_code == 401
        entered = await holder.post("/console/sign-in", {"api_key": key})
        assert entered.status_code == 303, entered.text
        assert (await holder.get("/console")).status_code == 200

        await Operators(stack.engine).add(email, ADMIN, tenant=tenant)
        assert (await holder.get("/console")).status_code == 401
        again = await holder.post("/console/sign-in", {"api_key": key})
        assert again.status_code == 409
        assert "sign in with your mail address" in said(again).lower()


async def test_signing_in_and_out_is_in_the_audit(stack: Stack, email: str) -> None:
    async with ConsoleVisitor.signed_in(stack, email) as ada:
        shown = await ada.get("/console")
        action, fields = next(form for form in forms_of(shown.text) if form[0].endswith("/sign-out"))
        await ada.post(action, fields)

    operator = await Operators(stack.engine).active(email, tenant="default")
    found = await AuditLog(stack.engine).find("default", AuditFilter(actor=operator.id), PageRequest(10))
    assert [entry.action for entry in found.rows] == ["signOut", "signIn"]
    assert {entry.actor.kind for entry in found.rows} == {ActorKind.OPERATOR}


async def test_a_form_of_another_site_or_without_the_sessions_token_does_nothing(stack: Stack, email: str) -> None:
    async with ConsoleVisitor.signed_in(stack, email) as ada:
        shown = await ada.get("/console/operators")
        action, fields = next(form for form in forms_of(shown.text) if form[0].endswith("/operators"))
        new = fields | {"email": f"new-{email}", "role": "operator"}
        assert (await ada.post(action, new | {"csrf": "guessed"})).status_code == 403
        assert (await ada.post(action, new, **{"Sec-Fetch-Site": "cross-site"})).status_code == 403

    assert f"new-{email}" not in [one.email for one in await Operators(stack.engine).list("default")]


async def test_an_expired_sign_in_link_is_told(stack: Stack, email: str) -> None:
    operator, _ = await Operators(stack.engine).add(email, ADMIN, tenant="default")
    link = await new_sign_in_link(stack.engine, operator, stack.addresses.api_url)
    async with stack.engine.begin() as connection:
        ended = "update web_links set expires_at = now() where subject = :operator"
        await connection.execute(text(ended), {"operator": operator.id})

    async with ConsoleVisitor.of(stack) as ada:
        for answer in (await ada.get(link), await ada.post(link, {})):
            assert (answer.status_code, title(answer)) == (410, "This link has expired")
        assert (await ada.get("/console/enter/guessed")).status_code == 404
