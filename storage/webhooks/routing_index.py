"""Maps customers and agreements at the payment provider to subscriptions."""

from collections.abc import Iterable, Sequence
from typing import Any

from sqlalchemy import func, literal, select, union_all
from sqlalchemy.ext.asyncio import AsyncEngine

from domain.provider.events import Address, Directory
from storage.db.arrays import texts
from storage.db.engine import single, statement
from storage.schema.tables import customers, subscriptions


class RoutingIndex:
    """Finds the subscriptions that an event is for."""

    def __init__(self, engine: AsyncEngine) -> None:
        self._at_once = single(engine)

    async def look_up(self, customer_refs: Iterable[str], agreement_refs: Iterable[str]) -> Directory:
        """All subscriptions of these customers and agreements, in any status, with one query."""
        it = subscriptions.c
        shown = (it.id, it.agreement_ref, it.created_at, it.customer)
        joined = subscriptions.join(customers, customers.c.id == it.customer)
        of_customers = (
            select(*shown, customers.c.customer_ref)
            .select_from(joined)
            .where(customers.c.customer_ref == func.any(texts(sorted(customer_refs))))
        )
        former = func.unnest(customers.c.former_refs).table_valued("ref").render_derived("former")
        of_deleted = (
            select(*shown, former.c.ref.label("customer_ref"))
            .select_from(joined.join(former, literal(True)))
            .where(
                customers.c.former_refs.overlap(texts(sorted(customer_refs))),
                former.c.ref == func.any(texts(sorted(customer_refs))),
            )
        )
        # The condition is repeated so that the partial index can be used.
        of_agreements = select(*shown, literal("").label("customer_ref")).where(
            it.agreement_ref == func.any(texts(sorted(agreement_refs))), it.agreement_ref != ""
        )
        found = union_all(of_customers, of_deleted, of_agreements).subquery()
        async with statement(self._at_once) as connection:
            rows = (await connection.execute(select(found).order_by(found.c.created_at))).all()
        return _directory(rows)


def _directory(rows: Sequence[Any]) -> Directory:
    by_customer: dict[str, list[Address]] = {}
    by_agreement: dict[str, str] = {}
    for row in rows:
        address = Address(str(row.id), row.agreement_ref, str(row.customer))
        if row.customer_ref:
            by_customer.setdefault(row.customer_ref, []).append(address)
        if row.agreement_ref:
            by_agreement[row.agreement_ref] = address.subscription
    return Directory(by_customer, by_agreement)
