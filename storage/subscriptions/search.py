"""What is searched for: part of what identifies a customer, or the beginning of an id."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from sqlalchemy import ARRAY, ColumnElement, Select, Uuid, and_, bindparam, func, or_, select, union
from sqlalchemy.ext.asyncio import AsyncConnection

from storage.db.engine import texts
from storage.schema.tables import customers, subscriptions

_LOWEST, _HIGHEST = "00000000-0000-0000-0000-000000000000", "ffffffff-ffff-ffff-ffff-ffffffffffff"
_HIGHEST_CHARACTER = "\U0010ffff"
_WORD = re.compile(r"[^\W_]{3,}")
"""What a trigram index has something of: three letters or digits in a row."""
CANDIDATES = 1_000
"""The most rows that a search looks up; of more, it looks through those whose turn it is."""
SEARCHED = (customers.c.external_id, customers.c.email, customers.c.name, customers.c.customer_ref)


@dataclass(frozen=True)
class Search:
    """A text, in which every character stands for itself; upper and lower case are the same."""

    text: str
    address: str | None = None
    """The same as part of a stored address, if that differs."""

    def of_customers(self) -> ColumnElement[bool]:
        """True of customers with the text in their external id, address, name or id at the provider."""
        has_part = [column.icontains(self.text, autoescape=True) for column in SEARCHED]
        if self.address:
            has_part.append(customers.c.email.icontains(self.address, autoescape=True))
        return or_(*has_part)

    def of_subscriptions(self) -> ColumnElement[bool]:
        """True of subscriptions of these customers, and of those whose id, ours or the provider's, begins with it."""
        return or_(self.of_customers(), *self._beginnings())

    async def find_customers(self, connection: AsyncConnection, tenant: str) -> Sequence[UUID] | None:
        """The customers with the text; None if they are too many, or the text is too short, to look them up."""
        words = _WORD.findall(self.text)
        if not words:
            return None
        patterns = [f"%{_escaped(text)}%" for text in (self.text, self.address) if text]
        found = func.tenure_find_customers(tenant, max(words, key=len), texts(patterns), CANDIDATES, type_=ARRAY(Uuid))
        ids: Sequence[UUID] | None = (await connection.execute(select(found))).scalar_one()
        return ids

    async def find_subscriptions(self, connection: AsyncConnection, tenant: str) -> Sequence[UUID] | None:
        """The subscriptions of these customers, and those whose id begins with the text; None as above."""
        holders = await self.find_customers(connection, tenant)
        if holders is None:
            return None
        theirs = subscriptions.c.customer == func.any(bindparam(None, list(holders), type_=ARRAY(Uuid)))
        found = union(*(_some(tenant, condition) for condition in (theirs, *self._beginnings())))
        ids: list[UUID] = [row.id for row in await connection.execute(found)]
        return ids if len(ids) <= CANDIDATES else None

    def _beginnings(self) -> list[ColumnElement[bool]]:
        """That an id begins with the text, as ranges: an index has them also where the text is not known beforehand."""
        ref, first, last = subscriptions.c.agreement_ref, self.text, self.text + _HIGHEST_CHARACTER
        begins = [and_(ref != "", ref.op("~>=~")(first), ref.op("~<=~")(last))]
        if (ids := self.ids) is not None:
            begins.append(subscriptions.c.id.between(*ids))
        return begins

    @property
    def ids(self) -> tuple[UUID, UUID] | None:
        """The first and the last id that begin with the text; None if none does."""
        begins = self.text.lower()
        first, last = (begins + end[len(begins) :] for end in (_LOWEST, _HIGHEST))
        try:
            return (UUID(first), UUID(last)) if str(UUID(first)) == first else None
        except ValueError:
            return None


def _some(tenant: str, condition: ColumnElement[bool]) -> Select[tuple[UUID]]:
    """The ids of subscriptions that meet a condition: enough to see that they are too many."""
    wanted: Select[tuple[UUID]] = select(subscriptions.c.id).where(subscriptions.c.tenant == tenant, condition)
    return wanted.limit(CANDIDATES + 1)


def _escaped(text: str) -> str:
    """The text as part of a pattern, in which every character stands for itself."""
    return re.sub(r"([\\%_])", r"\\\1", text)
