"""Whatever an address or a form carries, a billing page answers, and never by failing."""

from collections.abc import Callable
from typing import Any

import pytest

from sandbox.stack import Stack
from tests.harness.callers import Caller
from tests.web.billing.visitor import Visitor, said
from tests.web.odd_requests import broken_forms, broken_pages

ROOTS = ("/billing", "/checkout", "/pay", "/pricing")


@pytest.mark.parametrize("root", ROOTS)
async def test_no_page_fails_for_an_odd_address(stack: Stack, admin: Caller, name: str, root: str) -> None:
    await admin.signed_up(name)

    async with Visitor.entered(stack, admin, name) as ada:
        assert await broken_pages(ada, root, {}) == {}


async def test_a_purchase_or_an_invoice_of_a_name_that_none_has_is_not_found(
    stack: Stack, admin: Caller, name: str
) -> None:
    await admin.signed_up(name)

    async with Visitor.entered(stack, admin, name) as ada:
        assert (await ada.get("/checkout/return?session_id=%00")).status_code == 404
        for address in ("/billing/invoices/%00", "/billing/invoices/%00/pdf", "/billing/invoices/in_1%00"):
            assert (await ada.get(address)).status_code == 404, address
        first = await ada.get("/billing/invoices?cursor=%00")
        assert (first.status_code, first.headers["Location"]) == (303, "/billing/invoices")


async def test_no_form_fails_for_an_odd_field(stack: Stack, admin: Caller, begin: Callable[..., Any]) -> None:
    life = await begin(payment_method="pm_card_visa", trial_days=0)

    async with Visitor.entered(stack, admin, life.external_id) as ada:
        preview = await ada.submit("/billing/change", plan="professional/month")
        assert "What the change costs" in said(preview)
        pages = [await ada.get(f"/billing{path}") for path in ("", "/change", "/pause", "/card", "/cancel")]
        assert await broken_forms(ada, preview, *pages, plan="professional/month", until="60") == {}
        after = [await ada.get(f"/billing{path}") for path in ("/resume", "/undo-cancel", "/withdraw-change")]
        assert await broken_forms(ada, *after) == {}


async def test_no_form_of_a_purchase_fails_for_an_odd_field(
    stack: Stack, admin: Caller, begin: Callable[..., Any]
) -> None:
    life = await begin(payment_method="pm_card_visa", trial_days=0)
    await life.command("cancel", at="now")

    async with Visitor.entered(stack, admin, life.external_id) as ada:
        assert await broken_forms(ada, await ada.get("/billing/plans"), plan="professional/month") == {}
