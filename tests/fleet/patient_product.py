"""A product that takes it as it comes when processes behind the proxy die: it asks again, under the same key."""

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta
from typing import Any, Final, TypeVar
from uuid import uuid4

import httpx

from sandbox.product import Product, RefusedError
from sandbox.stack import Addresses
from tests.harness.patience import PATIENT

UNAVAILABLE: Final = frozenset({httpx.codes.SERVICE_UNAVAILABLE, httpx.codes.GATEWAY_TIMEOUT})
IN_PROGRESS = "request_in_progress"
PAUSE = 0.3
T = TypeVar("T")


class PatientProduct(Product):
    """Repeats what got no answer until it has one."""

    def __init__(self, addresses: Addresses) -> None:
        super().__init__(addresses)
        self.copies: Counter[str] = Counter()
        """How often a mail came again, by its Message-ID: which mail systems recognize as the same one."""

    async def get(self, path: str, **params: str) -> dict[str, Any]:
        return await _answered(lambda: super(PatientProduct, self).get(path, **params))

    async def post(self, path: str, body: dict[str, Any], *, key: str | None = None) -> dict[str, Any]:
        key = key or str(uuid4())
        return await _answered(lambda: super(PatientProduct, self).post(path, body, key=key))

    async def travel(self, subscription: str, by: timedelta) -> datetime:
        """A way that is cut off because nobody answers a query is begun again: it may lead further then."""
        return await _answered(lambda: super(PatientProduct, self).travel(subscription, by))

    async def mails(self, external_id: str) -> list[dict[str, Any]]:
        """Every mail the customer has received, without copies, which are counted."""
        received = await super().mails(external_id)
        times = Counter(mail["message_id"] for mail in received)
        self.copies.update({each: number - 1 - self.copies[each] for each, number in times.items() if number > 1})
        return list({mail["message_id"]: mail for mail in received}.values())


async def _answered(ask: Callable[[], Awaitable[T]]) -> T:
    async with asyncio.timeout(PATIENT):
        while True:
            try:
                return await ask()
            except RefusedError as error:
                if error.status not in UNAVAILABLE and error.problem.get("code") != IN_PROGRESS:
                    raise
            await asyncio.sleep(PAUSE)
