"""Customers who sign up. The only place with names and addresses."""

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any
from uuid import UUID, uuid4

from sqlalchemy import ColumnElement, Row, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncEngine

from domain.customers import Contact
from domain.errors import Rejected
from storage.db.engine import transaction
from storage.schema.tables import customers, subscriptions

NEW_CUSTOMER = {"timezone": "UTC", "locale": "en"}


@dataclass(frozen=True)
class CustomerRow:
    """What we know of a customer."""

    id: str
    external_id: str
    email: str
    name: str | None
    timezone: str
    locale: str
    metadata: Mapping[str, str]


def contact_of(row: Row[Any]) -> Contact:
    return Contact(
        customer=str(row.id),
        external_id=row.external_id,
        email=row.email,
        name=row.name,
        timezone=row.timezone,
        locale=row.locale,
        customer_ref=row.customer_ref or "",
    )


class Customers:
    """Finds and stores customers."""

    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = engine

    async def upsert(
        self,
        *,
        tenant: str,
        external_id: str,
        email: str,
        name: str | None = None,
        timezone: str | None = None,
        locale: str | None = None,
        metadata: Mapping[str, str] | None = None,
        signing_up: str | None = None,
    ) -> str:
        """Stores a customer, new or known by their external id, and returns our id.

        None keeps the current value; for a new customer it means UTC, English and no metadata. *signing_up* is the
        subscription they ask for: the customer stays until that sign-up is refused or completed.
        """
        given = {"name": name, "timezone": timezone, "locale": locale, "metadata": dict(metadata) if metadata else None}
        values = {"email": email} | {column: value for column, value in given.items() if value is not None}
        asked_for = [] if signing_up is None else [UUID(signing_up)]
        statement = (
            insert(customers)
            .values(id=uuid4(), tenant=tenant, external_id=external_id, signing_up=asked_for, **NEW_CUSTOMER | values)
            .on_conflict_do_update(
                index_elements=[customers.c.tenant, customers.c.external_id],
                set_=values | {"signing_up": customers.c.signing_up + asked_for},
            )
            .returning(customers.c.id)
        )
        async with transaction(self._engine) as connection:
            return str((await connection.execute(statement)).scalar_one())

    async def put_back(self, customer: str, tenant: str, **values: str | None) -> None:
        """Stores a customer who was lost, under our former id of them.

        Raises:
            Rejected: code `customer_known`: that id, or that external id, is stored.
        """
        row = {"id": UUID(customer), "tenant": tenant} | NEW_CUSTOMER
        row |= {column: value for column, value in values.items() if value is not None}
        stored = insert(customers).values(row).on_conflict_do_nothing().returning(customers.c.id)
        async with transaction(self._engine) as connection:
            if (await connection.execute(stored)).first() is None:
                words = f"a customer with our id {customer}, or with that external id, is stored already"
                raise Rejected(words, code="customer_known")

    async def get(self, *, tenant: str, external_id: str) -> CustomerRow | None:
        """What we know of a customer; None if there is no such customer."""
        return await self._first(tenant, customers.c.external_id == external_id)

    async def by_id(self, *, tenant: str, customer: str) -> CustomerRow | None:
        """What we know of a customer, by our own id; None if there is no such customer."""
        return await self._first(tenant, customers.c.id == UUID(customer))

    async def _first(self, tenant: str, which: ColumnElement[bool]) -> CustomerRow | None:
        shown = [customers.c[one.name] for one in fields(CustomerRow)]
        async with transaction(self._engine, tenant) as connection:
            row = (await connection.execute(select(*shown).where(customers.c.tenant == tenant, which))).one_or_none()
        return None if row is None else CustomerRow(str(row[0]), *row[1:])

    async def id_of(self, *, tenant: str, external_id: str) -> str | None:
        """Our id for a customer; None if there is no such customer."""
        found = select(customers.c.id).where(customers.c.tenant == tenant, customers.c.external_id == external_id)
        async with transaction(self._engine, tenant) as connection:
            id_: UUID | None = (await connection.execute(found)).scalar()
        return None if id_ is None else str(id_)

    async def live_subscription(self, *, tenant: str, external_id: str) -> str | None:
        """The customer's subscription that is not canceled, if there is one."""
        found = (
            select(subscriptions.c.id)
            .join(customers, customers.c.id == subscriptions.c.customer)
            .where(
                customers.c.tenant == tenant,
                customers.c.external_id == external_id,
                subscriptions.c.status != "canceled",
            )
        )
        async with transaction(self._engine, tenant) as connection:
            id_: UUID | None = (await connection.execute(found)).scalar()
        return None if id_ is None else str(id_)
