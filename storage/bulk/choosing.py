"""The subscriptions that a bulk run chooses: those of a list's filters, or those that another run was done for."""

from collections.abc import AsyncIterator, Sequence, Set
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import ARRAY, Uuid, bindparam, func, select
from sqlalchemy.ext.asyncio import AsyncEngine

from domain.bulk.actions import ActionKind, BulkAction
from domain.bulk.previews import Verdict, verdict
from domain.bulk.runs import MOST_ROWS
from domain.errors import Malformed
from domain.subscription.state import Subscription
from storage.db.codec import state_from_json
from storage.db.cursors import PageRequest, Sort
from storage.db.engine import transaction
from storage.schema.tables import subscriptions
from storage.subscriptions.mail_list import MailList
from storage.subscriptions.subscription_list import Filters, SubscriptionList

_PAGE = 500
_MANY = (
    f"more than {MOST_ROWS:,} subscriptions meet the filter, which is as many as a run may choose: narrow it, for"
    " instance by created_from and created_to"
)


@dataclass(frozen=True)
class Range:
    """When subscriptions were created; None: at any time."""

    created_from: datetime | None = None
    created_to: datetime | None = None


class BulkChoices:
    """Asks of each chosen subscription whether it allows an action, oldest first."""

    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = engine
        self._list = SubscriptionList(engine)

    async def of_filter(self, tenant: str, filters: Filters, created: Range, action: BulkAction) -> list[Verdict]:
        """Return the verdict of each subscription that a list with these filters shows.

        Raises:
            Malformed: field `filter`, code `too_many_rows`; or a bad range.
        """
        found: dict[str, Verdict] = {}
        given_up = await self._given_up(tenant, action)
        async for subscription in self._listed(tenant, filters, created):
            found[subscription.id] = verdict(action, subscription, has_mail_given_up=subscription.id in given_up)
            if len(found) > MOST_ROWS:
                raise Malformed(_MANY, field="filter", code="too_many_rows")
        return list(found.values())

    async def of_subscriptions(self, tenant: str, ids: Sequence[UUID], action: BulkAction) -> list[Verdict]:
        """Return the verdicts of these subscriptions, in their order."""
        them = bindparam(None, list(ids), type_=ARRAY(Uuid))
        it: Any = subscriptions.c
        wanted = select(it.id, it.state).where(it.tenant == tenant, it.id == func.any(them))
        async with transaction(self._engine, tenant) as connection:
            states = {row.id: state_from_json(row.state) for row in await connection.execute(wanted)}
        return [verdict(action, states[id_]) for id_ in ids if id_ in states]

    async def _given_up(self, tenant: str, action: BulkAction) -> Set[str]:
        """Return the subscriptions with a mail that was given up, where that matters."""
        return (
            await MailList(self._engine).given_up_of(tenant) if action.kind is ActionKind.RETRY_MAILS else frozenset()
        )

    async def _listed(self, tenant: str, filters: Filters, created: Range) -> AsyncIterator[Subscription]:
        cursor: str | None = None
        while True:
            page = PageRequest(_PAGE, cursor, Sort.OLDEST_FIRST, created.created_from, created.created_to)
            found = await self._list.find(tenant, filters, page)
            for row in found.rows:
                yield state_from_json(dict(row.state))
            cursor = found.next_cursor
            if cursor is None:
                return
