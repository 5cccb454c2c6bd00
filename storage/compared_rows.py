"""Our subscriptions as reconciliation reads them, page by page, and when their agreements were last seen."""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, Final
from uuid import UUID

from sqlalchemy import (
    ColumnElement,
    Row,
    Select,
    SmallInteger,
    Uuid,
    and_,
    column,
    delete,
    exists,
    func,
    literal,
    or_,
    select,
    values,
)
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncEngine

from domain.reconciliation.differences import Projection
from domain.reconciliation.passes import PASS, ids_of_shard
from domain.subscription.lifecycle import Status
from storage.db.codec import state_from_json
from storage.db.engine import transaction
from storage.schema.tables import customers, invoices, provider_sightings, subscriptions

UNSEEN_AFTER: Final = PASS + timedelta(hours=2)
"""A pass should have compared an agreement within this time: a day, plus how late a run may be."""
_IT, _SIGHTING = subscriptions.c, provider_sightings.c
_IS_OVER: Final = _IT.status == Status.CANCELED.value


class SubscriptionPages:
    """Implements `domain.reconciliation.ports.ComparedRows`."""

    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = engine

    async def mark_seen(self, shards: Mapping[str, int], run_began: datetime) -> None:
        """Record that the agreements of these subscriptions were seen, and the shard of each."""
        if not shards:
            return
        met = values(column("id", Uuid), column("shard", SmallInteger), name="met")
        met = met.data([(UUID(id_), shard) for id_, shard in shards.items()])
        known = select(_IT.id, _IT.tenant, literal(run_began, _SIGHTING.seen_at.type), met.c.shard)
        # In one order: two passes at once must not wait for each other.
        known = known.join(met, met.c.id == _IT.id).order_by(_IT.id)
        seen = insert(provider_sightings).from_select(["subscription", "tenant", "seen_at", "shard"], known)
        later = seen.on_conflict_do_update(
            index_elements=[_SIGHTING.subscription],
            set_={"seen_at": seen.excluded.seen_at, "shard": seen.excluded.shard},
            where=_SIGHTING.seen_at < seen.excluded.seen_at,
        )
        async with transaction(self._engine) as connection:
            await connection.execute(later)

    async def live(
        self, after: str | None, run_began: datetime, *, limit: int, shard: int | None = None
    ) -> Sequence[tuple[Projection, bool]]:
        """The next subscriptions that are not over, or not yet at the provider, by id.

        Each comes with whether its agreement was seen; with a shard, also if it is left to `unlisted`.
        """
        wanted = _after(projected(), after).add_columns(_is_met(run_began, shard).label("seen"))
        wanted = wanted.where(customers.c.erased_at.is_(None)).order_by(_IT.id).limit(limit)
        if shard is not None:
            first, last = ids_of_shard(shard)
            wanted = wanted.where(_IT.id.between(UUID(first), UUID(last)))
        # Two queries: each has its own index.
        async with transaction(self._engine) as connection:
            alive = (await connection.execute(wanted.where(~_IS_OVER))).all()
            ended = (await connection.execute(wanted.where(_IS_OVER, _IT.blocked_since.is_not(None)))).all()
        found = [(projection_of(row), bool(row.seen)) for row in (*alive, *ended)]
        return sorted(found, key=lambda each: UUID(each[0].subscription.id))[:limit]

    async def unlisted(
        self, after: str | None, run_began: datetime, *, shard: int, limit: int
    ) -> Sequence[tuple[Projection, bool]]:
        """The next live subscriptions whose agreement is of a shard and was not seen since then, by id."""
        wanted = projected().join(provider_sightings, _SIGHTING.subscription == _IT.id)
        # In the order of the index, which belongs to the sightings.
        wanted = wanted.where(_SIGHTING.shard == shard, _SIGHTING.seen_at < run_began, ~_IS_OVER)
        wanted = wanted.where(customers.c.erased_at.is_(None)).order_by(_SIGHTING.subscription).limit(limit)
        if after is not None:
            wanted = wanted.where(_SIGHTING.subscription > UUID(after))
        async with transaction(self._engine) as connection:
            return [(projection_of(row), False) for row in await connection.execute(wanted)]

    async def forget_sightings(self, shard: int, run_began: datetime) -> None:
        """Forget the sightings of a shard before a run whose subscriptions are over."""
        over = exists().where(_IT.id == _SIGHTING.subscription, _IS_OVER)
        async with transaction(self._engine) as connection:
            old = delete(provider_sightings)
            await connection.execute(old.where(_SIGHTING.shard == shard, _SIGHTING.seen_at < run_began, over))

    async def due(self, after: str | None, *, late_since: datetime, limit: int) -> Sequence[Projection]:
        """The next subscriptions with an action due before then, or with a blocked step, by id."""
        is_due = or_(_IT.next_action_at < late_since, _IT.blocked_since.is_not(None))
        wanted = _after(projected(), after).where(is_due, or_(~_IS_OVER, _IT.blocked_since.is_not(None)))
        wanted = wanted.where(customers.c.erased_at.is_(None)).order_by(_IT.id).limit(limit)
        async with transaction(self._engine) as connection:
            return [projection_of(row) for row in await connection.execute(wanted)]


def _is_met(run_began: datetime, shard: int | None) -> ColumnElement[bool]:
    """Whether the agreement need not be read individually.

    Looked up for each row: joined, all sightings up to the page would be read.
    """
    latest = func.greatest(_IT.seen_at_provider, _SIGHTING.seen_at)
    met: ColumnElement[bool] = latest >= run_began
    if shard is not None:
        met = or_(_SIGHTING.shard.is_not(None), latest >= run_began - UNSEEN_AFTER)
    sighted = select(met).where(_SIGHTING.subscription == _IT.id).correlate(subscriptions).scalar_subquery()
    # Until all workers are of this release, some note it in the subscription alone.
    return func.coalesce(sighted, _IT.seen_at_provider >= run_began, False)


def _after(wanted: Select[Any], after: str | None) -> Select[Any]:
    return wanted if after is None else wanted.where(_IT.id > UUID(after))


def projected() -> Select[Any]:
    """Subscriptions as reconciliation reads them."""
    it, settled = subscriptions.c, subscriptions.c.state["settled_invoice"].astext
    is_recorded = exists().where(
        invoices.c.tenant == it.tenant, invoices.c.ref == settled, invoices.c.status.not_in(["open", "draft"])
    )
    # Of an import, what the provider billed before is not recorded.
    is_since = it.period_start >= it.created_at
    return select(
        subscriptions.c.id,
        subscriptions.c.state,
        subscriptions.c.next_actions,
        customers.c.customer_ref,
        customers.c.erased_at,
        and_(func.coalesce(settled, "") != "", is_since, ~is_recorded).label("lacks_invoice"),
    ).join(customers, customers.c.id == subscriptions.c.customer)


def projection_of(row: Row[Any]) -> Projection:
    """What a row of `projected` holds."""
    ahead = row.next_actions[0] if row.next_actions else {}
    subscription = state_from_json(dict(row.state))
    return Projection(
        subscription,
        ahead.get("action", ""),
        ahead.get("at", ""),
        row.customer_ref or "",
        row.erased_at is not None,
        bool(row.lacks_invoice),
    )
