"""The history of a subscription: steps with their causes, mails, usage thresholds, and its invoices."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import BigInteger, Row, cast, func, select
from sqlalchemy.ext.asyncio import AsyncEngine

from domain.entitlements.usage_mails import USAGE_OCCASIONS, feature_of, threshold_of
from domain.provider.payments import ReversalKind
from storage.db.engine import LISTS_WITHIN, transaction
from storage.schema.tables import customers, invoices, journal, mails, reversals, subscriptions


@dataclass(frozen=True)
class PastEntry:
    """One event: a journal entry, a mail, or usage close to a limit."""

    at: datetime
    kind: str
    summary: str
    cause_kind: str
    cause_ref: str
    cause_actor: str
    details: Mapping[str, str]


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


class Timeline:
    """Reads the journal, mails and invoices."""

    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = engine

    async def past(self, tenant: str, subscription: str) -> list[PastEntry]:
        """All events, oldest first; each mail follows the step that decided it."""
        id_ = UUID(subscription)
        lines = (
            select(journal)
            .where(journal.c.tenant == tenant, journal.c.subscription == id_)
            .order_by(journal.c.sequence, journal.c.position)
        )
        queued = (
            select(mails)
            .where(mails.c.tenant == tenant, mails.c.subscription == id_)
            .order_by(mails.c.at, mails.c.created_at, mails.c.key)
        )
        async with transaction(self._engine, tenant, statements_within=LISTS_WITHIN) as connection:
            past = [
                PastEntry(
                    row.at, row.kind, row.summary, row.cause_kind, row.cause_ref, row.cause_actor, dict(row.details)
                )
                for row in await connection.execute(lines)
            ]
            for row in await connection.execute(queued):
                past += _mailed(row)
        return sorted(past, key=lambda entry: entry.at)

    async def invoices(self, tenant: str, *, external_id: str | None, limit: int = 100) -> list[InvoiceRow]:
        """Invoices of one customer or of all, newest first."""
        refunded = (
            select(func.coalesce(func.sum(reversals.c.amount), 0))
            .where(
                reversals.c.tenant == invoices.c.tenant,
                reversals.c.invoice == invoices.c.ref,
                reversals.c.kind == ReversalKind.REFUND.value,
            )
            .scalar_subquery()
        )
        wanted = (
            select(invoices, cast(refunded, BigInteger).label("amount_refunded"))
            .join(subscriptions, subscriptions.c.id == invoices.c.subscription)
            .join(customers, customers.c.id == subscriptions.c.customer)
            .where(invoices.c.tenant == tenant)
            .order_by(invoices.c.at.desc(), invoices.c.ref)
            .limit(limit)
        )
        if external_id is not None:
            wanted = wanted.where(customers.c.external_id == external_id)
        async with transaction(self._engine, tenant, statements_within=LISTS_WITHIN) as connection:
            rows = [dict(row._mapping) for row in await connection.execute(wanted)]  # noqa: SLF001
        return [_invoice_row(row) for row in rows]

    async def open_invoice(self, tenant: str, subscription: str) -> str | None:
        """The URL of the page to pay the newest unpaid invoice."""
        wanted = (
            select(invoices.c.url)
            .join(subscriptions, subscriptions.c.id == invoices.c.subscription)
            .where(
                invoices.c.tenant == tenant,
                invoices.c.subscription == UUID(subscription),
                invoices.c.status == "open",
                invoices.c.url != "",
                subscriptions.c.status != "canceled",
            )
            .order_by(invoices.c.at.desc())
            .limit(1)
        )
        async with transaction(self._engine, tenant) as connection:
            url: str | None = (await connection.execute(wanted)).scalar()
        return url


def _invoice_row(row: dict[str, Any]) -> InvoiceRow:
    """An invoice. If its row predates the amount columns, they are derived from its amount."""
    del row["tenant"]
    amount, is_paid = row["amount"], row["status"] == "paid"
    due = max(0, amount)
    known = {"total": amount, "amount_due": due, "amount_paid": due if is_paid else 0, "credit_applied": 0}
    for name, value in known.items():
        if row[name] is None:
            row[name] = value
    return InvoiceRow(**row | {"subscription": str(row["subscription"])})


def _mailed(row: Row[Any]) -> list[PastEntry]:
    """A mail. A usage mail, which no step of the subscription has decided, follows the state of the usage."""
    details = {"mail": str(row.id), "key": row.key, "message_id": row.message_id or "", "status": row.status}
    summary = f"Mail {row.occasion.replace('_', ' ')}: {row.status}"
    # Of an erased customer the usage is not told any more.
    if row.occasion not in USAGE_OCCASIONS or not row.facts:
        return [PastEntry(row.at, f"mail_{row.status}", summary, "step", row.key, "", details)]
    return [_crossed(row), PastEntry(row.at, f"mail_{row.status}", summary, "usage", row.key, "", details)]


def _crossed(row: Row[Any]) -> PastEntry:
    facts = row.facts
    summary = f"{facts['meter_name']}: {facts['used']} of {facts['limit']} used ({facts['percent']} %)"
    details = {name: str(facts[name]) for name in ("plan", "used", "limit", "percent")}
    details |= {"feature": feature_of(row.key), "threshold": threshold_of(row.key)}
    return PastEntry(row.at, row.occasion, summary, "usage", row.key, "", details)
