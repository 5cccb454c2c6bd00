"""Calls to Stripe that are carried out and not answered, or turned away, all through a life: all is paid once."""

from collections import Counter
from collections.abc import Awaitable, Callable
from datetime import timedelta

import pytest

from tests.harness.lives import CONVERTED, Life

Begin = Callable[..., Awaitable[Life]]
pytestmark = pytest.mark.usefixtures("healed")

FAULTS = {
    "fails after": {"fault_after_rate": 0.4},
    "is cut after or fails before": {"lost_answer_rate": 0.3, "error_rate": 0.1},
    "is locked": {"lock_rate": 0.5},
}


@pytest.mark.parametrize("fault", FAULTS.values(), ids=FAULTS.keys())
async def test_a_whole_life_is_paid_once_under_a_fault(begin: Begin, fault: dict[str, float]) -> None:
    life = await begin(payment_method="pm_card_visa")
    await life.live(timedelta(days=13))
    await life.product.faults(stripe=fault)

    await life.live_until("convert")
    assert await life.bills() == Counter(paid=1)
    assert await life.mails() == CONVERTED
    await life.live_until_declined("insufficient_funds")
    await life.product.card_answers(life.external_id, "ok")
    # Held at Stripe meanwhile; the ladder's first retry is paid.
    await life.live(timedelta(days=2))
    assert await life.status() == ("active", "full")
    assert await life.bills() == Counter(paid=2)
    assert (await life.mails())["receipt"] == 2
    await life.product.faults()
    await life.command("cancel", at="now")

    assert await life.status() == ("canceled", "none")
    assert await life.bills() == Counter(paid=2)
