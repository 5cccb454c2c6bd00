"""The API publishes its catalog, however late that becomes possible."""

from dataclasses import replace

import pytest
import structlog
from sqlalchemy.ext.asyncio import AsyncEngine

from api.background import offer_publisher
from api.background.offer_publisher import OfferPublisher
from domain.catalog.plans import Catalog
from storage.catalog.catalogs import Catalogs
from storage.catalog.offer import Offer
from tests.harness.logs import but_of_servers
from tests.harness.patience import until
from tests.harness.shop import CATALOG
from tests.storage.conftest import engine

__all__ = ["engine"]

OURS = CATALOG
OTHER = replace(OURS, add_ons={})


async def test_a_conflicting_catalog_is_retried_until_it_is_pushed_in_place(
    engine: AsyncEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(offer_publisher, "RETRY_AFTER", 0.01)
    await Catalogs(engine).publish(OTHER, in_place=True)
    tries = 0
    publish = Catalogs.publish

    async def counted(self: Catalogs, catalog: Catalog, *, in_place: bool = False) -> bool:
        nonlocal tries
        tries += 1
        return await publish(self, catalog, in_place=in_place)

    monkeypatch.setattr(Catalogs, "publish", counted)
    publisher = OfferPublisher(Offer(engine, OURS).publish)

    with structlog.testing.capture_logs() as lines:
        async with publisher.running():
            await until(lambda: tries > 2)
            assert "raise its version" in publisher.reason_unpublished

            await Catalogs(engine).publish(OURS, in_place=True)
            await until(lambda: not publisher.reason_unpublished)

    assert [line["event"] for line in but_of_servers(lines)] == ["offer refused"]
