"""Use of which nobody knows whether it was billed is decided by an operator."""

from sqlalchemy import text

from sandbox.stack import Stack
from storage.access.operators import OperatorRole
from storage.access.tenants import Tenants
from tests.web.billing.visitor import forms_of, said
from tests.web.console.visitor import ConsoleVisitor

WAITS = """
insert into usage_events (tenant, key, customer, meter, action, quantity, at, overage_of, overage, report_trouble)
values (:tenant, :key, 'nobody', 'runs', 'use', 5, now(), 'runs', 5, 'unknown')
"""
REPORTED = "select reported_at is not null from usage_events where tenant = :tenant and key = :key"


async def test_an_operator_says_whether_use_is_billed_once(stack: Stack, email: str) -> None:
    tenant = email.partition("-operator")[0]
    of = {"tenant": tenant, "key": "run-1"}
    await Tenants(stack.engine).add(tenant, tenant)
    async with stack.engine.begin() as connection:
        await connection.execute(text(WAITS), of)

    async with ConsoleVisitor.signed_in(stack, email, OperatorRole.OPERATOR, tenant) as ada:
        assert "run-1" in said(await ada.get("/console"))
        shown = await ada.get("/console/overage")
        action, fields = next(form for form in forms_of(shown.text) if form[0].endswith("/overage"))
        given = fields | {"use": "run-1", "reason": "it is on their invoice"}
        undecided = await ada.post(action, given)
        assert (undecided.status_code, "Choose what has become of it" in said(undecided)) == (422, True)
        assert (await ada.post(action, given | {"decision": "billed"})).status_code == 303
        again = await ada.post(action, given | {"decision": "again"})
        assert (again.status_code, "does not wait any more" in said(again)) == (409, True)

    async with stack.engine.begin() as connection:
        assert (await connection.execute(text(REPORTED), of)).scalar_one()
