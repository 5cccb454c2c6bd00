"""Lives whose invoices are written off in Stripe's dashboard. Their histories are kept like those of `lives.py`.

Of `waived_earlier` there is only the history: of a release that took such a payment for known.
"""

from datetime import timedelta
from pathlib import Path

from sandbox.product import Product
from sandbox.stack import Stack
from tenure.cli.reconcile import run_now
from tests.harness.lives import A_MINUTE, Life
from tests.replay.plays import PAID_START, PlayUnder


async def paid_after_waiver(stack: Stack, _folder: Path) -> None:
    """A renewal is written off and paid all the same, reported once and another time not."""
    async with Product(stack.addresses) as product:
        life = await Life.begun(product, "kept-paid-after-waiver", **PAID_START)
        for is_reported in (True, False):
            await life.live_until_declined("insufficient_funds")
            written_off = stack.simulator.write_off_invoice(life.external_id)
            await life.live(A_MINUTE)
            await product.card_answers(life.external_id, "ok")
            await product.faults(webhooks={} if is_reported else {"drop": True})
            await life.pay_at(str(written_off["hosted_invoice_url"]), "pm_card_visa")
            await life.live(A_MINUTE)
            await run_now(stack.client, fix=True)
            await product.faults()
        await life.live(timedelta(days=32))


WRITTEN_OFF: tuple[PlayUnder, ...] = (paid_after_waiver,)
