"""A recently verified key is accepted without a lookup, and no longer than stated."""

import asyncio
from collections.abc import Iterator

import pytest
from sqlalchemy import event

from domain.errors import GatewayUnavailable
from sandbox.processes import free_port
from storage.access.api_keys import CACHE_SECONDS, ApiKeyCache, ApiKeys, Role
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


@pytest.fixture
def known(ledger: Ledger, clock: Clock) -> ApiKeyCache:
    return ApiKeyCache(ApiKeys(ledger.engine), most=3, clock=clock)


@pytest.fixture
def asked(ledger: Ledger) -> Iterator[list[str]]:
    """The queries to the database."""
    found: list[str] = []

    def note(_connection: object, _cursor: object, statement: str, *_more: object) -> None:
        found.append(statement)

    event.listen(ledger.engine.sync_engine, "before_cursor_execute", note)
    yield found
    event.remove(ledger.engine.sync_engine, "before_cursor_execute", note)


async def test_a_key_is_asked_for_once_while_it_is_known(
    ledger: Ledger, known: ApiKeyCache, clock: Clock, asked: list[str]
) -> None:
    secret = await ApiKeys(ledger.engine).create(Role.SERVICE, "the shop", tenant="acme")
    asked.clear()
    found = await asyncio.gather(*(known.verify(secret) for _ in range(20)))
    assert {(one.tenant, one.role) for one in found if one is not None} == {("acme", Role.SERVICE)}
    assert len(found) == 20
    clock.now += CACHE_SECONDS - 0.1
    assert await known.verify(secret) == found[0]
    assert len(asked) == 1


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
    assert await known.verify("tn_live_soon") is None
    await ApiKeys(ledger.engine).ensure("tn_live_soon", Role.SERVICE, "the shop")
    assert await known.verify("tn_live_soon") is not None


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
    assert len(asked) == 1


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
            await known.verify("tn_live_x")
    await engine.dispose()
