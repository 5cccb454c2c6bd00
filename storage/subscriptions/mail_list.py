"""Mails to customers that did not go out: those that wait, and those that were given up."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, FromClause, Row, Select, func, literal, select, union_all, update
from sqlalchemy.ext.asyncio import AsyncEngine

from domain.notifications.mail_types import Occasion
from domain.notifications.undelivered import COUNTED, MailRow, MailState, MailSummary
from storage.db.cursors import Cut, Keyset, PageRequest, Position, cut
from storage.db.engine import listing, transaction
from storage.db.walks import Ordered
from storage.schema.tables import customers, mails, subscriptions
from storage.subscriptions.dead_links import has_dead_link

_IT = mails.c
_KEYS = Keyset(_IT.created_at, _IT.id)
UNDELIVERED = (MailState.QUEUED, MailState.REFUSED)
RECENT = timedelta(days=7)
_HAS_FACTS = _IT.facts != literal({}, _IT.facts.type)


@dataclass(frozen=True)
class MailFilter:
    """Which of them; None means any."""

    state: MailState | None = None
    """`QUEUED` or `REFUSED`."""


class MailList:
    """Implements `domain.notifications.undelivered.UndeliveredMails`, and lists mails that did not go out."""

    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = engine

    async def find(self, tenant: str, wanted: MailFilter, page: PageRequest) -> Cut[MailRow]:
        """One page of them, by when they were written.

        Raises:
            Malformed: field `cursor`; it is not a valid cursor.
        """
        states = UNDELIVERED if wanted.state is None else (wanted.state,)
        among = Ordered(_KEYS, page, [_of(tenant, state) for state in states]).ids(limit=page.limit + 1)
        ids = among.subquery("among")
        statement = _select(ids.join(mails, _IT.id == ids.c.id))
        statement = statement.order_by(*Keyset(ids.c.created, ids.c.id).order(page.sort))
        async with listing(self._engine, tenant) as connection:
            rows = [_mail(row) for row in await connection.execute(statement)]
        return cut(page, rows, lambda row: Position(row.created_at, row.id))

    async def summary(self, tenant: str) -> MailSummary:
        """How many wait, since when, and how many were given up within a week."""
        newest = (
            select(_IT.status, _IT.created_at)
            .where(*_of(tenant, state))
            .order_by(_IT.created_at.desc(), _IT.id.desc())
            .limit(COUNTED)
            for state in UNDELIVERED
        )
        undelivered = union_all(*newest).subquery("undelivered")
        it = undelivered.c
        is_queued, is_recent = it.status == MailState.QUEUED.value, it.created_at > func.now() - RECENT
        wanted = select(
            func.count().filter(is_queued).label("waiting"),
            func.min(it.created_at).filter(is_queued).label("oldest_waiting"),
            func.count().filter(it.status == MailState.REFUSED.value, is_recent).label("refused"),
        ).select_from(undelivered)
        async with listing(self._engine, tenant) as connection:
            row = (await connection.execute(wanted)).one()
        return MailSummary(row.waiting, row.oldest_waiting, row.refused)

    async def mail(self, tenant: str, mail_id: str) -> MailRow | None:
        """One mail, whatever has become of it."""
        id_ = _uuid(mail_id)
        if id_ is None:
            return None
        async with transaction(self._engine, tenant) as connection:
            row = (await connection.execute(_select().where(_IT.tenant == tenant, _IT.id == id_))).one_or_none()
        return None if row is None else _mail(row)

    async def given_up_of(self, tenant: str) -> frozenset[str]:
        """The subscriptions with a mail that was given up."""
        wanted = select(_IT.subscription).where(*_of(tenant, MailState.REFUSED)).distinct()
        async with transaction(self._engine, tenant) as connection:
            return frozenset(str(id_) for id_ in (await connection.execute(wanted)).scalars())

    async def undelivered_of(self, tenant: str, subscription: str) -> Sequence[str]:
        """The ids of a subscription's mails that wait or were given up, oldest first."""
        is_undelivered = _IT.status.in_([state.value for state in UNDELIVERED])
        wanted = select(_IT.id).where(_IT.tenant == tenant, _IT.subscription == UUID(subscription), is_undelivered)
        async with transaction(self._engine, tenant) as connection:
            return [str(id_) for id_ in (await connection.execute(wanted.order_by(_IT.created_at, _IT.id))).scalars()]

    async def queue_again(self, tenant: str, mail_id: str) -> None:
        """Has a mail that was given up wait to be sent again; no other changes, nor one whose facts are gone."""
        given_up = (_IT.tenant == tenant, _IT.id == UUID(mail_id), _IT.status == MailState.REFUSED.value, _HAS_FACTS)
        # Given up, it is no run's any more.
        again = (
            update(mails)
            .where(*given_up)
            .values(status=MailState.QUEUED.value, why_not=None, claimed_by=None, claimed_until=None)
        )
        async with transaction(self._engine, tenant) as connection:
            await connection.execute(again)


def _of(tenant: str, state: MailState) -> list[ColumnElement[bool]]:
    return [_IT.tenant == tenant, _IT.status == state.value]


def _select(rows: FromClause = mails) -> Select[Any]:
    shown = (_IT.id, _IT.subscription, _IT.occasion, _IT.status, _IT.why_not, _IT.created_at, _IT.sent_at)
    joined = rows.join(subscriptions, subscriptions.c.id == _IT.subscription)
    joined = joined.join(customers, customers.c.id == subscriptions.c.customer)
    standing = (customers.c.erased_at, (~_HAS_FACTS).label("is_emptied"), has_dead_link().label("has_dead_link"))
    return select(*shown, *standing).select_from(joined)


def _mail(row: Row[Any]) -> MailRow:
    return MailRow(
        str(row.id),
        str(row.subscription),
        Occasion(row.occasion),
        MailState(row.status),
        row.why_not or "",
        row.created_at,
        row.sent_at,
        row.erased_at is not None,
        row.is_emptied,
        row.has_dead_link,
    )


def _uuid(text: str) -> UUID | None:
    try:
        return UUID(text)
    except ValueError:
        return None
