"""`tenure erasures`: lists erased customers for backups, and erases them from a restored one."""

import asyncio
import sys
from pathlib import Path

from configuration.loading import Process, load_settings
from configuration.settings import ErasureSettings
from domain.errors import Malformed, TenureError
from storage.privacy.erasure import Erasures, all_erasures
from storage.privacy.erasures_file import line_of, read
from storage.subscriptions.trial_key import check_trial_key
from tenure.cli.audited import noted
from tenure.cli.connections import database, hold_to_payload_keys, temporal
from tenure.cli.os_errors import writing
from tenure.cli.processes import trial_key_of
from worker.composition.services import erasing

ACTOR = "tenure erasures apply"


def export(file: Path | None = None) -> None:
    """List every erased customer, a line of JSON each, for keeping with a backup; names nobody.

    Parameters
    ----------
    file
        Where to write the list; without it, to standard output.
    """
    text = asyncio.run(_export())
    if file is None:
        sys.stdout.write(text)
    else:
        with writing(file, "name a file in a folder that is there"):
            file.write_text(text, encoding="utf-8")


async def _export() -> str:
    settings = load_settings(Process.ERASURES_EXPORT)
    async with database(settings) as engine:
        return "".join([line_of(customer, at) for customer, at in await all_erasures(engine)])


def apply(file: Path | None = None) -> None:
    """Erase the customers of a list from a restored backup, before anything else runs on it; safe to repeat.

    Status 1 if one of them could not be erased.

    Parameters
    ----------
    file
        The list; without it, TENURE_ERASURES_FILE.
    """
    if not asyncio.run(_apply(file)):
        sys.exit(1)


async def _apply(file: Path | None) -> bool:
    """True if nothing failed."""
    settings = load_settings(Process.ERASURES_APPLY)
    customers = read(_list_of(file, settings))
    key, erased, unknown, failed = trial_key_of(settings), 0, 0, 0
    client = await temporal(settings)
    async with database(settings) as engine, noted(engine, "erasures apply"):
        await hold_to_payload_keys(settings, engine)
        await check_trial_key(engine, key)
        records, service = Erasures(engine, key), erasing(client, engine, key)
        for customer in customers:
            tenant = await records.tenant_of(customer)
            if tenant is None:
                unknown += 1
                continue
            try:
                await service.erase_again(tenant, customer, ACTOR)
                erased += 1
            except TenureError as error:
                failed += 1
                print(f"FAILED: customer {customer}: {error.message}", file=sys.stderr)
    print(f"{erased} erased, {unknown} not in this database, {failed} failed")
    return not failed


def _list_of(file: Path | None, settings: ErasureSettings) -> Path:
    found = file or settings.erasures_file
    if found is None:
        raise Malformed("name the list, or set TENURE_ERASURES_FILE", field="file")
    return found
