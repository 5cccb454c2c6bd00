"""The API makes its catalog known, however late that becomes possible."""

import asyncio
from collections.abc import Callable
from dataclasses import replace

import pytest
import structlog

from api import publishing
from api.publishing import Publication
from sandbox.stack import Stack
from storage.catalogs import Catalogs
from tests.harness.shop import CATALOG

OURS = replace(CATALOG, product="latecomer")
OTHER = replace(OURS, add_ons={})


async def until(is_so: Callable[[], object]) -> None:
    async with asyncio.timeout(20):
        while not is_so():  # noqa: ASYNC110 - it is told nowhere
            await asyncio.sleep(0.01)


async def test_a_catalog_that_differs_is_tried_again_until_it_was_pushed_in_place(
    stack: Stack, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(publishing, "AGAIN_AFTER", 0.01)
    catalogs = Catalogs(stack.engine)
    await catalogs.publish(OTHER, in_place=True)
    publication = Publication(catalogs, OURS)
    tries = 0
    publish = catalogs.publish

    async def counted(*given: object, **named: object) -> bool:
        nonlocal tries
        tries += 1
        return await publish(*given, **named)  # type: ignore[arg-type]

    monkeypatch.setattr(catalogs, "publish", counted)

    with structlog.testing.capture_logs() as lines:
        async with publication.at_work():
            await until(lambda: tries > 2)
            assert "raise its version" in publication.why_not

            await Catalogs(stack.engine).publish(OURS, in_place=True)
            await until(lambda: not publication.why_not)

    assert [line["event"] for line in lines] == ["catalog refused"]
