"""Lives whose histories are kept: together they cover every path of the workflow."""

from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import asyncpg
from temporalio.client import Client

from domain.names import subscription_workflow_id
from domain.subscription.policy import DEFAULT_POLICY, TrialPolicy
from sandbox.product import Product, RefusedError
from sandbox.stack import Stack
from tenure.cli.policies import move_to
from tenure.cli.reconcile import run_now
from tenure.cli.usage import roll_up_now
from tenure.cli.usage_report import run_now as report_now
from tests.harness.elsewhere import Elsewhere
from tests.harness.free_plan import FALLS_TO_FREE, with_free_plan
from tests.harness.lives import A_MINUTE, Life
from tests.replay.blocked_lives import (
    announced,
    blocked,
    blocked_in_turns,
    customer_changed,
    ended_untold,
    moved_owing,
    not_begun,
    refused,
)
from tests.replay.bulk_lives import worked_off
from tests.replay.event_lives import heard
from tests.replay.hourly_lives import reconciled_hourly
from tests.replay.plan_lives import (
    billing_day,
    canceled_in_a_pause,
    changed,
    changed_as_shown,
    confirmed,
    confirmed_apart,
    confirmed_first,
    confirmed_retry,
    confirmed_sign_up,
    confirmed_too_late,
    moved_again,
    own_changes,
    paused,
    withdrawn_late,
)
from tests.replay.plays import PAID_START, Play, PlayElsewhere, PlayUnder, sweep


async def checkout(product: Product) -> None:
    """No card at first, checkout in the trial, conversion, renewals over two runs."""
    life = await Life.begun(product, "kept-checkout")
    await life.live_until("send_reminder")
    await life.product.checkout(life.id)
    await life.live(A_MINUTE)
    await life.live_until_converted()
    await life.live(timedelta(days=190))


async def in_short(product: Product) -> None:
    """A card from the start, reminders, conversion and renewals, in runs of five steps without dates of renewals."""
    life = await Life.begun(product, "kept-in-short", payment_method="pm_card_visa")
    await life.live_until_converted()
    await life.live(timedelta(days=190))


async def renewed_at_once(product: Product) -> None:
    """Renewals that are recorded where they are read, over two runs of six steps; one is asked for first."""
    life = await Life.begun(product, "kept-renewed-at-once", payment_method="pm_card_visa")
    await life.live_until_converted()
    await life.live(timedelta(days=100))
    await product.faults(webhooks={"drop": 1})
    await life.live(timedelta(days=31))
    await product.faults()
    await life.live(timedelta(days=65))


async def renewed_by_itself(product: Product) -> None:
    """A yearly renewal, whose next notices are to be scheduled: it is read, and left to the workflow."""
    life = await Life.begun(product, "kept-renewed-by-itself", interval="year", **PAID_START)
    await life.live(timedelta(days=370))


async def renewed_unread(product: Product) -> None:
    """A renewal that cannot be read for an hour: its place is closed, it shows as blocked, and is recorded later."""
    life = await Life.begun(product, "kept-renewed-unread", **PAID_START)
    await product.faults(stripe={"error_rate": 1, "status": 500})
    await life.live_until("renew")
    await life.live(timedelta(minutes=90))
    await product.faults()
    await life.live(timedelta(days=35))


async def recovery(product: Product) -> None:
    """The whole ladder to suspension, then a new card."""
    life = await Life.begun(product, "kept-recovery", payment_method="pm_card_visa")
    await life.live_until_converted()
    await life.live_until_declined("insufficient_funds")
    await life.live(timedelta(days=15))
    await life.command("payment-method", payment_method="pm_card_mastercard")
    await life.live(timedelta(days=32))


async def paid_with_another(product: Product) -> None:
    """A declined renewal is paid on its page with another card, reported once and another time not."""
    life = await Life.begun(product, "kept-paid-with-another", **PAID_START)
    await life.live_until_declined("insufficient_funds")
    await life.pay_at(str((await life.open_pay_link()).url), "pm_card_mastercard")
    await life.live(timedelta(minutes=1))
    await life.live_until_declined("insufficient_funds")
    await product.faults(webhooks={"drop": True})
    await life.pay_at(str((await life.open_pay_link()).url), "pm_card_visa")
    await life.live_until("recover")
    await product.faults()


async def lost(product: Product) -> None:
    """A hard decline, a retry by command refused, the ladder's end."""
    life = await Life.begun(product, "kept-lost", payment_method="pm_card_visa")
    await life.live_until_converted()
    await life.live_until_declined("lost_card")
    await life.refused("retry-payment")
    await life.live(timedelta(days=45))


async def retried(product: Product) -> None:
    """A payment recovered by a retry command, another by the ladder's own retry."""
    life = await Life.begun(product, "kept-retried", **PAID_START)
    await life.live_until_declined("insufficient_funds")
    await life.product.card_answers(life.external_id, "ok")
    await life.command("retry-payment")
    await life.live_until_declined("insufficient_funds")
    await life.product.card_answers(life.external_id, "ok")
    await life.live_until("recover")


async def expired(product: Product) -> None:
    """Expiry, an operator's second chance, expiry again, cancellation."""
    life = await Life.begun(product, "kept-expired")
    await life.live_until("expire_trial")
    await life.command("reactivate", reason="asked for more time")
    await life.live_until("expire_trial")
    await life.live_until("cancel")


async def extended(product: Product) -> None:
    """An extension after a reminder, a planned conversion, an early one."""
    life = await Life.begun(product, "kept-extended")
    await life.live_until("send_reminder")
    await life.command("extend-trial", days=10, reason="on holiday")
    await life.command("convert", payment_method="pm_card_visa")
    await life.command("convert", when="now")


async def canceled(product: Product) -> None:
    """A cancellation undone, another that takes effect."""
    life = await Life.begun(product, "kept-canceled", **PAID_START)
    await life.command("cancel", reason="too expensive")
    await life.command("uncancel")
    await life.command("cancel")
    await life.live_until("cancel")


async def held(product: Product) -> None:
    """An operator's hold in a trial and one over a renewal, then the end at once."""
    life = await Life.begun(product, "kept-held", payment_method="pm_card_visa")
    await life.command("suspend", reason="fraud check")
    await life.command("reactivate", reason="all is well")
    await life.live_until_converted()
    await life.command("suspend", reason="fraud check")
    await life.live(timedelta(days=40))
    await life.command("reactivate", reason="all is well")
    await life.live(timedelta(hours=2))
    await life.command("cancel", at="now")


async def declined_at_start(product: Product) -> None:
    """A paid start that was declined, and a sign-up with an unknown card."""
    for method in ("pm_card_chargeCustomerFail", "pm_card_unknown"):
        try:
            await product.sign_up("kept-declined", trial_days=0, payment_method=method)
        except RefusedError:
            continue
        raise AssertionError(f"{method} was accepted")


async def signed_up_again(product: Product) -> None:
    """A returning customer signs up with another card; one who has already confirmed converts with a card in vain."""
    first = await Life.begun(product, "kept-again", **PAID_START)
    await first.command("cancel", at="now")
    again = await Life.begun(product, "kept-again", trial_days=0, payment_method="pm_card_mastercard")
    await again.live(A_MINUTE)
    waiting = await Life.begun(product, "kept-confirmed-unheard", payment_method="pm_card_visa")
    await product.card_answers(waiting.external_id, "authentication_required", "ok")
    url = await waiting.to_be_confirmed("convert", when="now")
    await product.faults(webhooks={"drop": True})
    await waiting.confirm_at(url)
    with suppress(RefusedError):
        await waiting.command("convert", when="now", payment_method="pm_card_mastercard")
    await product.faults()


async def unheard(product: Product) -> None:
    """A renewal found by a sync."""
    life = await Life.begun(product, "kept-unheard", **PAID_START)
    await product.faults(webhooks={"drop": True})
    await life.live_until("renew")
    await life.live(timedelta(hours=4))
    await product.faults()


async def disputed(product: Product) -> None:
    """A partial refund, a dispute over a renewal that is won, another during a recovery that is lost."""
    life = await Life.begun(product, "kept-disputed", **PAID_START)
    await product.refund(life.external_id, 100)
    await life.live(A_MINUTE)
    await product.dispute(life.external_id)
    await life.live(timedelta(days=40))
    await product.dispute(life.external_id, "won")
    await life.live(timedelta(hours=2))
    await life.live_until_declined("insufficient_funds")
    await product.dispute(life.external_id)
    await life.live(timedelta(days=5))
    await product.dispute(life.external_id, "lost")
    await life.live(A_MINUTE)


async def disputed_twice(product: Product) -> None:
    """Two disputes at once: the period ends between their decisions, and is billed after the last."""
    life = await Life.begun(product, "kept-disputed-twice", **PAID_START)
    await life.live_until("renew")
    await life.live(timedelta(hours=4))
    for _ in range(2):
        await product.dispute(life.external_id)
        await life.live(A_MINUTE)
    for waits in (timedelta(days=40), timedelta(hours=2)):
        await product.dispute(life.external_id, "won")
        await life.live(waits)


async def refunded(product: Product) -> None:
    """Refunds that an operator asks for: in part, more than is left, and the rest."""
    life = await Life.begun(product, "kept-refunded", **PAID_START)
    [bill] = (await product.get("/v1/invoices", customer=life.external_id))["data"]
    await life.command("refund", invoice=bill["id"], amount=1000, reason="a day of downtime")
    await life.refused("refund", invoice=bill["id"], amount=4000, reason="too much")
    await life.command("refund", invoice=bill["id"], reason="the rest as well")
    await life.live(A_MINUTE)


async def expiring(product: Product) -> None:
    """A card that will have expired at the renewal, and the notices of it."""
    life = await Life.begun(product, "kept-expiring", **PAID_START)
    await product.card_expires(life.external_id, life.now.month, life.now.year, announced=True)
    await life.live(timedelta(days=35))


async def looked(product: Product) -> None:
    """A cancellation while a payment is owed: it syncs with the provider first."""
    life = await Life.begun(product, "kept-looked", **PAID_START)
    await life.live_until_declined("insufficient_funds")
    await life.command("cancel")


async def moved(product: Product) -> None:
    """Another policy during a trial and during a recovery."""
    client = await Client.connect(product.addresses.temporal_address)
    life = await Life.begun(product, "kept-moved", payment_method="pm_card_visa")
    await move_to(
        client, life.id, replace(DEFAULT_POLICY, version="another", trial=TrialPolicy(reminders=(2,))), "a run"
    )
    await life.live_until_converted()
    await life.live_until_declined("insufficient_funds")
    await move_to(client, life.id, replace(DEFAULT_POLICY, version="a third"), "a run")
    await life.live(timedelta(days=50))


async def taken_over(product: Product, folder: Path) -> None:
    """Agreements started elsewhere: a paid one, and a trial."""
    async with Elsewhere.at(product.addresses, folder) as elsewhere:
        price = await elsewhere.price(3900)
        plans = {price: "starter"}
        agreement = await elsewhere.subscriber("kept-adopted", price)
        adopted = await elsewhere.adopted(product, "kept-adopted", agreement, plans)
        await adopted.live_until_declined("insufficient_funds")
        await adopted.command("cancel", at="now")
        ends_at = int((datetime.now(UTC) + timedelta(days=5)).timestamp())
        trial = await elsewhere.subscriber("kept-adopted-trial", price, trial_end=ends_at)
        converted = await elsewhere.adopted(product, "kept-adopted-trial", trial, plans)
        await converted.live_until_converted()
        await converted.command("cancel", at="now")


async def handed_over(product: Product, folder: Path) -> None:
    """Trials from elsewhere whose workflows were lost on adoption: one continues here, one has turned paid there."""
    client = await Client.connect(product.addresses.temporal_address)
    async with Elsewhere.at(product.addresses, folder) as elsewhere:
        price = await elsewhere.price(3900)
        ends_at = int((datetime.now(UTC) + timedelta(days=5)).timestamp())
        names = ("kept-handed-over", "kept-left")
        refs = [await elsewhere.subscriber(name, price, trial_end=ends_at) for name in names]
        for ref in refs:
            await elsewhere.lost(await elsewhere.life_of(ref, {price: "starter"}))
        await elsewhere.api.v1.subscriptions.update_async(refs[1], {"trial_end": "now"})
        await run_now(client, fix=True)


async def deleted(product: Product, folder: Path) -> None:
    """Customers deleted at the provider, in a trial with a card and in a paid period; both enter a card again."""
    async with Elsewhere.at(product.addresses, folder) as elsewhere:
        trial = await Life.begun(product, "kept-deleted-trial", payment_method="pm_card_visa")
        paid = await Life.begun(product, "kept-deleted-paid", **PAID_START)
        for life in (trial, paid):
            await life.live(A_MINUTE)
            found = await elsewhere.api.v1.customers.list_async({"email": f"{life.external_id}@example.com"})
            await elsewhere.api.v1.customers.delete_async(found.data[0].id)
        await trial.live_until("convert")
        await product.checkout(trial.id)
        await trial.live(A_MINUTE)
        await paid.live(A_MINUTE)
        await paid.live_until("begin_period")
        await paid.command("payment-method", payment_method="pm_card_mastercard")


async def deleted_owing(product: Product, folder: Path) -> None:
    """Customers deleted at the provider who owe an invoice, paid one without notice, or have one to be confirmed."""
    async with Elsewhere.at(product.addresses, folder) as elsewhere:

        async def delete(life: Life) -> None:
            found = await elsewhere.api.v1.customers.list_async({"email": f"{life.external_id}@example.com"})
            await elsewhere.api.v1.customers.delete_async(found.data[0].id)

        owing = await Life.begun(product, "kept-deleted-owing", **PAID_START)
        await owing.live_until_declined("insufficient_funds")
        await delete(owing)
        await owing.live(A_MINUTE)
        await owing.command("payment-method", payment_method="pm_card_mastercard")
        waiting = await Life.begun(product, "kept-deleted-waiting", **PAID_START)
        await product.card_answers(waiting.external_id, "authentication_required")
        await waiting.to_be_confirmed("change-plan", plan="professional")
        await delete(waiting)
        await waiting.live(A_MINUTE)
        unheard = await Life.begun(product, "kept-deleted-unheard", **PAID_START)
        await product.faults(webhooks={"drop": True})
        await unheard.live_until("renew")
        await unheard.live(timedelta(minutes=90))
        await delete(unheard)
        await unheard.live_until("ask_provider")
        await product.faults()


TAKEN_OVER: tuple[PlayElsewhere, ...] = (taken_over, handed_over, deleted, deleted_owing)
"""These start at the provider, next to a stack that keeps its secrets in a folder."""


async def portal(product: Product) -> None:
    """A card removed before the trial's end, and others chosen in the portal without notice."""
    life = await Life.begun(product, "kept-portal", payment_method="pm_card_visa")
    await product.faults(webhooks={"drop": 1.0})
    await life.take_card_away()
    await life.live_until("convert")
    await product.in_portal(life.external_id, "pm_card_visa")
    await life.live_until("cancel")
    await life.live_until_declined("insufficient_funds")
    await life.live(timedelta(hours=3))
    await product.in_portal(life.external_id, "pm_card_mastercard")
    await life.live_until("recover")
    await product.faults()


async def reconciled(product: Product) -> None:
    """A renewal found without an event, then a decline; a hold that stays in place."""
    client = await Client.connect(product.addresses.temporal_address)
    life = await Life.begun(product, "kept-reconciled", **PAID_START)
    await product.faults(webhooks={"drop": True})
    await life.live_until("renew")
    await life.live(timedelta(hours=2))
    await run_now(client, fix=False)
    await run_now(client, fix=True)
    await life.live_until_declined("insufficient_funds")
    await run_now(client, fix=True)
    await product.faults()
    await life.live_until("recover")


async def healed_alone(product: Product) -> None:
    """A renewal that a run lists, which records itself, and an operator heals."""
    client = await Client.connect(product.addresses.temporal_address)
    life = await Life.begun(product, "kept-healed-alone", **PAID_START)
    await product.faults(webhooks={"drop": True})
    await life.live_until("renew")
    await life.live(timedelta(hours=2))
    await run_now(client, fix=False)
    [differs] = (await product.get("/v1/discrepancies", subscription=life.id))["data"]
    await product.post(f"/v1/discrepancies/{differs['id']}/heal", {"reason": "the customer asks for a receipt"})
    await product.faults()
    await life.command("cancel", at="now")


async def restarted(product: Product) -> None:
    """A workflow that is older than the database, as after a restore: a run lists it, another restarts it."""
    client = await Client.connect(product.addresses.temporal_address)
    life = await Life.begun(product, "kept-restarted", payment_method="pm_card_visa")
    connection = await asyncpg.connect(product.addresses.database_url)
    await connection.execute(
        "update subscriptions set sequence = 5, state = jsonb_set(state, '{sequence}', '5') where id = $1", life.id
    )
    await connection.close()
    await run_now(client, fix=False, ask_all=True)
    await run_now(client, fix=True, ask_all=True)
    await life.command("cancel", at="now")


async def restored(product: Product) -> None:
    """A trial whose workflow was terminated and restarted, then a recovery likewise."""
    client = await Client.connect(product.addresses.temporal_address)
    life = await Life.begun(product, "kept-restored", payment_method="pm_card_visa")
    for _ in range(2):
        await client.get_workflow_handle(subscription_workflow_id(life.id)).terminate("lost in an accident")
        life.now = datetime.now(UTC)
        await run_now(client, fix=True)
    await life.live_until_converted()
    await life.live_until_declined("insufficient_funds")
    await life.command("cancel", at="now")


async def rolled_up(product: Product) -> None:
    """A usage roll-up."""
    await roll_up_now(await Client.connect(product.addresses.temporal_address))


async def used(product: Product) -> None:
    """Usage beyond plan limits is reported."""
    await report_now(await Client.connect(product.addresses.temporal_address))


async def swept(product: Product) -> None:
    """Pending webhooks and mails are picked up."""
    await sweep(product)


async def left_free(stack: Stack, folder: Path) -> None:
    """A trial that falls back to the free plan, which is then left as previewed."""
    async with stack.under(FALLS_TO_FREE, with_free_plan(folder)) as addresses, Product(addresses) as product:
        life = await Life.begun(product, "kept-left-free")
        await life.live_until("expire_trial")
        await life.command("payment-method", payment_method="pm_card_visa")
        await life.command("preview-change", plan="professional")
        await life.command("change-plan", plan="professional")


async def stayed_free(stack: Stack, folder: Path) -> None:
    """The payment to leave the free plan waits for the bank and is withdrawn; another is made then."""
    async with stack.under(FALLS_TO_FREE, with_free_plan(folder)) as addresses, Product(addresses) as product:
        life = await Life.begun(product, "kept-stayed-free")
        await life.live_until("expire_trial")
        await life.command("payment-method", payment_method="pm_card_visa")
        await product.card_answers(life.external_id, "authentication_required", "ok")
        await life.to_be_confirmed("change-plan", plan="professional")
        await life.command("withdraw-change")
        await life.command("change-plan", plan="starter")


OF_ANOTHER_CATALOG: tuple[PlayUnder, ...] = (left_free, stayed_free)
"""These have a catalog and a policy of their own."""

LIVES: tuple[Play, ...] = (
    checkout,
    recovery,
    paid_with_another,
    lost,
    retried,
    expired,
    extended,
    canceled,
    held,
    declined_at_start,
    signed_up_again,
    unheard,
    changed,
    changed_as_shown,
    confirmed,
    confirmed_first,
    confirmed_retry,
    confirmed_sign_up,
    paused,
    canceled_in_a_pause,
    billing_day,
    own_changes,
    confirmed_apart,
    confirmed_too_late,
    withdrawn_late,
    disputed,
    disputed_twice,
    refunded,
    expiring,
    looked,
    moved,
    moved_again,
    portal,
    reconciled,
    reconciled_hourly,
    healed_alone,
    restored,
    restarted,
    rolled_up,
    used,
    swept,
    refused,
    blocked,
    blocked_in_turns,
    ended_untold,
    not_begun,
    customer_changed,
    moved_owing,
    announced,
    worked_off,
    heard,
    in_short,
    renewed_at_once,
    renewed_by_itself,
    renewed_unread,
)
