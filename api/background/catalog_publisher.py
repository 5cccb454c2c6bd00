"""Publishes the API's catalog to the database at startup, retrying until it succeeds: without it no plan entitles."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

import structlog
from sqlalchemy.ext.asyncio import AsyncEngine

from domain.catalog.plans import Catalog
from domain.errors import Rejected
from storage.catalog.catalogs import Catalogs
from storage.catalog.current import put_in_force

RETRY_AFTER = 2.0
"""Seconds. The database may start after us, and `tenure catalog push --in-place` may still have to run."""

log = structlog.get_logger("tenure.catalog")


class CatalogPublisher:
    """One per API process. `reason_unpublished` is empty once the catalog is published and recorded as in force."""

    def __init__(self, engine: AsyncEngine, catalog: Catalog) -> None:
        self._engine, self._catalog = engine, catalog
        self.reason_unpublished = "the catalog is not published yet"

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Publish in the background while the block runs, until it succeeds."""
        task = asyncio.create_task(self._work())
        try:
            yield
        finally:
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task

    async def _work(self) -> None:
        while self.reason_unpublished:
            try:
                await Catalogs(self._engine).publish(self._catalog)
                await put_in_force(self._engine, self._catalog.name)
            except Rejected as error:
                if self.reason_unpublished != error.message:
                    log.error("catalog refused", why=error.message)  # noqa: TRY400 - the message says it all
                self.reason_unpublished = error.message
                await asyncio.sleep(RETRY_AFTER)
            except Exception as error:  # noqa: BLE001 - no database, or not migrated yet: any error may be temporary
                log.warning("catalog waits to be published", why=type(error).__name__)
                await asyncio.sleep(RETRY_AFTER)
            else:
                self.reason_unpublished = ""
