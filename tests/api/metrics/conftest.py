"""An API on a database of the test's own, in which three customers have lived."""

from collections.abc import AsyncIterator, Iterator, Mapping
from datetime import UTC, date, datetime
from typing import Any
from zoneinfo import ZoneInfo

import httpx
import pytest
from fastapi import FastAPI
from sqlalchemy import event

from domain.subscription.ends import EndKind
from domain.subscription.lifecycle import Status
from domain.subscription.state import Pause
from storage.access.api_keys import ApiKeys, Role
from storage.db.roles import DatabaseRole
from tests.builders import PRO
from tests.harness.catalogs import shipped_catalog
from tests.harness.postgres import Databases
from tests.storage.ledger import Ledger, a_step, later
from tests.web.site import a_browser, an_app


@pytest.fixture
def ledger(databases: Databases, database_url: str) -> Ledger:
    return Ledger(databases.engine(database_url))


@pytest.fixture
def sent() -> list[str]:
    """The statements that the API sends for what is asked of it."""
    return []


@pytest.fixture
def app(databases: Databases, database_url: str, sent: list[str]) -> Iterator[FastAPI]:
    engine, system_engine = (databases.engine(database_url, role) for role in DatabaseRole)

    def note(*given: Any) -> None:
        sent.append(given[2])

    event.listen(engine.sync_engine, "before_cursor_execute", note)
    yield an_app(engine=engine, system_engine=system_engine, catalog=shipped_catalog(), timezone="Europe/Berlin")
    event.remove(engine.sync_engine, "before_cursor_execute", note)


@pytest.fixture
async def api(app: FastAPI, ledger: Ledger) -> AsyncIterator[httpx.AsyncClient]:
    """A caller who may only read."""
    key = await ApiKeys(ledger.engine).create(Role.READ_ONLY, "the founder")
    async with a_browser(app, Authorization=f"Bearer {key}") as http:
        yield http


def today_in(told: Mapping[str, Any]) -> date:
    """The day on which a report was made, in its own time zone: `as_of` is in UTC, where midnight is later."""
    return datetime.fromisoformat(told["as_of"]).astimezone(ZoneInfo(told["timezone"])).date()


def on(month: int) -> datetime:
    return datetime(2026, month, 10, 12, tzinfo=UTC)


@pytest.fixture
async def lives(ledger: Ledger) -> None:
    """In January three pay; in February one takes a larger plan and one pauses; in March one leaves."""
    paid = {}
    for name in ("ada", "bob", "eve"):
        it = later(await ledger.sign_up(name), status=Status.ACTIVE, agreement_ref=f"sub_{name}")
        await ledger.save(a_step(it, at=on(1)))
        paid[name] = it
    larger = later(paid["ada"]).choosing(PRO)
    await ledger.save(a_step(larger, at=on(2)))
    await ledger.save(a_step(later(paid["bob"], status=Status.PAUSED, pause=Pause(on(2))), at=on(2)))
    over: Any = {"status": Status.CANCELED, "end_kind": EndKind.NONPAYMENT}
    await ledger.save(a_step(later(paid["eve"], **over), at=on(3)))
