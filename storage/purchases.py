"""Purchases on hosted pages, in PostgreSQL."""

from collections.abc import Collection, Mapping, Sequence
from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

from pydantic import TypeAdapter
from sqlalchemy import ColumnElement, Row, delete, func, or_, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncEngine

from domain.provider.purchases import PurchasePage
from domain.purchases.ports import PurchaseState, StoredPurchase
from domain.subscription.sign_up import SignUp
from storage.db.engine import transaction
from storage.schema.purchase_tables import purchases
from storage.schema.tables import customers
from storage.subscriptions.customers import NEW_CUSTOMER

FIRST_LOOK = timedelta(minutes=2)
"""How long a page is open before the sweep looks at it for the first time."""
KEPT_FOR = timedelta(hours=24)
"""How long a closed purchase stays after its page has expired: late events still find it."""

_SIGN_UP = TypeAdapter(SignUp)
_WAITING = (PurchaseState.OPEN.value, PurchaseState.REFUSING.value)


class PurchaseRecords:
    """Implements `domain.purchases.ports.StoredPurchases`."""

    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = engine

    async def add(self, purchase: StoredPurchase) -> StoredPurchase:
        sign_up, page = purchase.sign_up, purchase.page
        row = insert(purchases).values(
            subscription=UUID(sign_up.subscription),
            tenant=sign_up.tenant,
            page_ref=page.ref,
            url=page.url,
            success_url=purchase.success_url,
            customer_ref=purchase.customer_ref,
            sign_up=_SIGN_UP.dump_python(sign_up, mode="json"),
            expires_at=page.expires_at,
            look_at=func.now() + FIRST_LOOK,
        )
        async with transaction(self._engine) as connection:
            await connection.execute(row.on_conflict_do_nothing())
        stored = await self.of_subscription(sign_up.subscription)
        assert stored is not None  # noqa: S101 - stored just now, or before
        return stored

    async def of_subscription(self, subscription: str) -> StoredPurchase | None:
        try:
            id_ = UUID(subscription)
        except ValueError:  # as somebody else may have marked an agreement
            return None
        return await self._one(purchases.c.subscription == id_)

    async def of_page(self, page_ref: str) -> StoredPurchase | None:
        return await self._one(purchases.c.page_ref == page_ref)

    async def _one(self, condition: ColumnElement[bool]) -> StoredPurchase | None:
        async with transaction(self._engine) as connection:
            row = (await connection.execute(select(purchases).where(condition))).one_or_none()
        return None if row is None else _purchase(row)

    async def known(self, page_refs: Collection[str]) -> Mapping[str, str]:
        wanted = select(purchases.c.page_ref, purchases.c.tenant).where(purchases.c.page_ref.in_(page_refs))
        async with transaction(self._engine) as connection:
            return {row.page_ref: row.tenant for row in await connection.execute(wanted)}

    async def claim(self, page_ref: str, time: timedelta) -> StoredPurchase | None:
        it = purchases.c
        is_free = or_(it.busy_until.is_(None), it.busy_until < func.now())
        claimed = (
            update(purchases)
            .where(it.page_ref == page_ref, it.state.in_(_WAITING), is_free)
            .values(busy_until=func.now() + time)
            .returning(purchases)
        )
        async with transaction(self._engine) as connection:
            row = (await connection.execute(claimed)).one_or_none()
        return None if row is None else _purchase(row)

    async def release(self, page_ref: str, look_again: timedelta) -> None:
        await self._set(page_ref, busy_until=None, look_at=func.now() + look_again)

    async def mark_completed(self, page_ref: str) -> None:
        await self._set(page_ref, completed_at=func.coalesce(purchases.c.completed_at, func.now()))

    async def set_state(self, page_ref: str, state: PurchaseState, code: str = "") -> None:
        await self._set(page_ref, state=state.value, **({"code": code} if code else {}))

    async def _set(self, page_ref: str, **values: Any) -> None:
        async with transaction(self._engine) as connection:
            await connection.execute(update(purchases).where(purchases.c.page_ref == page_ref).values(values))

    async def due(self, limit: int) -> Sequence[str]:
        it = purchases.c
        wanted = select(it.page_ref).where(it.state.in_(_WAITING), it.look_at <= func.now())
        async with transaction(self._engine) as connection:
            return list((await connection.execute(wanted.order_by(it.look_at).limit(limit))).scalars())

    async def look_soon(self, page_refs: Collection[str]) -> None:
        it = purchases.c
        waiting = update(purchases).where(it.page_ref.in_(page_refs), it.state.in_(_WAITING))
        async with transaction(self._engine) as connection:
            await connection.execute(waiting.values(look_at=func.now()))

    async def keep_customer(self, sign_up: SignUp, customer_ref: str) -> str:
        it, contact = customers.c, sign_up.contact
        said = {"name": contact.name, "timezone": contact.timezone, "locale": contact.locale}
        new = {
            "id": uuid4(),
            "tenant": sign_up.tenant,
            "external_id": contact.external_id,
            "email": contact.email,
            "customer_ref": customer_ref,
            **NEW_CUSTOMER,
            **{name: value for name, value in said.items() if value is not None},
        }
        is_them = (it.tenant == sign_up.tenant) & (it.external_id == contact.external_id)
        is_new = it.customer_ref.is_distinct_from(customer_ref) & ~it.former_refs.contains([customer_ref])
        # The provider's late messages about the purchase find them by it.
        known_as = update(customers).values(former_refs=func.array_append(it.former_refs, customer_ref))
        async with transaction(self._engine) as connection:
            await connection.execute(insert(customers).values(new).on_conflict_do_nothing())
            await connection.execute(known_as.where(is_them, is_new))
            return str((await connection.execute(select(it.id).where(is_them))).scalar_one())

    async def stuck(self, longer_than: timedelta) -> Sequence[StoredPurchase]:
        it = purchases.c
        wanted = select(purchases).where(it.state.in_(_WAITING), it.completed_at < func.now() - longer_than)
        async with transaction(self._engine) as connection:
            return [_purchase(row) for row in await connection.execute(wanted.order_by(it.completed_at))]

    async def forget_old(self) -> int:
        it = purchases.c
        old = delete(purchases).where(it.expires_at < func.now() - KEPT_FOR, it.state.not_in(_WAITING))
        async with transaction(self._engine) as connection:
            return (await connection.execute(old)).rowcount


def _purchase(row: Row[Any]) -> StoredPurchase:
    return StoredPurchase(
        PurchasePage(row.page_ref, row.url, row.expires_at),
        _SIGN_UP.validate_python(row.sign_up),
        row.success_url,
        row.customer_ref,
        PurchaseState(row.state),
        row.code,
        row.created_at,
        row.completed_at,
    )
