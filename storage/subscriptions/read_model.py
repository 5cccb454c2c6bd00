"""The read model: subscriptions as the API shows them."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import FromClause, Row, Select, String, cast, func, select
from sqlalchemy.ext.asyncio import AsyncEngine

from domain.audit import references_in
from domain.subscription.lifecycle import Status
from domain.subscription.state import Subscription
from storage.db.codec import state_from_json
from storage.db.engine import transaction
from storage.schema.tables import customers, invoices, journal, subscriptions
from storage.subscriptions.reasons import read_text


@dataclass(frozen=True)
class SubscriptionRow:
    """A subscription with its customer, as last written by its workflow."""

    id: str
    customer_id: str
    external_id: str
    email: str
    name: str | None
    timezone: str
    locale: str
    metadata: Mapping[str, str]
    plan: str
    plan_name: str
    interval: str
    quantity: int
    add_ons: Mapping[str, int]
    amount: int
    currency: str
    status: str
    status_reason: str
    access: str
    sequence: int
    trial_ends_at: datetime | None
    period_start: datetime | None
    period_end: datetime | None
    cancel_at: datetime | None
    resumes_at: datetime | None
    agreement_ref: str
    catalog: str
    """The catalog whose entitlements it keeps, e.g. `shop_v2`; empty if it is older than this field."""
    next_actions: list[Mapping[str, str]]
    state: Mapping[str, Any]
    open_invoice_url: str | None
    """The provider's page of the invoice that is being recovered; None: there is none."""
    created_at: datetime
    updated_at: datetime


@dataclass(frozen=True)
class LiveSubscription:
    """A subscription that is not canceled, in any tenant."""

    id: str
    plan: str
    status: str


_NOT_SHOWN = ("tenant", "customer", "seen_at_provider", "by_use", "blocked_since", "next_action_at")
_CUSTOMER = ("external_id", "email", "name", "timezone", "locale", "metadata")


def select_rows(of: FromClause = subscriptions) -> Select[Any]:
    """All that a `SubscriptionRow` shows, of the subscriptions in *of*."""
    shown = [column for column in subscriptions.c if column.name not in _NOT_SHOWN]
    of_customer = [customers.c[name] for name in _CUSTOMER]
    with_customers = of.join(customers, customers.c.id == subscriptions.c.customer)
    open_invoice = (
        select(invoices.c.url)
        .where(
            invoices.c.tenant == subscriptions.c.tenant,
            invoices.c.ref == subscriptions.c.state["recovery"]["invoice_ref"].astext,
            invoices.c.status == "open",
        )
        .scalar_subquery()
        .label("open_invoice_url")
    )
    return select(*shown, *of_customer, customers.c.id.label("customer_id"), open_invoice).select_from(with_customers)


def row_of(found: Row[Any]) -> SubscriptionRow:
    values = dict(found._mapping)  # noqa: SLF001 - SQLAlchemy's public name for it
    return SubscriptionRow(**values | {"id": str(found.id), "customer_id": str(found.customer_id)})


class Subscriptions:
    """Reads the projection."""

    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = engine

    async def get(self, tenant: str, subscription: str) -> SubscriptionRow | None:
        try:
            id_ = UUID(subscription)
        except ValueError:
            return None
        wanted = select_rows().where(subscriptions.c.tenant == tenant, subscriptions.c.id == id_)
        async with transaction(self._engine, tenant) as connection:
            found = (await connection.execute(wanted)).one_or_none()
        return None if found is None else row_of(found)

    async def cancel_comment(self, tenant: str, row: SubscriptionRow) -> str | None:
        """What was written with a cancellation that has ended the subscription or will; None: nothing, or erased."""
        given = row.state.get("cancel_reason") or ""
        if not references_in([given]):
            return given or None
        async with transaction(self._engine, tenant) as connection:
            return await read_text(connection, tenant, given)

    async def recorded(self, tenant: str, subscription: str) -> Subscription | None:
        """The subscription's stored state, in any status."""
        row = await self.get(tenant, subscription)
        return None if row is None else state_from_json(dict(row.state))

    async def ended(self, subscription: str) -> tuple[Subscription, datetime] | None:
        """A canceled subscription and when something last happened to it; None if it is not canceled."""
        last = select(func.max(journal.c.at)).where(journal.c.subscription == subscriptions.c.id).scalar_subquery()
        wanted = select(subscriptions.c.state, subscriptions.c.updated_at, last.label("last")).where(
            subscriptions.c.id == UUID(subscription), subscriptions.c.status == Status.CANCELED.value
        )
        async with transaction(self._engine) as connection:
            row = (await connection.execute(wanted)).one_or_none()
        return None if row is None else (state_from_json(dict(row.state)), row.last or row.updated_at)

    async def live(
        self, *, plan: str | None, subscription: str | None, after: str | None, limit: int
    ) -> list[LiveSubscription]:
        """The next subscriptions of all tenants that are not canceled, ordered by id."""
        it = subscriptions.c
        wanted = select(it.id, it.plan, it.status).where(it.status != Status.CANCELED.value)
        if plan is not None:
            wanted = wanted.where(it.plan == plan)
        if subscription is not None:
            wanted = wanted.where(cast(it.id, String) == subscription.lower())
        if after is not None:
            wanted = wanted.where(it.id > UUID(after))
        async with transaction(self._engine) as connection:
            rows = await connection.execute(wanted.order_by(it.id).limit(limit))
            return [LiveSubscription(str(row.id), row.plan, row.status) for row in rows]
