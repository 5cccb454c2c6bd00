"""Subscriptions that wait for an operator, or soon might."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from sqlalchemy import Boolean, ColumnElement, bindparam, cast, func, literal_column
from sqlalchemy.dialects.postgresql import JSONB, JSONPATH
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from domain.formatting import moment
from storage.db.engine import listing
from storage.schema.tables import subscriptions
from storage.subscriptions.read_model import SubscriptionRow, row_of, select_rows

_IT = subscriptions.c
_ENDS: Final = '$[*] ? (@.action == "cancel" && @.at < $until)'
"""Whose end is ahead, by `next_actions`: times in it are all in UTC, and compare as text."""


@dataclass(frozen=True)
class Worklist:
    """The first of each kind, those that wait longest or end soonest first; one more than was asked for shows more."""

    blocked: Sequence[SubscriptionRow]
    ending: Sequence[SubscriptionRow]
    """A payment is owed, and without it they end this week."""
    trials: Sequence[SubscriptionRow]
    """Their trial ends today."""


class Worklists:
    """Finds them."""

    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = engine

    async def find(self, tenant: str, *, today_ends: datetime, week_ends: datetime, limit: int) -> Worklist:
        """Returns the first *limit* of each kind, and one more where there are more."""
        owes = literal_column("subscriptions.status IN ('past_due', 'suspended')", Boolean)
        until = bindparam("until", {"until": moment(week_ends)}, type_=JSONB)
        ends = func.jsonb_path_exists(_IT.next_actions, cast(_ENDS, JSONPATH), until)
        # What is to happen first is no later than the end: by that an index finds the few among all who owe. The state,
        # which is long and may be stored apart, is read only of those who end.
        end_unpaid = [_IT.next_action_at < week_ends, ends, _IT.state["recovery"].astext.is_not(None)]
        trialing = literal_column("subscriptions.status = 'trialing'", Boolean)
        async with listing(self._engine, tenant) as connection:
            return Worklist(
                await _first(connection, tenant, [_IT.blocked_since.is_not(None)], _IT.blocked_since, limit),
                await _first(connection, tenant, [owes, *end_unpaid], _IT.period_end, limit),
                await _first(connection, tenant, [trialing, _IT.trial_ends_at < today_ends], _IT.trial_ends_at, limit),
            )


async def _first(
    connection: AsyncConnection,
    tenant: str,
    conditions: Sequence[ColumnElement[bool]],
    order: ColumnElement[datetime],
    limit: int,
) -> Sequence[SubscriptionRow]:
    wanted = select_rows().where(_IT.tenant == tenant, *conditions).order_by(order, _IT.id).limit(limit + 1)
    return [row_of(row) for row in await connection.execute(wanted)]
