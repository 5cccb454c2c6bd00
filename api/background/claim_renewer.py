"""Renews the claims of requests in progress: a claim that is not renewed is one whose process has died."""

import asyncio
from collections import defaultdict
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from typing import Final

import structlog

from api.background.tasks import at_work
from domain.errors import TenureError
from storage.access.idempotency import LEASE, Claim

RENEW_EVERY: Final = LEASE / 3
"""Often enough that one failed attempt loses no claim."""

log = structlog.get_logger("tenure.claims")

Renew = Callable[[str, Sequence[Claim]], Awaitable[None]]


class ClaimRenewer:
    """One per API process. Requests that are answered between two rounds cost nothing."""

    def __init__(self, renew: Renew) -> None:
        self._renew = renew
        self._held: set[Claim] = set()

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Renew what is held while the block runs."""
        async with at_work(self._work()):
            yield

    @contextmanager
    def holding(self, claim: Claim) -> Iterator[None]:
        """Keep a claim while its request is in progress."""
        self._held.add(claim)
        try:
            yield
        finally:
            self._held.discard(claim)

    async def _work(self) -> None:
        while True:
            await asyncio.sleep(RENEW_EVERY.total_seconds())
            by_tenant: dict[str, list[Claim]] = defaultdict(list)
            for claim in self._held:
                by_tenant[claim.tenant].append(claim)
            for tenant, claims in by_tenant.items():
                await self._round(tenant, claims)

    async def _round(self, tenant: str, claims: Sequence[Claim]) -> None:
        try:
            await self._renew(tenant, claims)
        except TenureError as error:
            log.warning("claims not renewed", count=len(claims), why=error.message)
        except Exception:
            log.exception("claims not renewed", count=len(claims))
