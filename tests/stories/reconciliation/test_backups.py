"""A database from an older backup: nothing that was lived since is undone, and what is healed stays healed."""

from collections import Counter
from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import text, update

from sandbox.stack import Stack
from storage.schema.tables import subscriptions
from tests.harness.lives import Life
from tests.stories.reconciliation.conftest import Reconciler
from tests.stories.reconciliation.parts import terminate, terminate_in_mid_charge

Begin = Callable[..., Awaitable[Life]]
PAID_START = {"trial_days": 0, "payment_method": "pm_card_visa"}
_ROW = text(
    "select sequence, status, status_reason, access, state, period_start, period_end, cancel_at, next_actions"
    " from subscriptions where id = :id"
)

pytestmark = pytest.mark.usefixtures("healed")


async def backed_up(stack: Stack, life: Life) -> dict[str, Any]:
    async with stack.engine.connect() as connection:
        return dict((await connection.execute(_ROW, {"id": life.id})).one()._mapping)


async def put_back(stack: Stack, life: Life, row: dict[str, Any]) -> None:
    async with stack.engine.begin() as connection:
        await connection.execute(update(subscriptions).where(subscriptions.c.id == UUID(life.id)).values(**row))


async def test_a_row_from_before_a_renewal_is_written_again_at_once(
    begin: Begin, reconcile: Reconciler, stack: Stack
) -> None:
    life = await begin(**PAID_START)
    older = await backed_up(stack, life)
    await life.live_until("renew")
    await life.live(timedelta(hours=2))
    renewed = await life.stands()
    await put_back(stack, life, older)

    found = await reconcile()

    assert found == Counter({("payment_unheard", life.id, "healed"): 1, ("database_behind", life.id, "healed"): 1})
    assert (await life.stands())["current_period_end"] == renewed["current_period_end"]
    assert (await life.kinds())["renewed"] == 1
    assert await reconcile() == Counter()


@pytest.mark.parametrize("is_further", [False, True], ids=["in-the-same-run", "runs-later"])
async def test_a_cancellation_that_only_the_lost_workflow_knew_is_not_undone(
    begin: Begin, reconcile: Reconciler, stack: Stack, is_further: bool
) -> None:
    life = await begin(payment_method="pm_card_visa")
    older = await backed_up(stack, life)
    for days in range(9 if is_further else 0):
        await life.command("extend-trial", days=1, reason=f"asked {days} times")
    await life.command("cancel", reason="too expensive")
    ends_at = (await life.stands())["cancel_at"]
    await put_back(stack, life, older)
    await terminate(stack, life)

    found = await reconcile()

    assert found == Counter({("workflow_missing", life.id, "healed"): 1})
    assert ends_at == (await life.stands())["cancel_at"] is not None
    await life.live(timedelta(days=30))
    assert await life.status() == ("canceled", "none")
    assert await life.bills() == Counter()
    assert await reconcile() == Counter()


async def test_what_nobody_can_tell_any_more_is_left_to_an_operator_until_a_newer_backup_is_there(
    begin: Begin, reconcile: Reconciler, stack: Stack
) -> None:
    life = await begin(payment_method="pm_card_visa")
    older = await backed_up(stack, life)
    await life.command("extend-trial", days=1, reason="asked for more time")
    newer = await backed_up(stack, life)
    # It was just taking money: how it stood then says nothing of what came of that.
    await terminate_in_mid_charge(stack, life, is_done=True)
    await put_back(stack, life, older)

    both = {("workflow_missing", life.id), ("agreement_unheard", life.id)}
    assert await reconcile() == Counter({(*each, "listed"): 1 for each in both})

    await put_back(stack, life, newer)
    assert await reconcile() == Counter({(*each, "healed"): 1 for each in both})
    assert await life.status() == ("active", "full")
    assert await life.bills() == Counter(paid=1)
    assert await reconcile() == Counter()
