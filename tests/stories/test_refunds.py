"""Refunds that operators and admins ask for."""

from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import pytest

from sandbox.stack import Stack
from storage.access.api_keys import Role
from tests.harness.callers import Caller, problem_of
from tests.harness.lives import Life

Begin = Callable[..., Awaitable[Life]]

PAID_START = {"trial_days": 0, "payment_method": "pm_card_visa", "plan": "professional"}
PAID = Counter(converted=1, receipt=1)


@pytest.fixture
async def operator(stack: Stack) -> AsyncIterator[Caller]:
    async with Caller.of_role(stack, Role.OPERATOR) as caller:
        yield caller


async def the_invoice(life: Life) -> dict[str, Any]:
    [invoice] = (await life.product.get("/v1/invoices", customer=life.external_id))["data"]
    found: dict[str, Any] = invoice
    return found


async def refunds_of(life: Life) -> list[tuple[str, str, str]]:
    told = [entry for entry in await life.past() if entry["kind"] == "refunded"]
    return [(one["details"]["amount"], one["cause"]["kind"], one["details"]["reason"]) for one in told]


async def test_an_operator_refunds_up_to_the_limit_and_an_admin_the_rest(begin: Begin, operator: Caller) -> None:
    life = await begin(**PAID_START)
    invoice = (await the_invoice(life))["id"]

    async def refund(amount: int | None, reason: str, *, key: str | None = None, of: str = invoice) -> Any:
        return await operator.command(life.id, "refund", key=key, invoice=of, amount=amount, reason=reason)

    problem_of(await refund(10_001, "too much for an operator"), 403, "refund_limit")
    problem_of(await refund(None, "all of it"), 403, "refund_limit")
    problem_of(await refund(1000, "another's", of="in_of_nobody"), 404, "unknown_invoice")
    for _ in range(2):
        answer = await refund(4000, "a day of downtime", key=f"{life.external_id}/downtime")
        assert (answer.status_code, answer.json()["status"]) == (200, "active"), answer.text
    assert await life.refused("refund", invoice=invoice, amount=15_901, reason="more than is left") == (
        409,
        "over_refund",
    )
    await life.command("refund", invoice=invoice, reason="the rest as well")

    assert await refunds_of(life) == [
        ("4000", "command", "a day of downtime"),
        ("19900", "command", "the rest as well"),
    ]
    assert await life.mails() == PAID + Counter(refunded=2)
    assert (await the_invoice(life))["amount_refunded"] == 19_900
    entries = (await operator.get("/v1/audit", target=life.id, action="refundInvoice")).json()["data"]
    assert [(one["reason"], one["outcome"], one["code"]) for one in reversed(entries)] == [
        ("too much for an operator", "refused", "refund_limit"),
        ("all of it", "refused", "refund_limit"),
        ("another's", "refused", "unknown_invoice"),
        ("a day of downtime", "done", None),
        ("more than is left", "refused", "over_refund"),
        ("the rest as well", "done", None),
    ]


async def test_what_an_ended_subscription_paid_is_refunded_once_too(begin: Begin, operator: Caller) -> None:
    life = await begin(**PAID_START)
    invoice = (await the_invoice(life))["id"]
    await life.command("cancel", at="now")
    before = await life.mails()

    problem_of(await operator.command(life.id, "refund", invoice=invoice, reason="all of it"), 403, "refund_limit")
    for _ in range(2):
        answer = await operator.command(
            life.id,
            "refund",
            key=f"{life.external_id}/late",
            invoice=invoice,
            amount=10_000,
            reason="a goodwill gesture",
        )
        assert (answer.status_code, answer.json()["status"]) == (200, "canceled"), answer.text
    problem_of(
        await operator.command(life.id, "refund", invoice=invoice, amount=9_901, reason="too much"), 409, "over_refund"
    )

    assert await refunds_of(life) == [("10000", "command", "a goodwill gesture")]
    assert await life.mails() == before + Counter(refunded=1)
    assert (await the_invoice(life))["amount_refunded"] == 10_000
