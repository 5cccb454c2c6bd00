"""Refunds that were asked for here, of which nothing was heard from the provider."""

from collections import Counter
from collections.abc import Awaitable, Callable

import pytest

from domain.provider.refunds import RefundOrder
from domain.subscription.command_keys import hashed
from sandbox.stack import Stack
from tests.harness.lives import A_MINUTE, Life
from tests.stories.reconciliation.conftest import Reconciler

Begin = Callable[..., Awaitable[Life]]
PAID_START = {"trial_days": 0, "payment_method": "pm_card_visa"}

pytestmark = pytest.mark.usefixtures("healed")


async def the_invoice(life: Life) -> str:
    [invoice] = (await life.product.get("/v1/invoices", customer=life.external_id))["data"]
    return str(invoice["id"])


async def causes_of_refunds(life: Life) -> list[tuple[str, str]]:
    told = [entry for entry in await life.past() if entry["kind"] == "refunded"]
    return [(entry["details"]["amount"], entry["cause"]["kind"]) for entry in told]


async def test_a_refund_whose_report_was_lost_is_no_difference_and_is_told_once(
    begin: Begin, reconcile: Reconciler
) -> None:
    life = await begin(**PAID_START)
    await life.product.faults(webhooks={"drop": True})
    await life.command("refund", invoice=await the_invoice(life), amount=1000, reason="a day of downtime")
    await life.product.faults()
    before = await life.mails()

    assert await reconcile() == Counter()

    await life.live(A_MINUTE)
    assert await causes_of_refunds(life) == [("1000", "command")]
    assert await life.mails() == before
    assert before["refunded"] == 1


async def test_a_refund_after_the_end_whose_process_has_stopped_is_recorded_with_its_command(
    begin: Begin, reconcile: Reconciler, stack: Stack
) -> None:
    life = await begin(**PAID_START)
    invoice = await the_invoice(life)
    await life.command("cancel", at="now")
    await life.product.faults(webhooks={"drop": True})
    order = RefundOrder(life.id, invoice, 1000, hashed(f"late/{life.id}"), "operator 7c0b")
    [made] = await stack.provider.refunds.refund(order)
    assert made.amount == 1000
    assert await causes_of_refunds(life) == []
    await life.product.faults()

    assert await reconcile() == Counter()

    assert await causes_of_refunds(life) == [("1000", "command")]
    assert (await life.mails())["refunded"] == 1
