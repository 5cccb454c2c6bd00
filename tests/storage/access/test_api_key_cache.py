"""A recently verified key is accepted without a lookup, and no longer than stated."""

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta

import pytest
import pytest_asyncio

from domain.api_keys import KeyMode, new_key
from domain.errors import GatewayUnavailable
from sandbox.processes import free_port
from storage.access import api_key_cache
from storage.access.api_key_cache import CACHE_SECONDS, USE_NOTED_EVERY, ApiKeyCache
from storage.access.api_keys import ApiKeys, Role
from storage.access.tenants import Tenants
from storage.db.cursors import PageRequest
from storage.db.engine import create_engine_from_url
from tests.storage.ledger import Ledger


class Clock:
    """Goes on when it is told to."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest_asyncio.fixture
async def known(ledger: Ledger, clock: Clock) -> AsyncIterator[ApiKeyCache]:
    cache = ApiKeyCache(ApiKeys(ledger.engine), most=3, clock=clock)
    async with cache.running():
        yield cache


def looked_up(asked: list[str]) -> int:
    """How many keys were looked up."""
    return sum(statement.startswith("SELECT") for statement in asked)


async def test_a_key_is_asked_for_once_while_it_is_known(
    ledger: Ledger, known: ApiKeyCache, clock: Clock, asked: list[str]
) -> None:
    await Tenants(ledger.engine).add("acme", "Acme")
    secret = await ApiKeys(ledger.engine).create(Role.SERVICE, "the shop", tenant="acme")
    asked.clear()
    found = await asyncio.gather(*(known.verify(secret) for _ in range(20)))
    assert {(one.tenant, one.role) for one in found if one is not None} == {("acme", Role.SERVICE)}
    assert len(found) == 20
    clock.now += CACHE_SECONDS - 0.1
    assert await known.verify(secret) == found[0]
    assert looked_up(asked) == 1


async def test_a_revoked_key_is_accepted_for_a_few_seconds_at_most(
    ledger: Ledger, known: ApiKeyCache, clock: Clock
) -> None:
    keys = ApiKeys(ledger.engine)
    secret = await keys.create(Role.SERVICE, "the shop")
    key = await known.verify(secret)
    assert key is not None
    await keys.revoke(key.id)
    assert await known.verify(secret) == key
    clock.now += CACHE_SECONDS
    assert await known.verify(secret) is None


async def test_a_key_opens_as_soon_as_it_is_made(ledger: Ledger, known: ApiKeyCache) -> None:
    key = new_key(KeyMode.LIVE)
    assert await known.verify(key) is None
    await ApiKeys(ledger.engine).ensure(key, Role.SERVICE, "the shop")
    assert await known.verify(key) is not None


async def test_the_cache_is_bounded_and_drops_the_oldest_key(
    ledger: Ledger, known: ApiKeyCache, asked: list[str]
) -> None:
    keys = ApiKeys(ledger.engine)
    secrets = [await keys.create(Role.SERVICE, "the shop") for _ in range(4)]
    for secret in secrets:
        await known.verify(secret)
    asked.clear()
    for secret in reversed(secrets):
        assert await known.verify(secret) is not None
    assert looked_up(asked) == 1


async def test_a_cancelled_lookup_still_answers_the_others(ledger: Ledger, known: ApiKeyCache) -> None:
    secret = await ApiKeys(ledger.engine).create(Role.SERVICE, "the shop")
    first, second = (asyncio.create_task(known.verify(secret)) for _ in range(2))
    await asyncio.sleep(0)
    first.cancel()
    assert await second is not None


async def test_an_unreachable_database_is_reported_and_queried_again() -> None:
    engine = create_engine_from_url(f"postgresql://postgres:secret@127.0.0.1:{free_port()}/tenure")
    known = ApiKeyCache(ApiKeys(engine))
    for _ in range(2):
        with pytest.raises(GatewayUnavailable):
            await known.verify(new_key(KeyMode.LIVE))
    await engine.dispose()


async def test_an_expiring_key_is_not_remembered_beyond_its_end(
    ledger: Ledger, known: ApiKeyCache, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    # A busy machine takes its time; what is remembered for longer than it lasts is to be found out all the same.
    monkeypatch.setattr(api_key_cache, "CACHE_SECONDS", 600.0)
    secret = await ApiKeys(ledger.engine).create(Role.SERVICE, "the shop", expires_in=timedelta(hours=1))
    await ledger.run("update api_keys set expires_at = now() + interval '3 minutes'")
    key = await known.verify(secret)
    assert key is not None

    await ledger.run("update api_keys set expires_at = now()")
    clock.now += 180

    assert await known.verify(secret) is None


async def test_the_last_use_is_noted_at_most_once_a_minute(
    ledger: Ledger, known: ApiKeyCache, clock: Clock, asked: list[str]
) -> None:
    keys = ApiKeys(ledger.engine)
    secret = await keys.create(Role.SERVICE, "the shop")
    await keys.create(Role.SERVICE, "not used")
    asked.clear()

    async def noted() -> int:
        await known.settle()
        return sum(statement.startswith("UPDATE") for statement in asked)

    for _ in range(20):
        await known.verify(secret)
    clock.now += USE_NOTED_EVERY - 1
    await known.verify(secret)
    assert await noted() == 1
    not_used, used = (await keys.find("default", PageRequest())).rows
    assert used.last_used_at is not None
    assert not_used.last_used_at is None

    clock.now += 1
    await known.verify(secret)
    assert await noted() == 2


async def test_a_refused_key_leaves_no_use(ledger: Ledger, known: ApiKeyCache, asked: list[str]) -> None:
    await known.verify(new_key(KeyMode.LIVE))
    await known.settle()

    assert not any(statement.startswith("UPDATE") for statement in asked)


class _Unwritable(ApiKeys):
    async def note_use(self, key_id: str) -> None:
        raise GatewayUnavailable("the database is out of reach", code="database_unavailable")


async def test_a_use_that_cannot_be_noted_refuses_nothing(ledger: Ledger) -> None:
    keys = _Unwritable(ledger.engine)
    known = ApiKeyCache(keys)
    secret = await keys.create(Role.SERVICE, "the shop")

    async with known.running():
        assert await known.verify(secret) is not None
        await known.settle()
        assert await known.verify(secret) is not None
