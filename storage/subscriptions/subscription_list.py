"""The list of subscriptions: filtered, searched, and sorted by creation."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Self
from uuid import UUID

from sqlalchemy import Boolean, ColumnElement, ScalarSelect, Select, literal_column, select
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from domain.subscription.lifecycle import Status
from storage.db.cursors import Cut, Keyset, PageRequest, Position, cut
from storage.db.engine import listing
from storage.db.walks import Ordered, picked, read_once, walk
from storage.schema.tables import customers, subscriptions
from storage.subscriptions.read_model import SubscriptionRow, row_of, select_rows
from storage.subscriptions.search import CANDIDATES, Search

Conditions = Sequence[ColumnElement[bool]]
SubscriptionPage = Cut[SubscriptionRow]

_IT = subscriptions.c
_KEYS = Keyset(_IT.created_at, _IT.id)


@dataclass(frozen=True)
class Filters:
    """The filters of a list; None means any."""

    status: str | None = None
    plan: str | None = None
    customer: str | None = None
    """An external id."""
    search: Search | None = None
    blocked: bool | None = None
    """True for subscriptions with a blocked step."""
    interval: str | None = None
    trial_ends_before: datetime | None = None
    """Of trials that are running."""
    renews_before: datetime | None = None
    """Whose paid period ends before, and that are active or past due."""

    @property
    def is_by_end(self) -> bool:
        """True if an index of what ends next finds them."""
        return self.trial_ends_before is not None or self.renews_before is not None


class SubscriptionList:
    """Lists subscriptions."""

    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = engine

    async def find(self, tenant: str, filters: Filters, page: PageRequest) -> SubscriptionPage:
        """One page. Rows added in the meantime do not shift later pages.

        A page by what no index can tell may end early.

        Raises:
            Malformed: field `cursor`; it is not a valid cursor.
        """
        wanted = _Conditions.of(tenant, filters)
        ordered = Ordered(_KEYS, page, wanted.branches)
        async with listing(self._engine, tenant) as connection:
            ids = await _ending(connection, tenant, filters) if filters.is_by_end else None
            if ids is not None:
                among = picked(_KEYS, page, ids, *wanted.but_search)
                searched = [filters.search.of_subscriptions()] if filters.search is not None else []
                return cut(page, await _rows(connection, page, among, *searched), _position)
            if not wanted.rest:
                return cut(page, await _rows(connection, page, ordered.ids(limit=page.limit + 1)), _position)
            found = await walk(connection, ordered, lambda ids: _rows(connection, page, ids, *wanted.rest), _position)
            if found.ends_early and filters.search is not None:
                ids = await filters.search.find_subscriptions(connection, tenant)
                if ids is not None:
                    among = picked(_KEYS, page, ids, *wanted.but_search)
                    return cut(page, await _rows(connection, page, among), _position)
            return found


@dataclass(frozen=True)
class _Conditions:
    """The filters as conditions."""

    branches: Sequence[Conditions]
    """What indexes can tell."""
    rest: Conditions
    """What else is wanted."""
    but_search: Conditions
    """All of them except for the search."""

    @classmethod
    def of(cls, tenant: str, filters: Filters) -> Self:
        is_blocked, goes_on = _IT.blocked_since.is_not(None), _IT.blocked_since.is_(None)
        of_tenant = _IT.tenant == tenant
        status = [] if filters.status is None else [_IT.status == filters.status]
        plan = [] if filters.plan is None else [_IT.plan == filters.plan]
        blocked = [] if filters.blocked is None else [is_blocked if filters.blocked else goes_on]
        held = [] if filters.customer is None else [_IT.customer == _customer(tenant, filters.customer)]
        searched = [] if filters.search is None else [filters.search.of_subscriptions()]
        compared = [*([] if filters.interval is None else [_IT.interval == filters.interval]), *_ends(filters)]
        every = [of_tenant, *held, *status, *plan, *blocked, *compared]
        if held:
            return cls([[of_tenant, *held, *status, *plan, *blocked]], [*compared, *searched], every)
        if filters.blocked:
            return cls([[of_tenant, is_blocked]], [*status, *plan, *compared, *searched], every)
        branches = [[of_tenant, *status, *plan]]
        if plan and not status:
            # The index of plans has the rows of each status in order.
            branches = [[of_tenant, *plan, _IT.status == each.value] for each in Status]
        return cls(branches, [*blocked, *compared, *searched], every)


def _ends(filters: Filters) -> Conditions:
    """What ends before a moment, as indexes have it."""
    found: list[ColumnElement[bool]] = []
    if filters.trial_ends_before is not None:
        # As the index of these has it, so that it is used whatever the parameters.
        found += [_IT.status == literal_column("'trialing'"), _IT.trial_ends_at < filters.trial_ends_before]
    if filters.renews_before is not None:
        found += [literal_column("subscriptions.status IN ('active', 'past_due')", Boolean)]
        found += [_IT.period_end < filters.renews_before]
    return found


async def _ending(connection: AsyncConnection, tenant: str, filters: Filters) -> Sequence[UUID] | None:
    """The subscriptions that end so soon; None if these are more than are looked up."""
    wanted = select(_IT.id).where(_IT.tenant == tenant, *_ends(filters)).limit(CANDIDATES + 1)
    found = list((await connection.execute(wanted)).scalars())
    return found if len(found) <= CANDIDATES else None


def _customer(tenant: str, external_id: str) -> ScalarSelect[Any]:
    found = select(customers.c.id).where(customers.c.tenant == tenant, customers.c.external_id == external_id)
    return found.scalar_subquery()


async def _rows(
    connection: AsyncConnection, page: PageRequest, ids: Select[Any], *rest: ColumnElement[bool]
) -> list[SubscriptionRow]:
    """The first of these rows that meet the conditions, one more than the page holds."""
    among = read_once(ids)
    order = Keyset(among.c.created, among.c.id).order(page.sort)
    wanted = select_rows(among.join(subscriptions, _IT.id == among.c.id)).where(*rest)
    wanted = wanted.order_by(*order).limit(page.limit + 1)
    return [row_of(row) for row in await connection.execute(wanted)]


def _position(row: SubscriptionRow) -> Position:
    return Position(row.created_at, row.id)
