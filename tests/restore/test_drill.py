"""A drill: one of the stores is put back to an older backup, reconciliation heals it, and lives go on."""

from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from sandbox.product import Product
from sandbox.stack import Stack
from tests.harness.folders import migrated_folder
from tests.harness.lives import CONVERTED, Life
from tests.harness.typed import Forker, Terminal
from tests.restore.drill import Drill, healed

PAID_START = {"trial_days": 0, "payment_method": "pm_card_visa"}
CARD = {"payment_method": "pm_card_visa"}


@pytest.fixture
def drill() -> Iterator[Drill]:
    with migrated_folder() as folder:
        yield Drill(folder)


async def put_back(drill: Drill, stack: Stack, product: Product, life: Life, forker: Forker) -> None:
    """Type the command that puts a customer back, twice."""
    terminal = Terminal(drill.folder, forker)
    terminal.settings = drill.settings(stack.addresses.database_url, stack.addresses.temporal_address)
    whose = ("--external-id", life.external_id, "--email", f"{life.external_id}@Example.COM", "--locale", "en_GB")
    said = await terminal.run("customers", "put-back", life.id, *whose)
    again = await terminal.run("customers", "put-back", life.id, *whose)
    assert (said.status, again.status) == (0, 1), said.err
    assert "is stored already" in again.err
    contact = await product.get(f"/v1/customers/{life.external_id}")
    assert (contact["email"], contact["locale"]) == (f"{life.external_id}@example.com", "en-GB")


async def know_usage_by_its_key(product: Product, earlier: dict[str, Any], since: dict[str, Any]) -> None:
    """What was used before the backup counts once; what was used since is not known any more, and told again."""
    again = await product.consume("changes", "storage_gb", 3, key="before the backup")
    assert (again["repeated"], again["used"]) == (True, earlier["used"])
    assert await product.consume("changes", "storage_gb", 5, key="since the backup") == since


def restarted(*lives: Life) -> None:
    """Their workflows were started again, and begin with the real time."""
    for life in lives:
        life.now = datetime.now(UTC)


async def test_an_older_database_is_brought_up_to_the_workflows_and_to_stripe(drill: Drill, forker: Forker) -> None:
    async with drill.stack() as (stack, product):
        converts, renews = [
            await drill.begun(product, "converts", **CARD),
            await drill.begun(product, "renews", **PAID_START),
        ]
        owes, ends = [await drill.begun(product, name, **PAID_START) for name in ("owes", "ends")]
        changes = await drill.begun(product, "changes", **PAID_START)
        over = await Life.begun(product, "comes-again", **PAID_START)
        await owes.live_until_declined("insufficient_funds")
        await over.command("cancel", at="now")
        earlier = await product.consume("changes", "storage_gb", 3, key="before the backup")
        dump = await drill.back_database_up(stack)

        await converts.live_until_converted()
        for _ in range(2):
            await renews.live_until("renew")
            await renews.live(timedelta(hours=2))
        await product.card_answers("owes", "ok")
        await owes.command("retry-payment")
        await ends.command("cancel", at="now")
        await changes.command("change-plan", plan="professional")
        await drill.begun(product, "comes-again", **PAID_START)
        newcomer = await Life.begun(product, "newcomer", **CARD)
        used = await product.consume("changes", "storage_gb", 5, key="since the backup")
        before = await drill.standing()

    in_use, not_asked, done = await drill.put_database_back(dump)
    assert "the database is in use by 1 connections" in in_use
    assert "say --replace" in not_asked
    assert "0 overage records may have been reported" in done

    async with drill.stack() as (stack, product):
        found = await healed(stack)
        kinds = {
            life.external_id: {kind for kind, id_, _ in found if id_ == life.id} for life in (*drill.lives, newcomer)
        }
        assert all("database_behind" in kinds[each.external_id] for each in (converts, renews, owes, changes))
        assert "end_unwritten" in kinds["ends"]
        assert found["row_missing", drill.lives[-1].id, "healed"] == 1
        # Nothing here can say who they are.
        assert kinds["newcomer"] == {"row_missing"}
        assert found["row_missing", newcomer.id, "listed"] == 1
        listed = await product.get("/v1/discrepancies")
        assert newcomer.id in {each["subscription"] for each in listed["data"]}
        assert await drill.standing() == before
        assert {kind for kind, _, _ in await healed(stack)} == {"row_missing"}
        await know_usage_by_its_key(product, earlier, used)

        await put_back(drill, stack, product, newcomer, forker)
        assert await healed(stack) == Counter({("row_missing", newcomer.id, "healed"): 1})
        newcomer.product = product
        await newcomer.live_until_converted()
        assert (await newcomer.mails(), await newcomer.bills()) == (CONVERTED, Counter(paid=1))

        await renews.live_until("renew")
        await renews.live(timedelta(hours=2))
        assert await renews.bills() == Counter(paid=4)
        assert await healed(stack) == Counter()


async def test_an_older_temporal_is_brought_up_to_the_database(drill: Drill) -> None:
    async with drill.stack() as (stack, product):
        converts, reminded = await drill.begun(product, "converts", **CARD), await drill.begun(product, "reminded")
        owes, ends = [await drill.begun(product, name, **PAID_START) for name in ("owes", "ends")]
        changes, seats = [await drill.begun(product, name, **PAID_START) for name in ("changes", "seats")]
        await owes.live_until_declined("insufficient_funds")
        copy = drill.back_temporal_up()

        await converts.live_until_converted()
        await reminded.live(timedelta(days=8))
        await product.card_answers("owes", "ok")
        await owes.command("retry-payment")
        await ends.command("cancel", at="now")
        await changes.command("change-plan", plan="professional")
        # Nothing that Temporal shows of it tells of this.
        await seats.command("change-plan", quantity=3)
        begun = await drill.begun(product, "begun", **PAID_START)
        before = await drill.standing()

    drill.put_temporal_back(copy)

    async with drill.stack() as (stack, product):
        # Its workflow does not know of the change, which must not be charged twice.
        assert await changes.refused("change-plan", plan="professional") == (409, "changed_meanwhile")
        found = await healed(stack)
        behind = (converts, reminded, owes, ends, changes, seats)
        assert found == Counter(
            {("workflow_missing", begun.id, "healed"): 1}
            | {("workflow_behind", each.id, "healed"): 1 for each in behind}
        )
        assert await drill.standing() == before
        assert await healed(stack) == Counter()

        restarted(*drill.lives)
        for life in (changes, begun):
            await life.live_until("renew")
            await life.live(timedelta(hours=2))
        await reminded.live_until("expire_trial")
        assert (await changes.bills(), await begun.bills()) == (Counter(paid=3), Counter(paid=2))
        assert (await reminded.mails())["trial_ending"] == 3
        assert await healed(stack) == Counter()
