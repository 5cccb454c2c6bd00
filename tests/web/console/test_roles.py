"""What each role may do in the console: every route is in the table, and every refusal is in the audit."""

from collections.abc import Awaitable, Callable
from uuid import uuid4

import pytest
from fastapi.routing import APIRoute

from api.app import CONSOLE
from sandbox.stack import Stack
from storage.access.audit import AuditFilter, AuditLog
from storage.access.operators import OperatorRole, Operators
from storage.db.cursors import PageRequest
from tests.harness.lives import Life
from tests.web.billing.visitor import forms_of
from tests.web.console.visitor import ConsoleVisitor

Begin = Callable[..., Awaitable[Life]]
OPEN = {"/console/sign-in", "/console/enter/{token}"}
"""For whoever has no session yet."""
OWN = {"/console/sign-out", "/console/subscriptions/views", "/console/subscriptions/views/delete"}
"""What changes nothing but the visitor's own."""
OPERATORS = {
    "/console/subscriptions/{subscription_id}/change-plan",
    "/console/subscriptions/{subscription_id}/{name}",
    "/console/customers/{external_id:path}",
    "/console/overage",
    "/console/reconciliation/run",
    "/console/schedules/{schedule_id}/{verb}",
    "/console/endpoints/{endpoint_id}/recover",
    "/console/deliveries/{delivery_id}/resend",
}
OF_ANOTHER = {
    "/console/webhooks/{event_id}/replay",
    "/console/reconciliation/{discrepancy_id}/heal",
    "/console/mails/{mail_id}/retry",
}
"""For operators too; what does not exist is not found. See `test_engine`."""
ADMINS = {
    "/console/bulk",
    "/console/operators",
    "/console/operators/disable",
    "/console/endpoints",
    "/console/endpoints/{endpoint_id}",
    "/console/endpoints/{endpoint_id}/rotate",
}
OF_A_VERB = {"/console/endpoints/{endpoint_id}/{verb}"}
"""For admins too; what is no verb is not found. See `test_endpoints`."""
OF_A_RUN = {"/console/bulk/{run_id}/{name}"}
"""For admins too; what is no run is not found. See `test_bulk`."""


def paths(method: str) -> set[str]:
    routes = [route for router in CONSOLE for route in router.routes if isinstance(route, APIRoute)]
    return {route.path for route in routes if method in (route.methods or ())}


def test_every_form_of_the_console_has_a_least_role() -> None:
    assert paths("POST") == OPEN | OWN | OPERATORS | OF_ANOTHER | ADMINS | OF_A_RUN | OF_A_VERB


@pytest.mark.parametrize("method", ["GET", "POST"])
async def test_without_a_session_every_page_asks_to_sign_in(stack: Stack, method: str) -> None:
    async with ConsoleVisitor.of(stack) as stranger:
        for path in sorted(paths(method) - OPEN):
            address = path.replace(":path", "").format_map(_Anything())
            answer = await (stranger.get(address) if method == "GET" else stranger.post(address, {}))
            assert answer.status_code == 401, path


async def test_who_may_not_is_refused_and_the_try_is_in_the_audit(stack: Stack, begin: Begin, email: str) -> None:
    life = await begin()
    filled = _Anything(
        subscription_id=life.id, external_id=life.external_id, name="suspend", verb="pause", schedule_id="reconcile"
    )

    async with ConsoleVisitor.signed_in(stack, email, OperatorRole.READ_ONLY) as ada:
        answers = {path: await _sent(ada, path, filled) for path in sorted(OPERATORS | OF_ANOTHER | ADMINS)}
        assert answers == {path: 404 if path in OF_ANOTHER else 403 for path in answers}
        assert await _refusals(stack, email) == len(answers) - len(OF_ANOTHER)
    async with ConsoleVisitor.signed_in(stack, f"grace-{email}", OperatorRole.OPERATOR) as grace:
        for path in sorted(ADMINS):
            assert await _sent(grace, path, filled) == 403, path
        assert await _refusals(stack, f"grace-{email}") == len(ADMINS)
    assert await life.status() == ("trialing", "full")


async def _sent(visitor: ConsoleVisitor, path: str, filled: "_Anything") -> int:
    csrf = forms_of((await visitor.get("/console")).text)[0][1]["csrf"]
    address = path.replace(":path", "").format_map(filled)
    answer = await visitor.post(address, {"csrf": csrf, "key": uuid4().hex, "reason": "to see whether it works"})
    return answer.status_code


async def _refusals(stack: Stack, email: str) -> int:
    operator = await Operators(stack.engine).active(email, tenant="default")
    found = await AuditLog(stack.engine).find("default", AuditFilter(actor=operator.id), PageRequest(100))
    return len([entry for entry in found.rows if entry.outcome == "refused" and entry.code == "forbidden"])


class _Anything(dict[str, str]):
    """An id for every parameter of a path."""

    def __missing__(self, _name: str) -> str:
        return "00000000-0000-0000-0000-000000000000"
