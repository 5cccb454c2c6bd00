"""What callers get when the database does not respond, and when a statement is at fault."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

import asyncpg
import pytest
import pytest_asyncio
from sqlalchemy import make_url, text
from sqlalchemy.exc import DBAPIError, IntegrityError
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine

from domain.errors import GatewayUnavailable
from sandbox.postgres import Postgres
from sandbox.processes import free_port
from storage.db.engine import create_engine_from_url, fetch, transaction
from storage.db.health import check
from storage.db.migrations import head, upgrade
from storage.db.urls import async_url
from tests.harness.postgres import until_one_waits
from tests.storage.ledger import Ledger, a_step, later


async def run_outside(url: str, statement: str, *values: object) -> list[asyncpg.Record]:
    """Run a statement on a connection of its own to the server's own database."""
    connection = await asyncpg.connect(url.rpartition("/")[0] + "/postgres")
    try:
        return list(await connection.fetch(statement, *values))
    finally:
        await connection.close()


async def failure_of(url: str) -> GatewayUnavailable:
    engine = create_engine_from_url(url)
    with pytest.raises(GatewayUnavailable) as caught:
        async with transaction(engine):
            pytest.fail("there is no database to work with")
    await engine.dispose()
    return caught.value


@pytest_asyncio.fixture
async def small_pool(database_url: str) -> AsyncIterator[AsyncEngine]:
    made = create_async_engine(async_url(database_url), pool_size=1, max_overflow=0, pool_timeout=0.05)
    yield made
    await made.dispose()


@pytest.mark.parametrize("scheme", ["postgresql", "postgres", "postgresql+asyncpg"])
@pytest.mark.parametrize("options", ["", "?sslmode=disable", "?ssl=prefer", "?sslmode=prefer"])
async def test_the_database_is_reached_by_every_usual_form_of_its_url(
    database_url: str, scheme: str, options: str
) -> None:
    engine = create_engine_from_url(f"{scheme}{database_url.removeprefix('postgresql')}{options}")
    async with transaction(engine) as connection:
        assert (await connection.execute(text("select 1"))).scalar() == 1
    await engine.dispose()


def test_a_password_stays_as_it_is_when_it_holds_signs_of_its_own() -> None:
    assert make_url(async_url("postgresql://ada:p%40ss%2F%25@db:5433/t?sslmode=require")).password == "p@ss/%"


@pytest.mark.parametrize("url", ["mysql://db/tenure", "tenure", "", "postgresql://a b@:x:y/"])
def test_a_url_is_refused_when_it_is_not_one_of_postgresql(url: str) -> None:
    with pytest.raises(ValueError, match=r"database URL|invalid literal"):
        async_url(url)


async def test_it_is_out_of_reach_when_nothing_listens() -> None:
    error = await failure_of(f"postgresql://postgres:secret@127.0.0.1:{free_port()}/tenure")
    assert error.code == "database_unavailable"
    assert "secret" not in error.message


async def test_it_is_out_of_reach_when_the_password_or_the_database_is_wrong(database_url: str) -> None:
    password = make_url(database_url).password
    assert password is not None
    assert "password" in (await failure_of(database_url.replace(password, "guess"))).message
    assert "does not exist" in (await failure_of(database_url + "_no_more")).message
    assert "SSL" in (await failure_of(database_url + "?sslmode=require")).message


async def test_it_is_unavailable_when_it_accepts_no_more_connections(database_url: str) -> None:
    url = make_url(database_url)
    await run_outside(database_url, "create role ada login password 'secret' connection limit 0")
    error = await failure_of(url.set(username="ada", password="secret").render_as_string(hide_password=False))
    assert "too many connections" in error.message


async def test_it_is_out_of_reach_when_the_pool_stays_empty(small_pool: AsyncEngine) -> None:
    async with transaction(small_pool):
        with pytest.raises(GatewayUnavailable):
            async with transaction(small_pool):
                pytest.fail("there was only one connection")


async def test_work_continues_after_the_server_was_restarted() -> None:
    with TemporaryDirectory(prefix="tenure-test-") as folder:
        port = free_port()
        async with Postgres(Path(folder), durable=False, port=port) as server:
            engine = create_engine_from_url(server.url)
            async with transaction(engine) as connection:
                await connection.execute(text("create table notes as select 1 as note"))

        with pytest.raises(GatewayUnavailable):
            async with transaction(engine) as connection:
                await connection.execute(text("select note from notes"))

        async with Postgres(Path(folder), durable=False, port=port):
            async with transaction(engine) as connection:
                assert (await connection.execute(text("select note from notes"))).scalar() == 1
            await engine.dispose()


async def test_nothing_is_committed_and_no_address_shown_when_the_connection_breaks_midway(
    ledger: Ledger, database_url: str
) -> None:
    await ledger.customer("ada")
    async with ledger.engine.begin() as holding:
        await holding.execute(text("select * from customers for update"))
        waits = asyncio.create_task(
            ledger.customers.upsert(tenant="default", external_id="ada", email="new@home.example")
        )
        await run_outside(database_url, "select pg_terminate_backend($1)", await until_one_waits(database_url))
        with pytest.raises(GatewayUnavailable) as caught:
            await waits

    assert "new@home.example" not in caught.value.message
    assert [row["email"] for row in await ledger.rows("select email from customers")] == ["ada@example.com"]


async def test_it_may_work_later_when_two_transactions_wait_for_each_other(ledger: Ledger) -> None:
    await ledger.customer("ada")
    await ledger.customer("grace")
    both_hold_one = asyncio.Barrier(2)

    async def take(first: str, second: str) -> None:
        async with transaction(ledger.engine) as connection:
            await connection.execute(text("set local deadlock_timeout = '20ms'"))
            lock = text("select 1 from customers where external_id = :it for update")
            await connection.execute(lock, {"it": first})
            await both_hold_one.wait()
            await connection.execute(lock, {"it": second})

    outcomes = await asyncio.gather(take("ada", "grace"), take("grace", "ada"), return_exceptions=True)
    assert {type(outcome) for outcome in outcomes} == {GatewayUnavailable, type(None)}


async def test_an_error_stays_what_it_is_when_the_statement_is_at_fault(ledger: Ledger) -> None:
    subscription = await ledger.sign_up("ada")

    # Neither of these would ever work, however often it is retried.
    with pytest.raises(DBAPIError, match="out of int32 range"):
        await ledger.save(a_step(later(subscription, quantity=2**31)))
    with pytest.raises(IntegrityError):
        await ledger.save(a_step(later(subscription, quantity=0)))
    with pytest.raises(DBAPIError, match="invalid byte sequence") as caught:
        await ledger.customer("grace", name="Grace\0Hopper")
    assert "grace@example.com" not in str(caught.value)


async def test_a_block_that_fails_leaves_nothing_behind(ledger: Ledger) -> None:
    async def fail_midway() -> None:
        async with transaction(ledger.engine) as connection:
            await connection.execute(
                text("insert into api_keys values (gen_random_uuid(), 'default', 'n', 'admin', 'h')")
            )
            raise KeyError

    with pytest.raises(KeyError):
        await fail_midway()
    assert await ledger.count("api_keys") == 0


async def test_a_check_says_what_to_do_when_the_database_is_not_ready(engine: AsyncEngine, empty_url: str) -> None:
    assert await check(engine) is None

    empty = create_engine_from_url(empty_url)
    told = await check(empty)
    await empty.dispose()
    assert told is not None
    assert "version none" in told
    assert head() in told
    assert "tenure migrate" in told

    await upgrade(empty_url, "0005")
    older = create_engine_from_url(empty_url)
    told = await check(older)
    await older.dispose()
    assert told is not None
    assert "at version 0005" in told
    assert "tenure migrate" in told

    gone = create_engine_from_url(f"postgresql://postgres@127.0.0.1:{free_port()}/tenure")
    told = await check(gone)
    assert told is not None
    assert "TENURE_DATABASE_URL" in told


async def test_a_database_that_a_newer_release_has_migrated_is_ready_for_this_one(empty_url: str) -> None:
    await upgrade(empty_url)
    engine = create_engine_from_url(empty_url)
    async with transaction(engine) as connection:
        await connection.execute(text("update alembic_version set version_num = '9999'"))

    assert await check(engine) is None
    await engine.dispose()


class TestFetch:
    """A statement sent by the driver uses the same pool, and the same errors for an unreachable database."""

    async def test_it_is_a_transaction_of_its_own(self, small_pool: AsyncEngine) -> None:
        await fetch(small_pool, "create table notes as select $1::text as note", "kept")
        assert [row["note"] for row in await fetch(small_pool, "select note from notes")] == ["kept"]
        async with transaction(small_pool) as connection:
            assert (await connection.execute(text("select note from notes"))).scalar() == "kept"
        await fetch(small_pool, "drop table notes")

    async def test_waiting_for_a_connection_ends_with_an_error(self, small_pool: AsyncEngine) -> None:
        async with transaction(small_pool):
            with pytest.raises(GatewayUnavailable):
                await fetch(small_pool, "select 1")

    async def test_it_is_out_of_reach_when_nothing_listens(self) -> None:
        engine = create_engine_from_url(f"postgresql://postgres:secret@127.0.0.1:{free_port()}/tenure")
        with pytest.raises(GatewayUnavailable):
            await fetch(engine, "select 1")
        await engine.dispose()

    async def test_the_next_one_is_answered_when_a_connection_broke_midway(
        self, small_pool: AsyncEngine, database_url: str
    ) -> None:
        async with serialised(database_url):
            waits = asyncio.create_task(fetch(small_pool, "select pg_advisory_xact_lock(1)"))
            await run_outside(database_url, "select pg_terminate_backend($1)", await until_one_waits(database_url))
            with pytest.raises(GatewayUnavailable):
                await waits
            assert [row["n"] for row in await fetch(small_pool, "select 1 as n")] == [1]

    async def test_the_next_one_gets_its_own_answer_when_one_was_given_up(
        self, small_pool: AsyncEngine, database_url: str
    ) -> None:
        async with serialised(database_url):
            waits = asyncio.create_task(fetch(small_pool, "select pg_advisory_xact_lock(1)"))
            await until_one_waits(database_url)
            waits.cancel()
            with pytest.raises(asyncio.CancelledError):
                await waits
        assert [row["n"] for row in await fetch(small_pool, "select 2 as n")] == [2]

    async def test_a_statement_that_is_at_fault_stays_loud(self, small_pool: AsyncEngine) -> None:
        with pytest.raises(asyncpg.UndefinedTableError):
            await fetch(small_pool, "select * from nothing")
        with pytest.raises(asyncpg.InterfaceError):
            await fetch(small_pool, "select $1::int", 1, 2)
        with pytest.raises(asyncpg.DataError):
            await fetch(small_pool, "select $1::int", "one")
        assert [row["n"] for row in await fetch(small_pool, "select 3 as n")] == [3]


@asynccontextmanager
async def serialised(url: str) -> AsyncIterator[None]:
    """Blocks everybody who takes advisory lock 1 while the block runs."""
    connection = await asyncpg.connect(url)
    async with connection.transaction():
        await connection.execute("select pg_advisory_xact_lock(1)")
        yield
    await connection.close()
