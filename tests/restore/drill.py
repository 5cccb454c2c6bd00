"""A stack whose database and whose Temporal are backed up and put back, each by itself, as in an accident."""

import re
import sqlite3
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import asyncpg

from domain.names import SEARCH_ATTRIBUTE_TYPES
from sandbox.options import Options
from sandbox.postgres import OWNER, Postgres
from sandbox.product import Product
from sandbox.secrets import Secrets
from sandbox.stack import Stack, running
from sandbox.temporal import TemporalDevServer
from storage.reconciliation import Reconciliations
from tenure.cli.reconcile import run_now
from tests.harness.catalogs import CATALOG, POLICY
from tests.harness.deploy_scripts import run_script
from tests.harness.lives import Life

Standing = tuple[dict[str, Any], Counter[str], Counter[str]]
"""Of a life: the subscription, its bills by status, its mails by occasion."""


@dataclass
class Drill:
    """A folder with the data of a stack, which is started and stopped."""

    folder: Path
    lives: list[Life] = field(default_factory=list)

    @asynccontextmanager
    async def stack(self) -> AsyncIterator[tuple[Stack, Product]]:
        options = Options(self.folder, CATALOG, POLICY, durable=False, ui=False)
        async with running(options) as stack, Product(stack.addresses) as product:
            for life in self.lives:
                life.product = product
            yield stack, product

    async def begun(self, product: Product, name: str, **more: Any) -> Life:
        life = await Life.begun(product, name, **more)
        self.lives.append(life)
        return life

    async def standing(self) -> dict[str, Standing]:
        return {life.id: (await life.stands(), await life.bills(), await life.mails()) for life in self.lives}

    # PostgreSQL

    async def back_database_up(self, stack: Stack) -> str:
        """The dump."""
        url = re.sub(r"//\w+:", f"//{OWNER}:", stack.addresses.database_url)
        said = await run_script("backup.sh", str(self.folder / "backups"), **self.settings(url))
        assert said.status == 0, said.err
        return said.out.strip()

    async def put_database_back(self, dump: str) -> list[str]:
        """Restore a dump while nothing else runs; returns what the script refused before it did."""
        async with Postgres(self.folder, durable=False) as postgres, self._temporal() as temporal:
            settings = self.settings(postgres.url, temporal.address)
            connection = await asyncpg.connect(postgres.url)
            in_use = await run_script("restore.sh", "--replace", dump, **settings)
            await connection.close()
            not_asked = await run_script("restore.sh", dump, **settings)
            said = await run_script("restore.sh", "--replace", dump, **settings)
            assert said.status == 0, said.out + said.err
            return [in_use.err, not_asked.err, said.out]

    def settings(self, database_url: str, temporal: str = "127.0.0.1:1") -> dict[str, str]:
        return {
            "TENURE_DATABASE_URL": database_url,
            "TENURE_TEMPORAL_ADDRESS": temporal,
            "TENURE_TRIAL_KEY": Secrets.of(self.folder).trial_key,
            "TENURE_ERASURES_FILE": str(self.folder / "erasures.jsonl"),
        }

    # Temporal

    @property
    def _store(self) -> Path:
        return self.folder / "temporal.db"

    def _temporal(self) -> TemporalDevServer:
        return TemporalDevServer(self.folder, search_attributes=SEARCH_ATTRIBUTE_TYPES, durable=False, ui=False)

    def back_temporal_up(self) -> Path:
        """A copy of its store, made while it runs."""
        copy = self.folder / "temporal.backup"
        with closing(sqlite3.connect(self._store)) as store, closing(sqlite3.connect(copy)) as target:
            store.backup(target)
        return copy

    def put_temporal_back(self, copy: Path) -> None:
        for left in self.folder.glob("temporal.db*"):
            left.unlink()
        copy.rename(self._store)


async def healed(stack: Stack) -> Counter[tuple[str, str, str]]:
    """Reconcile as `tenure reconcile --fix` does; kind, subscription (or agreement) and outcome of what was found."""
    run = (await run_now(stack.client, fix=True, ask_all=True)).run
    found = await Reconciliations(stack.engine).of_run(run)
    return Counter((each.kind, each.subscription or each.agreement_ref, each.outcome) for each in found)
