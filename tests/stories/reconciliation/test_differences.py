"""What differs between provider, database and workflow is found, and healed once."""

import json
from collections import Counter
from collections.abc import Awaitable, Callable
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
import stripe
from sqlalchemy import text, update

from sandbox.stack import Stack
from storage.schema.tables import subscriptions
from tenure.cli.reconcile import run_now
from tests.harness.lives import A_MOMENT, Life
from tests.harness.typed import Forker, Terminal
from tests.stories.reconciliation.conftest import Reconciler
from tests.stories.reconciliation.parts import a_stranger, agreements, bill

Begin = Callable[..., Awaitable[Life]]
PAID_START = {"trial_days": 0, "payment_method": "pm_card_visa"}
A_DAY = timedelta(days=1)

pytestmark = pytest.mark.usefixtures("healed")


async def test_renewals_whose_webhooks_never_came_are_taken_over_once(begin: Begin, reconcile: Reconciler) -> None:
    life = await begin(**PAID_START)
    await life.product.faults(webhooks={"drop": True})
    await life.live_until("renew")
    await life.live(timedelta(hours=2))

    listed = await reconcile(fix=False)
    before = await life.stands()
    healed = await reconcile()

    assert listed == Counter({("payment_unheard", life.id, "listed"): 1})
    assert before["current_period_end"] < (await life.stands())["current_period_end"]
    assert healed == Counter({("payment_unheard", life.id, "healed"): 1})
    assert await reconcile() == Counter()
    assert await life.bills() == Counter(paid=2)
    assert await life.mails() == Counter(converted=1, receipt=2)
    renewed = [entry for entry in await life.past() if entry["kind"] == "renewed"]
    assert [entry["cause"]["kind"] for entry in renewed] == ["reconciliation"]


async def test_a_hold_that_was_lifted_behind_our_back_is_told_again(
    begin: Begin, reconcile: Reconciler, api: stripe.StripeClient
) -> None:
    life = await begin(**PAID_START)
    await life.live_until_declined("insufficient_funds")
    (agreement,) = await agreements(api, life)
    await api.v1.subscriptions.update_async(agreement["id"], {"pause_collection": ""})

    assert await reconcile() == Counter({("billing_not_held", life.id, "healed"): 1})

    (agreement,) = await agreements(api, life)
    assert agreement["pause_collection"]["behavior"] == "void"
    assert (await life.kinds())["told_again"] == 1
    assert await reconcile() == Counter()


async def test_a_hold_that_somebody_has_set_at_stripe_is_left_to_an_operator(
    begin: Begin, reconcile: Reconciler, stack: Stack, api: stripe.StripeClient
) -> None:
    life = await begin(**PAID_START)
    await life.live_until_declined("insufficient_funds")
    await life.product.card_answers(life.external_id, "ok")
    await life.command("retry-payment")
    await life.live(A_MOMENT)
    # The hold that we have lifted stands in the row until the next step.
    (agreement,) = await agreements(api, life)
    assert agreement["pause_collection"] is None
    await api.v1.subscriptions.update_async(agreement["id"], {"pause_collection": {"behavior": "void"}})

    for _ in range(2):
        assert await reconcile() == Counter({("billing_held", life.id, "listed"): 1})

    older = "update subscriptions set state = state || jsonb_build_object('access', 'none') where id = :id"
    async with stack.engine.begin() as connection:
        await connection.execute(text(older), {"id": life.id})
        shown = "update subscriptions set next_actions = '[]' where id = :id"
        await connection.execute(text(shown), {"id": life.id})
    assert (await reconcile())["database_behind", life.id, "healed"] == 1
    (agreement,) = await agreements(api, life)
    assert agreement["pause_collection"]["behavior"] == "void", "nor lifted while something else is healed"
    await api.v1.subscriptions.update_async(agreement["id"], {"pause_collection": ""})
    assert await reconcile() == Counter()


async def test_what_a_customer_has_of_another_product_on_the_account_is_not_ours(
    begin: Begin, reconcile: Reconciler, stack: Stack, api: stripe.StripeClient
) -> None:
    life = await begin(**PAID_START)
    (agreement,) = await agreements(api, life)
    shop = await api.v1.products.create_async({"name": "A shop"})
    made: Any = {"product": shop.id, "currency": "usd", "unit_amount": 900, "recurring": {"interval": "month"}}
    price = await api.v1.prices.create_async(made)
    wanted: Any = {"customer": agreement["customer"], "items": [{"price": price.id}]}
    other = await api.v1.subscriptions.create_async(wanted)

    assert (await run_now(stack.client, fix=False)).tally.not_ours >= 1
    assert await reconcile() == Counter()
    await api.v1.subscriptions.cancel_async(other.id)


async def test_a_cancellation_that_was_undone_there_is_told_again_and_one_made_there_is_left_to_an_operator(
    begin: Begin, reconcile: Reconciler, api: stripe.StripeClient
) -> None:
    life = await begin(**PAID_START)
    (agreement,) = await agreements(api, life)
    await api.v1.subscriptions.update_async(agreement["id"], {"cancel_at_period_end": True})
    assert await reconcile() == Counter({("ends_at_provider", life.id, "listed"): 1})

    await life.command("cancel")
    await api.v1.subscriptions.update_async(agreement["id"], {"cancel_at_period_end": False})

    assert await reconcile() == Counter({("cancellation_not_told", life.id, "healed"): 1})
    assert (await agreements(api, life))[0]["cancel_at_period_end"]
    await life.live_until("cancel")
    assert await reconcile() == Counter()


async def test_what_is_billed_after_the_end_is_ended_and_what_is_not_ours_is_left_alone(
    begin: Begin, reconcile: Reconciler, api: stripe.StripeClient
) -> None:
    life = await begin(**PAID_START)
    (agreement,) = await agreements(api, life)
    await life.command("cancel", at="now")
    of_ours = await bill(api, agreement, {"tenure_subscription": life.id})
    unmarked = await bill(api, agreement, {})
    stranger = await bill(api, {**agreement, "customer": await a_stranger(api)}, {})

    found = await reconcile()

    assert found == Counter({("billed_after_end", life.id, "healed"): 1, ("unknown_agreement", life.id, "listed"): 1})
    statuses = {each["id"]: each["status"] for each in await agreements(api, life)}
    assert (statuses[of_ours], statuses[unmarked]) == ("canceled", "active")
    assert (await api.v1.subscriptions.retrieve_async(stranger)).status == "active"
    await api.v1.subscriptions.cancel_async(unmarked)
    assert await reconcile() == Counter()


async def test_an_end_at_stripe_that_nobody_told_of_is_taken_over(
    begin: Begin, reconcile: Reconciler, api: stripe.StripeClient
) -> None:
    life = await begin(**PAID_START)
    await life.product.faults(webhooks={"drop": True})
    (agreement,) = await agreements(api, life)
    await api.v1.subscriptions.cancel_async(agreement["id"])

    assert await reconcile() == Counter({("ended_at_provider", life.id, "healed"): 1})

    assert await life.status() == ("canceled", "none")
    assert await reconcile() == Counter()


async def test_a_row_of_an_older_backup_is_written_again(begin: Begin, reconcile: Reconciler, stack: Stack) -> None:
    life = await begin(**PAID_START)
    await life.live(A_DAY)
    async with stack.engine.begin() as connection:
        older = text(
            "update subscriptions set sequence = sequence - 1, status = 'trialing',"
            " state = state || jsonb_build_object('sequence', sequence - 1, 'status', 'trialing') where id = :id"
        )
        await connection.execute(older, {"id": life.id})
        # A backup is of one moment: it does not know what the step after it has moved either.
        moved = text(
            "delete from mrr_movements using subscriptions"
            " where id = subscription and id = :id and mrr_movements.sequence > subscriptions.sequence"
        )
        await connection.exec_driver_sql("set local tenure.erasing = 'yes'")
        await connection.execute(moved, {"id": life.id})

    assert await reconcile() == Counter({("database_behind", life.id, "healed"): 1})

    assert await life.status() == ("active", "full")
    assert (await life.kinds())["written_again"] == 1
    assert await reconcile() == Counter()


async def test_an_end_that_an_older_backup_does_not_know_is_written_down_and_nobody_is_told_twice(
    begin: Begin, reconcile: Reconciler, stack: Stack
) -> None:
    life = await begin(**PAID_START)
    async with stack.engine.connect() as connection:
        columns = "sequence, status, status_reason, access, state"
        kept = text(f"select {columns} from subscriptions where id = :id")  # noqa: S608 - columns of ours
        older = (await connection.execute(kept, {"id": life.id})).one()
    await life.command("cancel", at="now", reason="too expensive", reason_code="unused")
    mails = await life.mails()
    async with stack.engine.begin() as connection:
        back = update(subscriptions).where(subscriptions.c.id == UUID(life.id)).values(**older._mapping)
        await connection.execute(back)

    found = await reconcile()

    assert found == Counter({("end_unwritten", life.id, "healed"): 1, ("ended_at_provider", life.id, "healed"): 1})
    assert await life.status() == ("canceled", "none")
    over = await life.stands()
    assert (over["status_reason"], over["end_kind"], over["reason_code"]) == ("too expensive", "operator", "unused")
    assert await life.mails() == mails
    assert await reconcile() == Counter()


async def test_a_mail_that_nobody_sends_is_sent_once(begin: Begin, reconcile: Reconciler, stack: Stack) -> None:
    life = await begin()
    assert await life.mails() == Counter(trial_started=1)
    await life.product.faults(smtp={"refuse": True})
    await life.live_until("send_reminder")
    async with stack.engine.begin() as connection:
        queued = "update mails set created_at = now() - interval '2 hours' where status = 'queued' returning id"
        mail = (await connection.execute(text(queued))).scalar_one()
    await stack.client.get_workflow_handle(f"mail/{mail}").terminate("lost in an accident")
    await life.product.faults()

    assert await reconcile() == Counter({("mail_stuck", life.id, "healed"): 1})

    assert await life.mails() == Counter(trial_started=1, trial_ending=1)
    assert await reconcile() == Counter()


async def test_the_command_lists_heals_and_ends_with_the_status_that_an_operator_needs(
    begin: Begin, stack: Stack, tmp_path: Path, forker: Forker
) -> None:
    life = await begin(**PAID_START)
    await life.product.faults(webhooks={"drop": True})
    await life.live_until("renew")
    await life.live(timedelta(hours=2))
    terminal = Terminal(tmp_path, forker)
    terminal.settings = {
        "TENURE_DATABASE_URL": stack.addresses.database_url,
        "TENURE_TEMPORAL_ADDRESS": stack.addresses.temporal_address,
    }

    listed = await terminal.run("reconcile")
    healed = await terminal.run("reconcile", "--fix", "--json")
    clean = await terminal.run("reconcile", "--fix")

    assert (listed.status, healed.status, clean.status) == (1, 0, 0), listed.err + healed.err + clean.err
    heads, line, summary = listed.out.splitlines()
    assert heads.split() == ["DIFFERENCE", "SUBSCRIPTION", "OUTCOME", "WHAT"]
    assert line.startswith(f"payment_unheard  {life.id}  listed   invoice in_")
    assert "compared: 1 listed, 0 healed, 0 failed; 0 under way" in summary
    (difference,) = json.loads(healed.out)["differences"]
    assert (difference["kind"], difference["outcome"]) == ("payment_unheard", "healed")
    assert len(clean.out.splitlines()) == 1
