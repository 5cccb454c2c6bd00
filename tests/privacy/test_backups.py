"""A restored backup is erased again, from a list that was kept outside of it."""

import re
from collections.abc import AsyncIterator
from pathlib import Path
from uuid import UUID

import asyncpg
import pytest
from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncEngine

from sandbox.postgres import OWNER
from sandbox.product import Product
from sandbox.stack import Stack
from storage.db.engine import create_engine_from_url
from storage.schema.tables import invoices, subscriptions
from tests.harness.callers import Caller
from tests.harness.deploy_scripts import run_script
from tests.harness.typed import Terminal
from tests.privacy.marked import a_marked_customer
from tests.privacy.searching import tables_with_mark

PAID_START = {"trial_days": 0, "payment_method": "pm_card_visa"}

pytestmark = pytest.mark.usefixtures("healed")


async def _script(name: str, *arguments: str, **settings: str) -> str:
    """What a script of deploy/ printed."""
    said = await run_script(name, *arguments, **settings)
    assert said.status == 0, said.out + said.err
    return said.out


@pytest.fixture
def owner_url(stack: Stack) -> str:
    """The stack's database by the login that owns it; all logins of a sandbox have one password."""
    return re.sub(r"//\w+:", f"//{OWNER}:", stack.addresses.database_url)


@pytest.fixture
async def restored_url(owner_url: str) -> AsyncIterator[str]:
    """An empty database beside that of the stack."""
    server = await asyncpg.connect(owner_url)
    try:
        await server.execute("CREATE DATABASE restored")
        yield f"{owner_url.rpartition('/')[0]}/restored"
        await server.execute("DROP DATABASE restored WITH (FORCE)")
    finally:
        await server.close()


@pytest.fixture
async def restored(restored_url: str) -> AsyncIterator[AsyncEngine]:
    engine = create_engine_from_url(restored_url)
    yield engine
    await engine.dispose()


async def test_who_was_erased_since_the_backup_is_erased_from_it(
    product: Product,
    admin: Caller,
    terminal: Terminal,
    folder: Path,
    owner_url: str,
    restored_url: str,
    restored: AsyncEngine,
    tmp_path: Path,
) -> None:
    live, canceled = await a_marked_customer(product, **PAID_START), await a_marked_customer(product)
    stays = await a_marked_customer(product)
    await canceled.command("cancel", at="now", comment=f"{canceled.external_id} was here")
    list_of_erased = {"TENURE_ERASURES_FILE": str(folder / "erasures.jsonl")}
    settings = terminal.settings | {"TENURE_DATABASE_URL": owner_url} | list_of_erased
    dump = (await _script("backup.sh", str(tmp_path), **settings)).strip()
    for life in (live, canceled):
        answer = await admin.http.delete(f"/v1/customers/{life.external_id}", params={"cancel": "true"})
        assert answer.status_code == 204, answer.text

    settings["TENURE_DATABASE_URL"] = restored_url
    told = await _script("restore.sh", dump, **settings)

    assert ", 0 failed" in told
    for life in (live, canceled):
        assert await tables_with_mark(restored, life.external_id) == []
    assert "customers" in await tables_with_mark(restored, stays.external_id)
    async with restored.connect() as connection:
        of_live = subscriptions.c.id == UUID(live.id)
        status = (await connection.execute(select(subscriptions.c.status).where(of_live))).scalar_one()
        taken = select(func.sum(invoices.c.amount)).where(invoices.c.subscription == UUID(live.id))
        assert (status, int((await connection.execute(taken)).scalar_one())) == ("canceled", 4900)
    terminal.settings = settings
    assert (await terminal.run("erasures", "apply")).out == told.splitlines()[-1] + "\n"


async def test_the_list_can_be_made_from_the_database(
    product: Product, admin: Caller, terminal: Terminal, tmp_path: Path
) -> None:
    life = await a_marked_customer(product)
    customer = (await life.stands())["customer"]["id"]
    await admin.http.delete(f"/v1/customers/{life.external_id}", params={"cancel": "true"})
    file = tmp_path / "erasures.jsonl"

    shown = await terminal.run("erasures", "export")
    written = await terminal.run("erasures", "export", str(file))
    applied = await terminal.run("erasures", "apply", str(file))

    assert (shown.status, written.status, applied.status) == (0, 0, 0), shown.err + written.err + applied.err
    assert file.read_text() == shown.out
    assert f'{{"customer": "{customer}", "day": "' in shown.out
    assert life.external_id not in shown.out
    file.write_text('{"customer": "ada@example.com"}\n')
    refused = await terminal.run("erasures", "apply", str(file))
    assert refused.status == 1
    assert "line 1: not an erasure" in refused.err
    missing = await terminal.run("erasures", "apply")
    assert "name the list, or set TENURE_ERASURES_FILE" in missing.err
