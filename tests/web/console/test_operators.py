"""Admins decide on a page who may use the console."""

from sandbox.stack import Stack
from storage.access.audit import AuditFilter, AuditLog
from storage.access.operators import OperatorRole, Operators
from storage.db.cursors import PageRequest
from tests.web.billing.visitor import forms_of, said
from tests.web.console.visitor import ConsoleVisitor


async def roles_of(stack: Stack, *emails: str) -> list[str]:
    known = {one.email: one for one in await Operators(stack.engine).list("default")}
    found = [known.get(email) for email in emails]
    return [("none" if one is None else "disabled" if one.disabled_at else one.role.value) for one in found]


async def test_an_admin_adds_an_operator_and_disables_them_again(stack: Stack, email: str) -> None:
    new = f"new-{email}"
    async with ConsoleVisitor.signed_in(stack, email) as ada:
        shown = await ada.get("/console/operators")
        action, fields = next(form for form in forms_of(shown.text) if form[0].endswith("/operators"))
        assert (await ada.post(action, fields | {"email": "nobody", "role": "boss"})).status_code == 422
        assert (await ada.post(action, fields | {"email": new, "role": "operator"})).status_code == 303
        assert await roles_of(stack, new) == ["operator"]

        shown = await ada.get("/console/operators")
        action, fields = next(form for form in forms_of(shown.text) if form[1].get("email") == new)
        assert (await ada.post(action, fields)).status_code == 303
        assert await roles_of(stack, new) == ["disabled"]


async def test_whoever_is_no_admin_neither_sees_nor_changes_operators_and_the_try_is_noted(
    stack: Stack, email: str
) -> None:
    async with ConsoleVisitor.signed_in(stack, email, OperatorRole.OPERATOR) as grace:
        shown = await grace.get("/console")
        assert "Operators" not in said(shown)
        assert (await grace.get("/console/operators")).status_code == 403
        csrf = forms_of(shown.text)[0][1]["csrf"]
        new = {"csrf": csrf, "key": "k" * 32, "email": f"new-{email}", "role": "admin"}
        assert (await grace.post("/console/operators", new)).status_code == 403

    grace_id = (await Operators(stack.engine).active(email, tenant="default")).id
    found = await AuditLog(stack.engine).find("default", AuditFilter(actor=grace_id), PageRequest(10))
    assert [(entry.action, entry.outcome) for entry in found.rows][:2] == [
        ("addOperator", "refused"),
        ("listOperators", "refused"),
    ]
    assert await roles_of(stack, f"new-{email}") == ["none"]


async def test_the_audit_names_who_acted_by_their_address(stack: Stack, email: str) -> None:
    async with ConsoleVisitor.signed_in(stack, email) as ada:
        operator = await Operators(stack.engine).active(email, tenant="default")
        page = await ada.get(f"/console/audit?actor={operator.id}")

    assert f"operator {email} signIn" in said(page)
