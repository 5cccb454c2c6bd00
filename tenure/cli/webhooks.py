"""`tenure webhooks`: lists the provider's webhooks, and delivers them again."""

import asyncio
import sys
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import datetime
from typing import Annotated

from cyclopts import Parameter
from sqlalchemy.ext.asyncio import AsyncEngine
from temporalio.client import Client

from configuration.loading import Process, load_settings
from domain.errors import Malformed
from domain.provider.ports import Provider
from domain.webhooks.inbox import InboxRow
from services.delivery_starter import DeliveryStarter, delivery_starter
from services.webhooks.backfill import Backfilled
from storage.subscriptions.trial_key import check_trial_key
from storage.subscriptions.trials import TrialKey
from storage.webhooks.inbox import Chosen, Inbox
from tenure.cli.audited import noted
from tenure.cli.connections import database, hold_to_payload_keys, payment_provider, temporal
from tenure.cli.dates import moment
from tenure.cli.processes import trial_key_of
from worker.composition.services import webhook_backfill, webhook_delivery

SHOWN, MOST_SHOWN = 100, 10_000
BATCH_SIZE = 100

Flag = Annotated[bool, Parameter(negative="")]


def show(*, set_aside: Flag = False, waiting: Flag = False, since: str | None = None, limit: int = SHOWN) -> None:
    """List the newest webhooks and the outcome of each.

    Parameters
    ----------
    set_aside
        Only those that concern none of our subscriptions.
    waiting
        Only those not delivered yet.
    since
        Only those received in the last 2h or 3d, or since 2026-11-05T09:00:00Z.
    limit
        Maximum number to list.
    """
    if not 1 <= limit <= MOST_SHOWN:
        raise Malformed(f"the limit must be from 1 to {MOST_SHOWN}", field="limit")
    chosen = Chosen(_moment(since, "since"), set_aside=set_aside, waiting=waiting)
    rows = asyncio.run(_rows(chosen, limit))
    for row in rows:
        print(_line(row))
    if len(rows) == limit:
        print(f"({limit} shown; there may be more: --limit)")
    if not rows:
        print("no such webhooks")


def replay(
    *,
    since: str,
    until: str | None = None,
    type: str | None = None,  # noqa: A002 - its name
    dry_run: Flag = False,
) -> None:
    """Deliver stored webhooks again, oldest first; safe to repeat, as a webhook is only a hint.

    Parameters
    ----------
    since
        Those received in the last 2h or 3d, or since 2026-11-05T09:00:00Z.
    until
        Those received before this time.
    type
        Only this type, such as invoice.paid.
    dry_run
        Only count them.
    """
    begin = moment(since, field="since")
    left = asyncio.run(_replay(Chosen(begin, _moment(until, "until"), type), dry_run=dry_run))
    if left:
        sys.exit(1)


def backfill(*, since: str, all: Flag = False, dry_run: Flag = False) -> None:  # noqa: A002 - its name
    """Fetch undelivered webhooks from Stripe and deliver them, oldest first; those already stored are skipped.

    Parameters
    ----------
    since
        How far back: 2h, 3d, or since 2026-11-05T09:00:00Z; at most 30d.
    all
        Also those that Stripe believes were delivered.
    dry_run
        Only count them.
    """
    done = asyncio.run(_backfill(since, every=all, dry_run=dry_run))
    summary = f"{done.found} {'' if all else 'undelivered '}webhooks at Stripe, {done.new} of them not here"
    print(
        summary
        if dry_run
        else f"{summary} before: {done.delivered} dealt with, {done.new - done.delivered} left to the sweep"
    )


async def _rows(chosen: Chosen, limit: int) -> list[InboxRow]:
    async with database(load_settings(Process.WEBHOOK_LIST)) as engine:
        return await Inbox(engine).newest(chosen, limit=limit)


def _line(row: InboxRow) -> str:
    became = row.outcome if row.handled_at else "waits"
    return f"{row.received_at:%Y-%m-%d %H:%M:%S}Z  {row.event_id}  {row.type}  {row.object_id}  {became}"


def _moment(text: str | None, field: str) -> datetime | None:
    return None if text is None else moment(text, field=field)


async def _replay(chosen: Chosen, *, dry_run: bool) -> int:
    """Return how many could not be delivered."""
    found = dealt_with = 0
    async with AsyncExitStack() as exits:
        provider, client, engine, trial_key, starter = await exits.enter_async_context(_connected())
        if not dry_run:
            await exits.enter_async_context(noted(engine, "webhooks replay"))
        inbox, last = Inbox(engine), None
        delivery = webhook_delivery(client, engine, provider, trial_key, starter)
        while messages := await inbox.kept(chosen, limit=BATCH_SIZE, after=last):
            found, last = found + len(messages), messages[-1]
            if not dry_run:
                delivered = await delivery.deliver(messages, redelivered=True)
                dealt_with += len(delivered.verdicts)
                for failure in delivered.failed.values():
                    print(f"FAILED: {failure}", file=sys.stderr)
    if dry_run:
        print(f"{found} webhooks would be delivered again")
        return 0
    print(f"{found} webhooks delivered again: {dealt_with} dealt with, {found - dealt_with} left as they were")
    return found - dealt_with


async def _backfill(since: str, *, every: bool, dry_run: bool) -> Backfilled:
    begin = moment(since, field="since")
    async with AsyncExitStack() as exits:
        provider, client, engine, trial_key, starter = await exits.enter_async_context(_connected())
        if not dry_run:
            await exits.enter_async_context(noted(engine, "webhooks backfill"))
        backfilling = webhook_backfill(client, engine, provider, trial_key, starter)
        return await backfilling.since(begin, every=every, dry_run=dry_run)


@asynccontextmanager
async def _connected() -> AsyncIterator[tuple[Provider, Client, AsyncEngine, TrialKey, DeliveryStarter]]:
    settings = load_settings(Process.WEBHOOKS)
    client = await temporal(settings)
    async with database(settings) as engine, payment_provider(settings) as provider:
        trial_key = trial_key_of(settings)
        await hold_to_payload_keys(settings, engine)
        await check_trial_key(engine, trial_key)
        yield provider, client, engine, trial_key, delivery_starter(client, standalone=settings.standalone_activities)
