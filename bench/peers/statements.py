"""Counts the SQL statements of one login, from PostgreSQL's own log."""

import asyncio
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

import asyncpg

from bench.production import Production

_LOGGED = re.compile(r"^of:(\w+) LOG:  (?:statement|execute [^:]*): ", re.MULTILINE)
WRITTEN = 0.5
"""Seconds until the log has what was executed."""


@dataclass
class Statements:
    """How many there were, once the block has ended."""

    count: int = 0

    @classmethod
    @asynccontextmanager
    async def counted(cls, production: Production, login: str) -> AsyncIterator["Statements"]:
        """Count what *login* executes while the block runs."""
        log, counted = production.site.folder / "postgres.log", cls()
        connection = await asyncpg.connect(production.site.postgres.superuser_url)
        await connection.execute("ALTER SYSTEM SET log_line_prefix = 'of:%u '")
        await connection.execute("ALTER SYSTEM SET log_statement = 'all'")
        await connection.execute("SELECT pg_reload_conf()")
        await asyncio.sleep(WRITTEN)
        begins = log.stat().st_size
        try:
            yield counted
        finally:
            await asyncio.sleep(WRITTEN)
            with log.open(encoding="utf-8", errors="replace") as file:
                file.seek(begins)
                counted.count = sum(one == login for one in _LOGGED.findall(file.read()))
            await connection.execute("ALTER SYSTEM RESET log_statement")
            await connection.execute("SELECT pg_reload_conf()")
            await connection.close()
