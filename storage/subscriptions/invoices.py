"""Writes invoices as the provider has them."""

from datetime import datetime
from uuid import UUID

from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from domain.provider.payments import Invoice
from domain.subscription.state import Subscription
from storage.schema.tables import invoices


async def write_invoice(connection: AsyncConnection, it: Subscription, invoice: Invoice, *, at: datetime) -> None:
    """Write an invoice of a subscription, unless it is stored as paid. *at* is when this standing was learned of."""
    values = {
        "tenant": it.tenant,
        "ref": invoice.ref,
        "subscription": UUID(it.id),
        "number": invoice.number,
        "status": invoice.status,
        "amount": invoice.amount,
        "currency": invoice.currency,
        "url": invoice.url,
        "pdf": invoice.pdf,
        "attempts": invoice.attempts,
        "period_start": invoice.period_start,
        "period_end": invoice.period_end,
        "total": invoice.total,
        "amount_due": invoice.amount_due,
        "amount_paid": invoice.amount_paid,
        "credit_applied": invoice.credit_applied,
        "issued_at": invoice.issued_at,
        "paid_at": invoice.paid_at,
        "at": at,
    }
    await connection.execute(
        insert(invoices)
        .values(values)
        .on_conflict_do_update(
            index_elements=[invoices.c.tenant, invoices.c.ref],
            set_={name: value for name, value in values.items() if name not in ("tenant", "ref", "subscription")},
            # Paid stays paid: a late result does not reopen it.
            where=invoices.c.status != "paid",
        )
    )
