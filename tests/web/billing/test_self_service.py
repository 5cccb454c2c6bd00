"""The billing pages offer and accept what the policy says that customers may do there."""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any

import pytest

from api.app import create_app
from domain.subscription.policy import SelfCancel, SelfService
from sandbox.serving import serve
from sandbox.stack import Stack
from tests.harness.callers import Caller
from tests.web.billing.visitor import Visitor, forms_of, said

NOT_OFFERED = "This is not offered here, and nothing was changed."


@pytest.fixture
async def life(begin: Callable[..., Any]) -> Any:
    return await begin(payment_method="pm_card_visa", trial_days=0)


@asynccontextmanager
async def at_pages(stack: Stack, admin: Caller, life: Any, **rules: Any) -> AsyncIterator[Visitor]:
    """The customer, at an API whose policy has these rules."""
    policy = replace(stack.api_parts.policy, self_service=SelfService(**rules))
    async with (
        Visitor.entered(stack, admin, life.external_id) as ada,
        serve(create_app(replace(stack.api_parts, policy=policy))) as address,
    ):
        ada.http.base_url = address
        yield ada


async def test_without_changes_none_is_offered_and_a_forged_one_is_refused(
    stack: Stack, admin: Caller, life: Any
) -> None:
    async with at_pages(stack, admin, life, change=False) as ada:
        assert 'href="/billing/change"' not in (await ada.get("/billing")).text
        shown = await ada.get("/billing/change")
        assert NOT_OFFERED in said(shown)
        assert forms_of(shown.text) == []
        _, fields = forms_of((await ada.get("/billing/cancel")).text)[0]
        forged = await ada.post("/billing/change", fields | {"plan": "professional/month"})

    assert NOT_OFFERED in said(forged)
    assert (await life.stands())["plan"] == "starter"


async def test_only_the_plans_that_are_named_can_be_chosen(stack: Stack, admin: Caller, life: Any) -> None:
    async with at_pages(stack, admin, life, switch_to=("professional",)) as ada:
        offered = said(await ada.get("/billing/change"))
        assert "Starter ·" in offered
        assert "Professional ·" in offered
        assert "Enterprise ·" not in offered
        refused = await ada.submit("/billing/change", plan="enterprise/month")
        assert NOT_OFFERED in said(refused)
        _, fields = forms_of(refused.text)[0]
        more = {"plan": "enterprise/month", "step": "confirm", "expected_due": "99999", "next_amount": "99999"}
        assert NOT_OFFERED in said(await ada.post("/billing/change", fields | more))
        assert "$150.00" in said(await ada.submit("/billing/change", plan="professional/month"))

    assert (await life.stands())["plan"] == "starter"


async def test_without_pauses_none_is_offered_and_a_forged_one_is_refused(
    stack: Stack, admin: Caller, life: Any
) -> None:
    async with at_pages(stack, admin, life, pause=False) as ada:
        for page in ("/billing", "/billing/cancel"):
            assert 'href="/billing/pause"' not in (await ada.get(page)).text
        _, fields = forms_of((await ada.get("/billing/cancel")).text)[0]
        forged = await ada.post("/billing/pause", fields | {"until": "30"})

    assert NOT_OFFERED in said(forged)
    assert (await life.stands())["status"] == "active"


async def test_a_pause_lasts_no_longer_than_is_allowed(stack: Stack, admin: Caller, life: Any) -> None:
    async with at_pages(stack, admin, life, pause_longest_days=45) as ada:
        assert (await ada.get("/billing/pause")).text.count('name="until"') == 2
        assert (await ada.submit("/billing/pause", until="60")).status_code == 422
        assert (await life.stands())["status"] == "active"
        assert (await ada.submit("/billing/pause", until="45")).status_code == 303

    assert (await life.stands())["status"] == "paused"


async def test_who_may_cancel_for_the_end_alone_cannot_end_at_once(stack: Stack, admin: Caller, life: Any) -> None:
    async with at_pages(stack, admin, life, cancel=SelfCancel.PERIOD_END) as ada:
        assert 'name="at"' not in (await ada.get("/billing/cancel")).text
        assert NOT_OFFERED in said(await ada.submit("/billing/cancel", at="now"))
        assert (await life.stands())["cancel_at"] is None
        assert (await ada.submit("/billing/cancel")).status_code == 303

    assert (await life.stands())["status"] == "active"
    assert (await life.stands())["cancel_at"] is not None
