"""What the driver is told of a database URL's parameters."""

from pathlib import Path

import asyncpg
import pytest
from asyncpg.connect_utils import SSLMode, _parse_connect_arguments
from sqlalchemy import make_url, text

from storage.db.engine import create_engine_from_url, transaction
from storage.db.migrations import current, head, upgrade
from storage.db.urls import async_url, connect_timeout

BASE = "postgresql://ada:p%40ss@db:5433/t"
AUTHORITY = Path(asyncpg.__file__).parent.parent / "certifi" / "cacert.pem"


def arguments(query: str) -> dict[str, object]:
    """What SQLAlchemy hands to asyncpg."""
    dialect = create_engine_from_url(BASE).dialect
    return dict(dialect.create_connect_args(make_url(async_url(f"{BASE}?{query}")))[1])


@pytest.mark.parametrize("query", ["sslmode=verify-full", "ssl=verify-full"])
def test_the_server_is_verified_with_the_certificates_that_the_url_names(query: str) -> None:
    told = arguments(f"{query}&sslrootcert={AUTHORITY}&channel_binding=prefer&options=-csearch_path%3Da")
    others: dict[str, object] = dict.fromkeys(
        ("passfile", "ssl", "direct_tls", "server_settings", "target_session_attrs", "krbsrvname", "gsslib")
    )
    places, driver, _ = _parse_connect_arguments(
        **others | told,
        command_timeout=None,
        statement_cache_size=1,
        max_cached_statement_lifetime=1,
        max_cacheable_statement_size=1,
        service=None,
        servicefile=None,
    )
    assert places == [("db", 5433)]
    assert (driver.user, driver.password, driver.database) == ("ada", "p@ss", "t")
    assert driver.sslmode is SSLMode.verify_full
    assert driver.ssl.get_ca_certs()
    assert driver.server_settings == {"options": "-csearch_path=a"}


def test_how_long_connecting_may_take_is_an_argument_of_its_own() -> None:
    assert connect_timeout(f"{BASE}?connect_timeout=7&sslmode=disable") == {"timeout": 7.0}
    assert connect_timeout(BASE) == {}
    assert "dsn" not in arguments("connect_timeout=7&channel_binding=disable&gssencmode=prefer")


def test_several_hosts_reach_the_driver_with_a_port_each() -> None:
    told = arguments("host=a,b&port=5432,5433&target_session_attrs=read-write")
    assert (told["host"], told["port"], told["target_session_attrs"]) == (["a", "b"], [5432, 5433], "read-write")


async def test_the_server_hears_the_name_and_the_options_of_the_url(database_url: str) -> None:
    url = f"{database_url}?application_name=tenure%20api&options=-cwork_mem%3D5MB&connect_timeout=9&sslmode=disable"
    engine = create_engine_from_url(url)
    async with transaction(engine) as connection:
        heard = [(await connection.execute(text(f"show {name}"))).scalar() for name in ("application_name", "work_mem")]
    await engine.dispose()
    assert heard == ["tenure api", "5MB"]


async def test_migrations_reach_a_database_by_the_same_url(empty_url: str) -> None:
    url = f"{empty_url}?application_name=tenure&connect_timeout=9&channel_binding=prefer"
    await upgrade(url)
    assert await current(url) == head()
