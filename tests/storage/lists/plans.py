"""What PostgreSQL has read for a statement, by EXPLAIN (ANALYZE): of every statement, also those in functions."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import asyncpg
from sqlalchemy import event, make_url
from sqlalchemy.ext.asyncio import AsyncEngine

EXPLAINING = {
    "session_preload_libraries": "auto_explain",
    "auto_explain.log_min_duration": "0",
    "auto_explain.log_analyze": "on",
    "auto_explain.log_timing": "off",
    "auto_explain.log_nested_statements": "on",
    "auto_explain.log_format": "json",
}
"""Has the server explain every statement in its log."""
SETTINGS = EXPLAINING | {"auto_explain.log_level": "notice", "client_min_messages": "notice"}
"""To the client as well."""
ENTRIES = "Bitmap Index Scan"
"""It reads entries of an index and no row of a table."""


@dataclass
class Reads:
    """What was read."""

    rows: float = 0
    """Of tables, also those that were thrown away again."""
    entries: float = 0
    """Of indexes, in bitmaps."""
    whole: set[str] = field(default_factory=set)
    """Tables that were read from end to end."""
    plans: list[dict[str, Any]] = field(default_factory=list)

    def add(self, node: dict[str, Any]) -> None:
        for child in node.get("Plans", ()):
            self.add(child)
        kind = node["Node Type"]
        if "Relation Name" not in node and kind != ENTRIES:
            return
        if node.get("Relation Name", "").startswith("pg_") or node.get("Index Name", "").startswith("pg_"):
            return  # the driver asks for types that it does not know yet
        dropped = node.get("Rows Removed by Filter", 0) + node.get("Rows Removed by Index Recheck", 0)
        read = (node["Actual Rows"] + dropped) * node["Actual Loops"]
        if kind == ENTRIES:
            self.entries += read
        else:
            self.rows += read
        # A part that a condition of the whole leaves out is in the plan, and never executed.
        if kind == "Seq Scan" and node["Actual Loops"]:
            self.whole.add(node["Relation Name"])


class Watch:
    """Reads the plans of all that an engine executes."""

    def __init__(self, engine: AsyncEngine) -> None:
        self._reads = Reads()
        event.listen(engine.sync_engine, "connect", self._listen)

    @contextmanager
    def reading(self) -> Iterator[Reads]:
        """What is read in this block."""
        self._reads = Reads()
        yield self._reads

    def _listen(self, connection: Any, _record: Any) -> None:
        connection.driver_connection.add_log_listener(self._hear)

    def _hear(self, _connection: object, message: asyncpg.PostgresLogMessage) -> None:
        _, is_plan, plan = str(message.message).partition("plan:\n")
        if is_plan:
            explained = json.loads(plan)
            self._reads.plans.append(explained)
            self._reads.add(explained["Plan"])


async def explain_all(superuser_url: str) -> None:
    """Have the database explain every statement of later connections."""
    connection = await asyncpg.connect(superuser_url)
    try:
        for name, value in SETTINGS.items():
            await connection.execute(f"ALTER DATABASE {make_url(superuser_url).database} SET {name} = '{value}'")
    finally:
        await connection.close()
