"""By what the rows of a customer are found."""

from uuid import UUID

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncConnection

from storage.privacy.whose import Subject
from storage.schema.tables import customers, subscriptions


async def subject_of(connection: AsyncConnection, tenant: str, customer: UUID, *, lock: bool = False) -> Subject | None:
    """The customer with their subscriptions and ids at the payment provider; None: there is no such customer.

    With *lock*, no step of theirs is recorded until the transaction ends.
    """
    wanted = select(customers).where(customers.c.tenant == tenant, customers.c.id == customer)
    row = (await connection.execute(wanted.with_for_update() if lock else wanted)).one_or_none()
    if row is None:
        return None
    it = subscriptions.c
    theirs = select(it.id, it.agreement_ref, it.state["customer_ref"].astext.label("customer_ref")).where(
        it.tenant == tenant, it.customer == customer
    )
    found = (await connection.execute(theirs.order_by(it.created_at, it.id))).all()
    refs = {row.customer_ref, *row.former_refs, *(each.customer_ref for each in found)}
    return Subject(
        tenant,
        customer,
        row.external_id,
        row.email,
        tuple(each.id for each in found),
        tuple(sorted(ref for ref in refs if ref)),
        tuple(sorted(each.agreement_ref for each in found if each.agreement_ref)),
    )
