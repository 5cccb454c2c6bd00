"""The payment pages opened from links in mails, and how often a subscription's links were replaced."""

from dataclasses import dataclass
from datetime import timedelta
from uuid import UUID

from sqlalchemy import ColumnElement, and_, func, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncEngine

from domain.subscription.state import Subscription
from storage.db.codec import state_from_json
from storage.db.engine import transaction
from storage.schema.tables import customers, pay_pages, subscriptions

REUSE_FOR = timedelta(hours=20)
"""How long a page is reused; providers close them after 24 hours."""


@dataclass(frozen=True)
class PayPage:
    """Where the links of a subscription lead."""

    subscription: Subscription
    generation: int
    """The generation of the valid links."""
    number: int
    """How many pages were opened so far."""
    url: str
    """The page that is still open; empty if there is none."""
    locale: str
    """The customer's."""
    timezone: str
    """The customer's."""


class PayPages:
    """Stores one page per subscription."""

    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = engine

    async def of(self, subscription: str, tenant: str | None = None) -> PayPage | None:
        """Where the links of a subscription lead; None if there is no such subscription.

        Without *tenant*, for the system's role alone, it is looked for in all. A page is reused until something happens
        to the subscription, such as a card entered on it.
        """
        is_open = and_(
            pay_pages.c.sequence == subscriptions.c.sequence,
            pay_pages.c.opened_at > func.now() - REUSE_FOR,
        )
        wanted = (
            select(subscriptions.c.state, pay_pages, is_open.label("is_open"), customers.c.locale, customers.c.timezone)
            .join(customers, customers.c.id == subscriptions.c.customer)
            .join(pay_pages, pay_pages.c.subscription == subscriptions.c.id, isouter=True)
            .where(subscriptions.c.id == UUID(subscription))
        )
        async with transaction(self._engine, tenant) as connection:
            row = (await connection.execute(wanted)).one_or_none()
        if row is None:
            return None
        url = row.url if row.is_open else ""
        state = state_from_json(dict(row.state))
        return PayPage(state, row.generation or 0, row.number or 0, url, row.locale, row.timezone)

    async def opened(self, subscription: Subscription, number: int, url: str) -> None:
        """Stores the page as the subscription's *number*-th."""
        page = {"number": number, "url": url, "sequence": subscription.sequence, "opened_at": func.now()}
        await self._write(subscription.tenant, subscription.id, page, page, only_if=pay_pages.c.number < number)

    async def renew_links(self, tenant: str, subscription: str) -> None:
        """Invalidates all links mailed so far; mails sent from now on contain new ones."""
        renewed = {"generation": pay_pages.c.generation + 1, "url": ""}
        await self._write(tenant, subscription, {"generation": 1}, renewed)

    async def _write(
        self,
        tenant: str,
        subscription: str,
        first: dict[str, object],
        later: dict[str, object],
        only_if: ColumnElement[bool] | None = None,
    ) -> None:
        row = insert(pay_pages).values({"tenant": tenant, "subscription": UUID(subscription), **first})
        async with transaction(self._engine, tenant) as connection:
            await connection.execute(
                row.on_conflict_do_update(index_elements=[pay_pages.c.subscription], set_=later, where=only_if)
            )
