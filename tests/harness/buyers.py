"""Somebody who buys on a hosted page, as a story tells it."""

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import Any, TypeVar

import httpx
from sqlalchemy import text

from domain.names import DEFAULT_TENANT
from domain.provider.events import KeptEvent
from domain.provider.hints import EventKind
from domain.purchases.ports import PurchaseState
from sandbox.product import Product
from sandbox.stack import Stack
from services.purchases import PurchaseService
from tests.harness.lives import Life
from tests.harness.patience import PATIENT

T = TypeVar("T")


async def _once_there(look: Callable[[], Awaitable[T | None]]) -> T:
    """Look until there is something."""
    async with asyncio.timeout(PATIENT):
        while True:
            if found := await look():
                return found
            await asyncio.sleep(0.05)


class Buyer:
    """Somebody who buys, and what can be seen of them."""

    def __init__(self, stack: Stack, product: Product, name: str) -> None:
        self.stack = stack
        self.product = product
        self.name = name
        self.page: dict[str, Any] = {}

    @property
    def purchases(self) -> PurchaseService:
        return self.stack.api_parts.purchases(DEFAULT_TENANT)

    @property
    def ref(self) -> str:
        return str(self.page["url"]).rpartition("/")[2]

    async def opens(self, **requested: Any) -> "Buyer":
        self.page = await self.product.open_purchase(self.name, **requested)
        return self

    async def completes(self, card: str = "pm_card_visa", **entered: str) -> str:
        return await self.product.complete_page(self.page["url"], card, **entered)

    async def follows(self, url: str) -> httpx.Response:
        """What a browser shows in the end that goes on by itself where a page says so, and not to the product."""
        async with httpx.AsyncClient(timeout=PATIENT, trust_env=False) as browser:
            shown = await browser.get(url)
            while "refresh" in shown.headers:
                shown = await browser.get(str(shown.url.join(shown.headers["refresh"].partition("url=")[2])))
            return shown

    async def begun(self) -> Life:
        """The subscription, once the purchase is taken over."""

        async def look() -> bool:
            stored = await self.purchases.stored.of_page(self.ref)
            return stored is not None and stored.state.is_closed

        await _once_there(look)
        return Life(self.product, self.name, await self.product.subscription(self.page["subscription"]))

    async def over(self) -> Life:
        """The subscription that could not begin, once the purchase is undone."""
        life = await self.begun()
        assert await life.status() == ("canceled", "none")
        return life

    async def refusals(self) -> list[dict[str, Any]]:
        """The mails that a purchase could not begin, once there are any."""

        async def look() -> list[dict[str, Any]]:
            mails = await self.product.mails(self.name)
            return [mail for mail in mails if mail["headers"]["X-Tenure-Occasion"] == "purchase_refused"]

        return await _once_there(look)

    async def heard_of(self, news: str, outcome: str) -> bool:
        """Whether the provider has told of something, and that came of it."""
        wanted = text("select true from webhook_inbox where news = :news and outcome = :outcome")
        async with self.stack.engine.connect() as connection:
            found = await connection.execute(wanted, {"news": news, "outcome": outcome})
            return found.first() is not None

    async def late_event(self) -> KeptEvent:
        """What Stripe would have sent about the completed page."""
        since = datetime.now(UTC) - timedelta(hours=1)
        found = await self.stack.provider.history.events(since, None, None, undelivered=False)
        event = next(
            each.event
            for each in found.events
            if each.event.news is EventKind.CARD_GIVEN and each.event.object_id == self.ref
        )
        return KeptEvent(event, datetime.now(UTC))

    async def is_due(self) -> None:
        """The sweep looks at the page next."""
        await self._execute("update purchases set look_at = now() where page_ref = :page")

    @asynccontextmanager
    async def forgotten(self) -> AsyncIterator[None]:
        """Inside the block the purchase is lost to us. It begins afterwards: other tests look for strangers too."""
        lost = text("delete from purchases where page_ref = :page returning to_jsonb(purchases)")
        async with self.stack.engine.begin() as connection:
            row = json.dumps((await connection.execute(lost, {"page": self.ref})).scalar_one())
        yield
        found = text("insert into purchases select * from jsonb_populate_record(null::purchases, cast(:row as jsonb))")
        async with self.stack.engine.begin() as connection:
            await connection.execute(found, {"row": row})
        assert await self.purchases.settle(self.ref) is PurchaseState.BEGUN

    async def waited(self, time: str) -> None:
        """So long ago it was completed."""
        moved = f"completed_at = completed_at - interval '{time}'"
        await self._execute(f"update purchases set {moved} where page_ref = :page")  # noqa: S608 - ours

    async def _execute(self, statement: str) -> None:
        async with self.stack.engine.begin() as connection:
            await connection.execute(text(statement), {"page": self.ref})

    async def rows(self, table: str, column: str, value: str) -> int:
        statement = text(f"select count(*) from {table} where {column} = :value")  # noqa: S608 - names are ours
        async with self.stack.engine.connect() as connection:
            return int((await connection.execute(statement, {"value": value})).scalar_one())

    async def stripe_customers(self) -> list[str]:
        found = await self.stack.provider.purchases.purchase(self.ref)
        return [found.customer_ref] if found.customer_ref else []
