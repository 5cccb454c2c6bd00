"""Whatever an address or a form carries, a page of the console answers, and never by failing."""

from collections.abc import Awaitable, Callable

import pytest

from domain.names import sweep_schedule_id
from sandbox.stack import Stack
from storage.access.operators import OperatorRole
from tests.harness.lives import Life
from tests.web.billing.visitor import forms_of
from tests.web.console.visitor import ConsoleVisitor
from tests.web.odd_requests import broken_forms, broken_pages

Begin = Callable[..., Awaitable[Life]]
FORMS = {
    "days": "3",
    "reason": "to see",
    "plan": "professional/month",
    "amount": "1",
    "name": "mine",
    "role": "operator",
}


@pytest.mark.parametrize("role", [OperatorRole.ADMIN, OperatorRole.READ_ONLY])
async def test_no_page_fails_for_an_odd_address(stack: Stack, begin: Begin, email: str, role: OperatorRole) -> None:
    life = await begin()
    ids = {"subscription_id": life.id, "external_id": life.external_id}

    async with ConsoleVisitor.signed_in(stack, email, role) as ada:
        assert await broken_pages(ada, "/console", ids) == {}


async def test_no_form_about_a_subscription_fails_for_an_odd_field(stack: Stack, begin: Begin, email: str) -> None:
    life = await begin()
    here = f"/console/subscriptions/{life.id}"
    names = ("change-plan", "extend", "refund", "pause", "cancel")

    async with ConsoleVisitor.signed_in(stack, email) as ada:
        shown = await ada.get(f"{here}/change-plan")
        action, fields = next(form for form in forms_of(shown.text) if form[0].endswith("/change-plan"))
        preview = await ada.post(action, fields | {"plan": "professional/month"})
        assert "preview_at" in preview.text
        pages = [await ada.get(f"{here}/{name}") for name in names]
        assert await broken_forms(ada, preview, *pages, **FORMS) == {}


async def test_no_other_form_fails_for_an_odd_field(stack: Stack, begin: Begin, email: str) -> None:
    life = await begin()
    lists = ("operators", "endpoints", "overage", "subscriptions", "bulk/preview?plan=none&kind=suspend")
    acts = (
        f"schedules/{sweep_schedule_id()}/trigger",
        "reconciliation/run",
        f"customers/{life.external_id}?contact=true",
    )

    async with ConsoleVisitor.signed_in(stack, email) as ada:
        pages = [await ada.get(f"/console/{path}") for path in (*lists, *acts)]
        assert await broken_forms(ada, *pages, **FORMS) == {}
