"""The latest known state of reversals: one row per dispute and per refunded charge."""

from uuid import UUID

from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from domain.subscription.journal import Step
from storage.schema.tables import reversals


async def save_reversal(connection: AsyncConnection, step: Step) -> None:
    """Replaces the known state of the reversals in a step."""
    it, reversal = step.subscription, step.reversal
    if reversal is None:
        return
    values = {
        "tenant": it.tenant,
        "ref": reversal.ref,
        "kind": reversal.kind.value,
        "subscription": UUID(it.id),
        "invoice": reversal.invoice_ref,
        "amount": reversal.amount,
        "currency": reversal.currency,
        "status": reversal.status.value if reversal.status is not None else "refunded",
        "reason": reversal.reason,
        "at": max(entry.at for entry in step.entries),
    }
    latest = {name: value for name, value in values.items() if name not in ("tenant", "ref", "subscription")}
    keys = [reversals.c.tenant, reversals.c.ref]
    await connection.execute(insert(reversals).values(values).on_conflict_do_update(index_elements=keys, set_=latest))
