"""Makes the API's catalog known in the database, so that its plans entitle; begun at start, until it is done."""

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
"""Seconds; the database may come later than we, and so may `tenure catalog push --in-place`."""

log = structlog.get_logger("tenure.catalog")


class CatalogPublisher:
    """One in each API process; `reason_unpublished` is empty when the catalog is known, and noted as what the API lives by."""

    def __init__(self, engine: AsyncEngine, catalog: Catalog) -> None:
        self._engine, self._catalog = engine, catalog
        self.reason_unpublished = "the catalog is not published yet"

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Publish while the block runs, until that is done."""
        working = asyncio.create_task(self._work())
        try:
            yield
        finally:
            working.cancel()
            with suppress(asyncio.CancelledError):
                await working

    async def _work(self) -> None:
        while self.reason_unpublished:
            try:
                await Catalogs(self._engine).publish(self._catalog)
                await put_in_force(self._engine, self._catalog.name)
            except Rejected as error:
                if self.reason_unpublished != error.message:
                    log.error("catalog refused", why=error.message)  # noqa: TRY400 - it is told in full
                self.reason_unpublished = error.message
                await asyncio.sleep(RETRY_AFTER)
            except Exception as error:  # noqa: BLE001 - no database, or one that is not migrated: whatever it is may pass
                log.warning("catalog waits to be published", why=type(error).__name__)
                await asyncio.sleep(RETRY_AFTER)
            else:
                self.reason_unpublished = ""
