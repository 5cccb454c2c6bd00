"""A page of the audit, and what it says of one customer, are found by indexes however much has been asked for."""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from uuid import UUID, uuid4

import asyncpg
import pytest
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncEngine

from domain.names import DEFAULT_TENANT
from storage.access.audit import AuditFilter, AuditLog
from storage.db.cursors import PageRequest, Sort
from storage.db.engine import create_engine_from_url, transaction
from storage.db.roles import DatabaseRole
from storage.privacy.whose import Subject, about, entries_about
from storage.schema.audit_tables import audit, audit_details
from tests.harness.postgres import Databases
from tests.storage.lists.plans import Watch, explain_all

COMMANDS = 10_000
ONE = "00000000-0000-0000-0000-000000004711"
_ASKED = f"""
    INSERT INTO audit (id, at, tenant, actor_kind, actor, actor_role, action, target_kind, target, request_id, key,
        outcome, code, settles)
    SELECT md5(kind || n)::uuid, now() - n * interval '1 second' + step * interval '1 millisecond', '{DEFAULT_TENANT}',
        'key', 'actor', 'operator', 'suspendSubscription', 'subscription',
        '00000000-0000-0000-0000-' || lpad(n::text, 12, '0'), 'req', '', outcome, '',
        CASE kind WHEN 'told' THEN md5('asked' || n)::uuid END
    FROM generate_series(1, {COMMANDS}) n,
        (VALUES ('asked', 0, 'asked'), ('told', 1, 'done')) kinds (kind, step, outcome)
"""  # noqa: S608 - our own numbers
_DETAILS = "INSERT INTO audit_details (audit_id, tenant, reason, after) SELECT id, tenant, 'why', '{}' FROM audit"


@dataclass(frozen=True)
class Asked:
    """A database in which much was asked for, and what is read of it."""

    engine: AsyncEngine
    watch: Watch


@pytest.fixture
async def asked(databases: Databases) -> AsyncIterator[Asked]:
    url = await databases.migrated()
    superuser_url = databases.by_superuser(url)
    connection = await asyncpg.connect(superuser_url)
    try:
        await connection.execute("SET session_replication_role = replica")
        for statement in (_ASKED, _DETAILS, "VACUUM ANALYZE audit", "VACUUM ANALYZE audit_details"):
            await connection.execute(statement)
    finally:
        await connection.close()
    await explain_all(superuser_url)
    engine = create_engine_from_url(url, role=DatabaseRole.APPLICATION)
    yield Asked(engine, Watch(engine))
    await engine.dispose()
    await databases.drop(url)


@pytest.mark.parametrize("sort", Sort)
@pytest.mark.parametrize("wanted", [AuditFilter(), AuditFilter(target=ONE)], ids=["all", "of one"])
async def test_a_page_reads_little_more_than_it_shows(asked: Asked, wanted: AuditFilter, sort: Sort) -> None:
    with asked.watch.reading() as reads:
        page = await AuditLog(asked.engine).find(DEFAULT_TENANT, wanted, PageRequest(100, None, sort))

    shown = len(page.rows)
    assert shown == (100 if wanted.target is None else 1)
    assert {(each.reason, str(each.after)) for each in page.rows} == {("why", "{}")}
    assert reads.rows <= 10 * (shown + 1), reads.plans


async def test_what_is_about_one_customer_is_found_by_its_target(asked: Asked) -> None:
    subject = Subject(DEFAULT_TENANT, uuid4(), "ada", "ada@example.com", subscriptions=(UUID(ONE),))
    async with transaction(asked.engine, DEFAULT_TENANT) as connection:
        with asked.watch.reading() as reads:
            entries = (await connection.execute(select(audit.c.id).where(about(subject)))).all()
            details = select(audit_details.c.reason).where(audit_details.c.audit_id.in_(entries_about(subject)))
            told = (await connection.execute(details)).all()

    assert (len(entries), len(told)) == (2, 2)
    assert reads.rows <= 20, reads.plans
