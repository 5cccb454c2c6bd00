"""What the billing pages show of one customer: their subscription and their invoices."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Row, Select, String, case, cast, func, select, true, tuple_
from sqlalchemy.ext.asyncio import AsyncEngine

from domain.subscription.state import Subscription
from storage.db.codec import state_from_json
from storage.db.engine import transaction
from storage.schema.tables import customers, invoices, journal, pay_pages, subscriptions


@dataclass(frozen=True)
class BillingAccount:
    """A customer, with their live subscription or else the latest."""

    tenant: str
    customer_id: str
    external_id: str
    email: str
    name: str | None
    timezone: str
    locale: str
    subscription: Subscription | None
    """None: their sign-up has not been recorded."""
    ended_at: datetime | None
    """When something last happened to a subscription that is over."""
    link_generation: int
    """The valid generation of the links in its mails."""
    invoice_url: str
    """The provider's page of the newest open invoice; empty: nothing is open."""
    next_actions: Sequence[Mapping[str, str]]
    """What is ahead, soonest first."""
    now: datetime
    """The latest known moment: the clock's, or that of the subscription's latest step."""
    customer_ref: str = ""
    """The provider's id of the customer; empty: it knows none."""


@dataclass(frozen=True)
class ListedInvoice:
    """An invoice as the customer sees it in their list."""

    ref: str
    number: str
    status: str
    amount: int
    currency: str
    has_page: bool
    has_pdf: bool
    at: datetime
    """When it was issued, or else last seen."""


_CUSTOMER = ("external_id", "email", "name", "timezone", "locale")


class BillingAccounts:
    """Reads accounts and their invoices."""

    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = engine

    async def of_customer(self, tenant: str, customer: str) -> BillingAccount | None:
        """The account of a customer, by our own id; None if there is no such customer."""
        wanted = _with_latest()
        return await self._account(wanted.where(customers.c.tenant == tenant, customers.c.id == UUID(customer)), tenant)

    async def locale_of(self, tenant: str, customer: str) -> str | None:
        """A customer's locale; None if there is no such customer."""
        mine = (customers.c.tenant == tenant, customers.c.id == UUID(customer))
        async with transaction(self._engine, tenant) as connection:
            found: str | None = (await connection.execute(select(customers.c.locale).where(*mine))).scalar()
        return found

    async def by_external_id(self, tenant: str, external_id: str) -> BillingAccount | None:
        """The account of a customer, by the product's own id; None if there is no such customer."""
        wanted = _with_latest().where(customers.c.tenant == tenant, customers.c.external_id == external_id)
        return await self._account(wanted, tenant)

    async def of_subscription(self, subscription: str, tenant: str | None = None) -> BillingAccount | None:
        """The account with this subscription; None if there is none. Without *tenant*, in any."""
        it = subscriptions
        wanted = _account(it).select_from(customers.join(it, it.c.customer == customers.c.id))
        return await self._account(wanted.where(it.c.id == UUID(subscription)), tenant)

    async def by_address(self, tenant: str, email: str) -> Sequence[BillingAccount]:
        """The accounts of all customers of a tenant with this address, at most ten."""
        it = subscriptions
        newest_first = ((it.c.status == "canceled"), it.c.created_at.desc())
        latest = select(it).where(it.c.customer == customers.c.id).order_by(*newest_first).limit(1).lateral("latest")
        wanted = _account(latest).select_from(customers.join(latest, true()))
        wanted = wanted.where(customers.c.tenant == tenant, func.lower(customers.c.email) == email.lower())
        wanted = wanted.order_by(customers.c.id).limit(10)
        async with transaction(self._engine, tenant) as connection:
            return [_account_of(row) for row in await connection.execute(wanted)]

    async def invoices(
        self, tenant: str, customer: str, *, after: str | None = None, limit: int
    ) -> tuple[Sequence[ListedInvoice], str | None]:
        """Invoices of a customer, newest first, and the reference after which the next page begins."""
        order = (func.coalesce(invoices.c.issued_at, invoices.c.at), invoices.c.ref)
        mine = _of_customer(tenant, customer)
        wanted = select(invoices).join(subscriptions, subscriptions.c.id == invoices.c.subscription).where(*mine)
        if after is not None:
            last = select(*order).join(subscriptions, subscriptions.c.id == invoices.c.subscription)
            last = last.where(*mine, invoices.c.ref == after)
            wanted = wanted.where(tuple_(*order) < last.scalar_subquery())
        wanted = wanted.order_by(*(column.desc() for column in order)).limit(limit + 1)
        async with transaction(self._engine, tenant) as connection:
            rows = (await connection.execute(wanted)).all()
        found = [_invoice(row) for row in rows[:limit]]
        return found, found[-1].ref if len(rows) > limit else None

    async def invoice_page(self, tenant: str, customer: str, ref: str, *, pdf: bool) -> str | None:
        """The address of an invoice's page or file at the provider; None if the customer has no such invoice."""
        column = invoices.c.pdf if pdf else invoices.c.url
        wanted = select(column).join(subscriptions, subscriptions.c.id == invoices.c.subscription)
        async with transaction(self._engine, tenant) as connection:
            found = (
                await connection.execute(wanted.where(*_of_customer(tenant, customer), invoices.c.ref == ref))
            ).scalar()
        return found or None

    async def _account(self, wanted: Select[Any], tenant: str | None = None) -> BillingAccount | None:
        async with transaction(self._engine, tenant) as connection:
            row = (await connection.execute(wanted)).one_or_none()
        return None if row is None else _account_of(row)


def _of_customer(tenant: str, customer: str) -> tuple[Any, ...]:
    return (invoices.c.tenant == tenant, subscriptions.c.tenant == tenant, subscriptions.c.customer == UUID(customer))


def _with_latest() -> Select[Any]:
    """The accounts of customers with their live subscription, else the latest, if they have one."""
    it = subscriptions
    newest_first = ((it.c.status == "canceled"), it.c.created_at.desc())
    of_theirs = select(it).where(it.c.customer == customers.c.id).order_by(*newest_first).limit(1)
    latest = of_theirs.lateral("latest")
    return _account(latest).select_from(customers.join(latest, true(), isouter=True))


def _account(it: Any) -> Select[Any]:
    """The columns of an account whose subscription is *it*."""
    latest_at = select(func.max(journal.c.at)).where(journal.c.subscription == it.c.id).scalar_subquery()
    generation = select(pay_pages.c.generation).where(pay_pages.c.subscription == it.c.id).scalar_subquery()
    invoice = (
        select(invoices.c.url)
        .where(invoices.c.subscription == it.c.id, invoices.c.status == "open", invoices.c.url != "")
        .order_by(invoices.c.at.desc())
        .limit(1)
        .scalar_subquery()
    )
    return select(
        customers.c.tenant,
        cast(customers.c.id, String).label("customer_id"),
        *(customers.c[name] for name in _CUSTOMER),
        func.coalesce(customers.c.customer_ref, "").label("customer_ref"),
        it.c.state,
        it.c.next_actions,
        func.coalesce(generation, 0).label("link_generation"),
        case((it.c.status != "canceled", func.coalesce(invoice, "")), else_="").label("invoice_url"),
        func.greatest(func.now(), latest_at).label("now"),
        case((it.c.status == "canceled", latest_at)).label("ended_at"),
    )


def _account_of(row: Row[Any]) -> BillingAccount:
    values = dict(row._mapping)  # noqa: SLF001 - SQLAlchemy's public name for it
    state, ahead = values.pop("state"), values.pop("next_actions")
    subscription = None if state is None else state_from_json(dict(state))
    return BillingAccount(subscription=subscription, next_actions=ahead or (), **values)


def _invoice(row: Row[Any]) -> ListedInvoice:
    amount = row.total if row.total is not None else row.amount
    return ListedInvoice(
        row.ref,
        row.number or row.ref,
        row.status,
        amount,
        row.currency,
        bool(row.url),
        bool(row.pdf),
        row.issued_at or row.at,
    )
