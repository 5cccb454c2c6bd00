"""The provider renews although it was told not to, as when somebody lifts a hold there by hand."""

from collections import Counter
from collections.abc import Awaitable, Callable
from datetime import timedelta

import pytest

from tests.chaos.invariants import Inspector
from tests.harness.lives import Life

Begin = Callable[..., Awaitable[Life]]
THE_RENEWAL_DECIDED = timedelta(hours=4)
PLANNED = {"plan": "professional", "when": "period_end"}

pytestmark = pytest.mark.usefixtures("healed")


async def planned_and_unheeded(begin: Begin, inspector: Inspector) -> Life:
    life = await begin(trial_days=0, payment_method="pm_card_visa")
    await life.command("change-plan", **PLANNED)
    assert await life.bills() == Counter(paid=1)
    await inspector.lift_hold(life)
    return life


async def test_a_scheduled_change_begins_anyway_and_only_the_difference_is_billed(
    begin: Begin, inspector: Inspector
) -> None:
    life = await planned_and_unheeded(begin, inspector)

    await life.live_until("change_plan")
    await life.live(THE_RENEWAL_DECIDED)

    stands = await life.stands()
    assert (stands["plan"], stands["pending_change"], stands["status"]) == ("professional", None, "active")
    assert (await life.kinds())["plan_changed"] == 1


async def test_the_renewal_stands_if_the_bank_declines_the_difference(begin: Begin, inspector: Inspector) -> None:
    life = await planned_and_unheeded(begin, inspector)
    await life.product.card_answers(life.external_id, "ok", "insufficient_funds")

    await life.live_until("change_plan")
    await life.live(THE_RENEWAL_DECIDED)

    stands = await life.stands()
    assert (stands["plan"], stands["pending_change"]) == ("starter", None)
    assert (stands["status"], stands["access"]) == ("active", "full")
    assert await life.bills() == Counter(paid=2)
    assert (await life.kinds())["change_withdrawn"] == 1
