"""Everything that is stored about one customer."""

import base64
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from pydantic_core import to_jsonable_python
from sqlalchemy import Row, select
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from storage.db.engine import transaction
from storage.privacy.received import read_received
from storage.privacy.registry import RULES
from storage.privacy.rules import Rule
from storage.privacy.subjects import subject_of
from storage.privacy.usage import USAGE_RULES, is_counted, stranger
from storage.privacy.whose import Subject
from storage.schema.webhook_tables import webhook_inbox

HIDDEN = frozenset({"token_hash", "id_hash"})
"""Columns of which nobody but the database has a use."""


@dataclass(frozen=True)
class Export:
    """A customer's rows by table, as JSON can hold them, and their ids at the payment provider."""

    customer: str
    customer_refs: Sequence[str]
    agreement_refs: Sequence[str]
    tables: Mapping[str, Sequence[Mapping[str, Any]]]


class Exports:
    """Reads all rows of a customer."""

    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = engine.execution_options(isolation_level="REPEATABLE READ")

    async def of(self, tenant: str, customer: str) -> Export | None:
        """Every row of a customer, as of one moment; None: there is no such customer."""
        async with transaction(self._engine, tenant) as connection:
            subject = await subject_of(connection, tenant, UUID(customer))
            if subject is None:
                return None
            tables = await _tables(connection, subject, RULES)
            tables[webhook_inbox.name] += [_as_json(row) for row in await read_received(connection, subject)]
        return Export(customer, subject.customer_refs, subject.agreement_refs, tables)

    async def of_usage(self, tenant: str, external_id: str) -> Export | None:
        """What was used under the id of no customer; None: nothing was."""
        subject = stranger(tenant, external_id)
        async with transaction(self._engine, tenant) as connection:
            if not await is_counted(connection, subject):
                return None
            tables = await _tables(connection, subject, USAGE_RULES)
        return Export("", (), (), tables)


async def _tables(
    connection: AsyncConnection, subject: Subject, rules: Sequence[Rule]
) -> dict[str, list[dict[str, Any]]]:
    tables = {}
    for rule in rules:
        if rule.whose is not None:
            rows = (await connection.execute(select(rule.table).where(rule.whose(subject)))).all()
            tables[rule.table.name] = [_as_json(row) for row in rows]
    return tables


def _as_json(row: Row[Any]) -> dict[str, Any]:
    values = {name: value for name, value in row._mapping.items() if name not in HIDDEN}  # noqa: SLF001
    shown: dict[str, Any] = to_jsonable_python({name: _readable(value) for name, value in values.items()})
    return shown


def _readable(value: object) -> object:
    """Stored messages and answers are JSON; other bytes are shown as Base64."""
    if not isinstance(value, bytes):
        return value
    try:
        return json.loads(value) if value else None
    except ValueError:
        return base64.b64encode(value).decode()
