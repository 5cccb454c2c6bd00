"""Spans of the statements of an engine: which operation on which table, never the statement or its parameters."""

import re
from time import monotonic
from typing import Any, Final

import asyncpg
from sqlalchemy import event
from sqlalchemy.engine import Connection, ExceptionContext
from sqlalchemy.engine.interfaces import DBAPIConnection
from sqlalchemy.ext.asyncio import AsyncEngine
from sqlalchemy.pool import ConnectionPoolEntry

from tracing.spans import Kind, Spans

_BEGAN: Final = "tenure_statement_began"
_COMMENTS: Final = re.compile(r"--[^\n]*|/\*.*?\*/", re.DOTALL)
_OPERATION: Final = re.compile(
    r"\s*(?:WITH\b.*?\)\s*)?(SELECT|INSERT|UPDATE|DELETE|MERGE|CALL)\b", re.IGNORECASE | re.DOTALL
)
_FUNCTION: Final = re.compile(r"\s*SELECT\s+(?:\*\s+FROM\s+)?([a-z_]+)\s*\(", re.IGNORECASE)
_TABLE: Final = re.compile(r"\b(?:FROM|INTO|UPDATE|JOIN|CALL)\s+(?:ONLY\s+)?\"?([a-z_][a-z0-9_]*)\"?", re.IGNORECASE)
OF_CONNECTIONS: Final = frozenset({"current_setting", "pg_type", "set_config", "version"})
"""What drivers ask a new connection, and what each transaction is told."""


def trace_statements(engine: AsyncEngine, spans: Spans) -> None:
    """Record each statement within a trace as a span."""
    recorder = _Recorder(spans)
    event.listen(engine.sync_engine, "before_cursor_execute", recorder.begin)
    event.listen(engine.sync_engine, "after_cursor_execute", recorder.end)
    event.listen(engine.sync_engine, "handle_error", recorder.fail)
    event.listen(engine.sync_engine, "connect", recorder.listen)


def summary(statement: str) -> tuple[str, str]:
    """The operation of a statement and the first table or function that it names; empty if it has none."""
    words = _COMMENTS.sub(" ", statement)
    operation = _OPERATION.match(words)
    named = _TABLE.search(words) or _FUNCTION.match(words)
    table = named[1].lower() if named is not None else ""
    return (operation[1].upper(), table) if operation is not None and table not in OF_CONNECTIONS else ("", "")


class _Recorder:
    def __init__(self, spans: Spans) -> None:
        self._spans = spans
        self._summaries: dict[str, tuple[str, str]] = {}

    def begin(self, connection: Connection, *_rest: object) -> None:
        connection.info[_BEGAN] = monotonic()

    def end(self, connection: Connection, _cursor: object, statement: str, *_rest: object) -> None:
        self._record(statement, monotonic() - connection.info[_BEGAN])

    def fail(self, context: ExceptionContext) -> None:
        connection = context.connection
        if connection is not None and context.statement is not None and _BEGAN in connection.info:
            state = getattr(context.original_exception, "sqlstate", None)
            error_type = state or type(context.original_exception).__name__
            self._record(context.statement, monotonic() - connection.info[_BEGAN], error_type)

    def listen(self, connection: DBAPIConnection, _entry: ConnectionPoolEntry) -> None:
        """Listen to the driver for statements sent without SQLAlchemy.

        SQLAlchemy's own are prepared, and not reported here.
        """
        connection.driver_connection.add_query_logger(self._asked)

    def _asked(self, asked: Any) -> None:
        error = asked.exception
        state = error.sqlstate if isinstance(error, asyncpg.PostgresError) else None
        self._record(asked.query, asked.elapsed, state or ("" if error is None else type(error).__name__))

    def _record(self, statement: str, seconds: float, error_type: str = "") -> None:
        if self._spans.current() is None:
            return
        operation, table = self._summary(statement)
        if operation:
            attributes = {"db.system.name": "postgresql", "db.operation.name": operation, "db.collection.name": table}
            self._spans.record(
                f"{operation} {table}".strip(), Kind.CLIENT, attributes, seconds=seconds, error_type=error_type
            )

    def _summary(self, statement: str) -> tuple[str, str]:
        found = self._summaries.get(statement)
        if found is None:
            if len(self._summaries) >= 1000:
                self._summaries.clear()
            found = self._summaries[statement] = summary(statement)
        return found
