"""An installation whose login was a superuser moves to one that is none, with the commands of docs/operations.md."""

import re
from pathlib import Path

import asyncpg
import pytest
from sqlalchemy import make_url

from storage.db import migrations
from storage.db.engine import create_engine_from_url, transaction
from storage.db.migrations import current, head, upgrade
from storage.db.roles import DatabaseRole, UnfitLogin
from tests.harness.postgres import serve_databases

DOCS = Path(__file__).parents[2] / "docs" / "operations.md"
BEFORE = "0026"
"""The last version that a superuser could bring a database to."""


def commands(begin: str) -> str:
    """The block of SQL that begins so."""
    [found] = [
        block for block in re.findall(r"```sql\n(.*?)```", DOCS.read_text(), re.DOTALL) if block.startswith(begin)
    ]
    return str(found)


async def test_the_documented_commands_hand_a_superusers_tables_over(monkeypatch: pytest.MonkeyPatch) -> None:
    async with serve_databases() as server:
        superuser = await asyncpg.connect(server.superuser_url)
        await superuser.execute("CREATE DATABASE old")
        url = server.superuser_url.rpartition("/")[0] + "/old"

        async def as_before(_connection: object) -> None:
            """An earlier release made no roles."""

        with monkeypatch.context() as patch:
            patch.setattr(migrations, "ensure_roles", as_before)
            await upgrade(url, BEFORE)
        with pytest.raises(UnfitLogin, match="superuser"):
            await upgrade(url)
        assert await current(url) == BEFORE

        old = await asyncpg.connect(url)
        await old.execute("INSERT INTO api_keys VALUES (gen_random_uuid(), 'acme', 'old', 'admin', 'hash')")
        await old.execute(commands("CREATE ROLE tenure_owner"))
        moved = make_url(url).set(username="tenure_owner", password="secret")
        await upgrade(moved.render_as_string(hide_password=False))

        assert await current(url) == head()
        engine = create_engine_from_url(moved.render_as_string(hide_password=False), role=DatabaseRole.APPLICATION)
        for tenant, keys in (("acme", 1), ("zenith", 0)):
            async with transaction(engine, tenant) as connection:
                found = (await connection.exec_driver_sql("SELECT count(*) FROM api_keys")).scalar()
            assert found == keys
        known = await old.fetch("SELECT id FROM tenants ORDER BY id")
        assert [row["id"] for row in known] == ["acme", "default"]
        await engine.dispose()
        await old.close()
        await superuser.close()
