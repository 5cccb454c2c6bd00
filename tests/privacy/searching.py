"""Everything that PostgreSQL and Temporal hold, searched for the mark of a customer."""

from collections.abc import Iterable

from sqlalchemy.ext.asyncio import AsyncEngine
from temporalio.service import RPCError, RPCStatusCode

from sandbox.stack import Stack
from storage.schema.metadata import METADATA


async def tables_with_mark(engine: AsyncEngine, mark: str) -> list[str]:
    """The tables with a row that has the mark in it, in whatever column."""
    found = []
    async with engine.connect() as connection:
        for table in METADATA.sorted_tables:
            rows = (await connection.execute(table.select())).all()
            if _has(mark, (str(tuple(row)) for row in rows)):
                found.append(table.name)
    return found


async def histories_with_mark(stack: Stack, mark: str) -> list[str]:
    """The workflows with a history that has the mark in it."""
    found = []
    async for run in stack.client.list_workflows(""):
        try:
            history = await stack.client.get_workflow_handle(run.id, run_id=run.run_id).fetch_history()
        except RPCError as error:
            if error.status is not RPCStatusCode.NOT_FOUND:
                raise
            continue  # just deleted
        # Payloads are JSON, as bytes.
        if _has(mark, (event.SerializeToString().decode(errors="replace") for event in history.events)):
            found.append(run.id)
    return found


def _has(mark: str, texts: Iterable[str]) -> bool:
    return any(mark in text.casefold() for text in texts)
