"""Dates back what the database dates by its own clock."""

from collections.abc import Mapping
from datetime import datetime

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from storage.db.engine import transaction
from storage.revenue.roll_up import start_over

_CUSTOMERS = text(
    "update customers set created_at = first.at"
    " from (select customer, min(created_at) as at from subscriptions group by customer) as first"
    " where first.customer = customers.id and external_id like :crowd"
)
_SUBSCRIPTIONS = text(
    "update subscriptions set updated_at = last.at"
    " from (select subscription, max(at) as at from journal group by subscription) as last, customers"
    " where last.subscription = subscriptions.id and last.at < :began"
    " and customers.id = subscriptions.customer and external_id like :crowd"
)
_MAILS = text(
    "update mails set created_at = at, sent_at = at + interval '2 seconds' from subscriptions, customers"
    " where mails.status = 'sent' and at < :began and subscriptions.id = mails.subscription"
    " and customers.id = subscriptions.customer and external_id like :crowd"
)
_WEBHOOKS = text(
    "update webhook_inbox set received_at = sent.at, handled_at = sent.at + interval '1 second'"
    " from unnest(cast(:events as text[]), cast(:sent as timestamptz[])) as sent (event_id, at)"
    " where sent.event_id = webhook_inbox.event_id and sent.at < :began and handled_at is not null"
)


_MOVEMENTS = text(
    "update mrr_movements set recorded_at = at from customers"
    " where customers.id = mrr_movements.customer and recorded_at >= :began and at < :began and external_id like :crowd"
)
_MOVEMENTS_CHANGE = text("set local tenure.erasing = 'yes'")
"""They are append-only; this is one of the two who may change them."""


async def date_back(engine: AsyncEngine, began: datetime, name: str, sent: Mapping[str, datetime]) -> None:
    """Date back what was written since *began* of what had happened before to the crowd of this name.

    *sent* is when the provider made each of its events.
    """
    given = {"crowd": f"{name}-%", "began": began}
    webhooks = {"began": began, "events": list(sent), "sent": list(sent.values())}
    async with transaction(engine) as connection:
        # Sums made meanwhile, or for an earlier crowd, reach beyond what is dated back, which would be missing there.
        await start_over(connection)
        await connection.execute(_MOVEMENTS_CHANGE)
        await connection.execute(_WEBHOOKS, webhooks)
        for statement in (_CUSTOMERS, _SUBSCRIPTIONS, _MAILS, _MOVEMENTS):
            await connection.execute(statement, given)
