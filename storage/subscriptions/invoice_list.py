"""The list of invoices, as last seen at the payment provider."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import BigInteger, ColumnElement, case, cast, func, select
from sqlalchemy.ext.asyncio import AsyncEngine

from domain.provider.payments import ReversalKind
from storage.db.cursors import Cut, Keyset, PageRequest, Position, cut
from storage.db.engine import listing, transaction
from storage.db.walks import Ordered
from storage.schema.tables import customers, invoices, reversals, subscriptions


@dataclass(frozen=True)
class InvoiceRow:
    ref: str
    subscription: str
    number: str
    status: str
    amount: int
    currency: str
    url: str
    pdf: str
    attempts: int
    period_start: datetime | None
    period_end: datetime | None
    at: datetime
    total: int
    amount_due: int
    amount_paid: int
    credit_applied: int
    amount_refunded: int
    """The sum of all refunds, without disputes."""
    issued_at: datetime | None
    paid_at: datetime | None


InvoicePage = Cut[InvoiceRow]

# Not `coalesce`, which PostgreSQL does not take for leakproof: under row-level security no index would be asked for it.
_CREATED = case((invoices.c.issued_at.is_(None), invoices.c.at), else_=invoices.c.issued_at)
_KEYS = Keyset(_CREATED, invoices.c.ref, read_id=str)


class InvoiceList:
    """Reads invoices."""

    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = engine

    async def find(self, tenant: str, page: PageRequest, *, external_id: str | None = None) -> InvoicePage:
        """One page of the invoices of one customer or of all, by when they were issued, or else last seen.

        Raises:
            Malformed: field `cursor`; it is not a valid cursor.
        """
        conditions: list[ColumnElement[bool]] = [invoices.c.tenant == tenant]
        if external_id is not None:
            conditions.append(invoices.c.subscription == func.any(_held_by(tenant, external_id)))
        among = Ordered(_KEYS, page, [conditions]).ids(limit=page.limit + 1).subquery("among")
        wanted = (
            select(invoices, cast(_refunded(), BigInteger).label("amount_refunded"))
            .select_from(among.join(invoices, (invoices.c.ref == among.c.id) & (invoices.c.tenant == tenant)))
            .order_by(*Keyset(among.c.created, among.c.id).order(page.sort))
        )
        async with listing(self._engine, tenant) as connection:
            rows = [dict(row._mapping) for row in await connection.execute(wanted)]  # noqa: SLF001
        return cut(page, [_invoice(row) for row in rows], _position)

    async def is_of(self, tenant: str, subscription: str, ref: str) -> bool:
        """True if this is an invoice of the subscription."""
        it = invoices.c
        wanted = select(it.ref).where(it.tenant == tenant, it.ref == ref, it.subscription == UUID(subscription))
        async with transaction(self._engine, tenant) as connection:
            return (await connection.execute(wanted)).first() is not None


def _held_by(tenant: str, external_id: str) -> Any:
    """The ids of a customer's subscriptions, as an array: an index of invoices has theirs."""
    held = select(subscriptions.c.id).join(customers, customers.c.id == subscriptions.c.customer)
    held = held.where(customers.c.tenant == tenant, customers.c.external_id == external_id)
    return func.array(held.scalar_subquery())


def _refunded() -> Any:
    return (
        select(func.coalesce(func.sum(reversals.c.amount), 0))
        .where(
            reversals.c.tenant == invoices.c.tenant,
            reversals.c.invoice == invoices.c.ref,
            reversals.c.kind == ReversalKind.REFUND.value,
        )
        .scalar_subquery()
    )


def _position(row: InvoiceRow) -> Position:
    return Position(row.issued_at or row.at, row.ref)


def _invoice(row: dict[str, Any]) -> InvoiceRow:
    """An invoice. If its row predates the amount columns, they are derived from its amount."""
    del row["tenant"]
    amount, is_paid = row["amount"], row["status"] == "paid"
    due = max(0, amount)
    known = {"total": amount, "amount_due": due, "amount_paid": due if is_paid else 0, "credit_applied": 0}
    for name, value in known.items():
        if row[name] is None:
            row[name] = value
    return InvoiceRow(**row | {"subscription": str(row["subscription"])})
