"""Publishes what the API offers at startup, retrying until it succeeds: without its catalog no plan entitles."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import structlog

from api.background.tasks import at_work
from domain.errors import Rejected

RETRY_AFTER = 2.0
"""Seconds. The database may start after us, and `tenure catalog push --in-place` may still have to run."""

log = structlog.get_logger("tenure.offer")

Publish = Callable[[], Awaitable[None]]


class OfferPublisher:
    """One per API process. `reason_unpublished` is empty once catalog and policy are published."""

    def __init__(self, publish: Publish) -> None:
        self._publish = publish
        self.reason_unpublished = "the catalog is not published yet"

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Publish in the background while the block runs, until it succeeds."""
        async with at_work(self._work()):
            yield

    async def _work(self) -> None:
        while self.reason_unpublished:
            try:
                await self._publish()
            except Rejected as error:
                if self.reason_unpublished != error.message:
                    log.error("offer refused", why=error.message)  # noqa: TRY400 - the message says it all
                self.reason_unpublished = error.message
                await asyncio.sleep(RETRY_AFTER)
            except Exception as error:  # noqa: BLE001 - no database, or not migrated yet: any error may be temporary
                log.warning("offer waits to be published", why=type(error).__name__)
                await asyncio.sleep(RETRY_AFTER)
            else:
                self.reason_unpublished = ""
