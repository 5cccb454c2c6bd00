"""The payment pages opened from links in mails, and how often a subscription's links were replaced."""

from dataclasses import dataclass
from datetime import timedelta
from uuid import UUID

from sqlalchemy import ColumnElement, and_, func, select
from sqlalchemy.dialects.postgresql import Insert, insert
from sqlalchemy.ext.asyncio import AsyncEngine

from domain.subscription.state import Subscription
from storage.access.web_sessions import WebRole, end_links_and_sessions
from storage.db.codec import state_from_json
from storage.db.engine import transaction
from storage.schema.tables import customers, pay_pages, subscriptions
from storage.subscriptions.dead_links import withdrawing_all

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
        row = _row(subscription.tenant, subscription.id, page, page, only_if=pay_pages.c.number < number)
        async with transaction(self._engine, subscription.tenant) as connection:
            await connection.execute(row)

    async def renew_links(self, tenant: str, subscription: str) -> None:
        """Invalidates all links mailed so far; mails sent from now on contain new ones.

        The customer's one-time links, of which some were mailed, and their sessions end as well. Mails with such a link
        that have not been sent are withdrawn.
        """
        renewed = {"generation": pay_pages.c.generation + 1, "url": ""}
        wanted = select(subscriptions.c.customer).where(subscriptions.c.id == UUID(subscription))
        async with transaction(self._engine, tenant) as connection:
            await connection.execute(_row(tenant, subscription, {"generation": 1}, renewed))
            customer = (await connection.execute(wanted)).scalar_one()
            await end_links_and_sessions(connection, WebRole.CUSTOMER, customer)
            await connection.execute(withdrawing_all(customer))


def _row(
    tenant: str,
    subscription: str,
    first: dict[str, object],
    later: dict[str, object],
    only_if: ColumnElement[bool] | None = None,
) -> Insert:
    row = insert(pay_pages).values({"tenant": tenant, "subscription": UUID(subscription), **first})
    return row.on_conflict_do_update(index_elements=[pay_pages.c.subscription], set_=later, where=only_if)
