"""Usage, which is counted under the product's id of a customer: also where nobody has signed up under it."""

from typing import Final
from uuid import uuid4

from sqlalchemy import Text, cast, exists, func, literal, or_, select, true, update
from sqlalchemy.ext.asyncio import AsyncConnection

from storage.privacy.registry import RULES
from storage.privacy.rules import Rule
from storage.privacy.whose import Subject
from storage.schema.tables import customers
from storage.schema.usage_tables import usage, usage_events, usage_log, usage_notices, usage_samples

_COUNTED = (usage, usage_log, usage_events, usage_notices, usage_samples)
USAGE_RULES: Final[tuple[Rule, ...]] = tuple(rule for rule in RULES if rule.table in _COUNTED)


def stranger(tenant: str, external_id: str) -> Subject:
    """Somebody of whom nothing but usage is known. Each time they are given another id, which is kept nowhere."""
    return Subject(tenant, uuid4(), external_id, "")


async def is_counted(connection: AsyncConnection, subject: Subject) -> bool:
    """Whether there is usage under an external id that no customer has."""
    theirs = [select(rule.table.c.tenant).where(rule.whose(subject)).exists() for rule in USAGE_RULES if rule.whose]
    named = exists().where(customers.c.tenant == subject.tenant, customers.c.external_id == subject.external_id)
    found: bool = (await connection.execute(select(~named & or_(*theirs)))).scalar_one()
    return found


async def erase_usage(connection: AsyncConnection, subject: Subject, nobody: str) -> None:
    """What was said of a use goes, and the external id becomes *nobody*."""
    for rule in USAGE_RULES:
        if rule.whose is not None and rule.emptied:
            await connection.execute(update(rule.table).where(rule.whose(subject)).values(dict(rule.emptied)))
    await rename_usage(connection, subject, nobody)


async def rename_usage(connection: AsyncConnection, subject: Subject, nobody: str) -> None:
    """Usage is counted under the external id. Keys of events are the product's and may be anything."""
    for table in _COUNTED:
        whose = (table.c.tenant == subject.tenant, table.c.customer == subject.external_id)
        await connection.execute(update(table).where(*whose).values(customer=nobody))
    new_key = literal("erased/").concat(cast(func.gen_random_uuid(), Text))
    # Overage is reported under its key: once, however often it is tried.
    is_reported = or_(usage_events.c.overage == 0, usage_events.c.reported_at.is_not(None))
    for table, may_go in ((usage_log, true()), (usage_events, is_reported)):
        it = table.c
        theirs = (it.tenant == subject.tenant, it.customer == nobody, may_go, ~it.key.startswith("erased/"))
        await connection.execute(update(table).where(*theirs).values(key=new_key))
