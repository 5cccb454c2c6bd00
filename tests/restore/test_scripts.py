"""What `deploy/backup.sh` keeps, and what `deploy/restore.sh` does not restore."""

import os
import time
from pathlib import Path

import asyncpg
import pytest

from storage.db.migrations import upgrade
from tests.harness.deploy_scripts import run_script
from tests.harness.postgres import Databases


@pytest.fixture
def settings(database_url: str, tmp_path: Path) -> dict[str, str]:
    return {
        "TENURE_DATABASE_URL": database_url,
        "TENURE_ERASURES_FILE": str(tmp_path / "erasures.jsonl"),
        "TENURE_TEMPORAL_ADDRESS": "127.0.0.1:1",
        "TENURE_TRIAL_KEY": "no trial is looked up",
    }


def is_private(file: Path) -> bool:
    return not file.stat().st_mode & 0o077


def cut_off(file: Path) -> None:
    file.write_bytes(file.read_bytes()[:-2000])


def remove(file: str) -> None:
    Path(file).unlink()


async def test_old_dumps_go_when_a_new_one_was_made(settings: dict[str, str], tmp_path: Path) -> None:
    folder = tmp_path / "backups"
    folder.mkdir()
    month_ago = time.time() - 40 * 86400
    for name in ("tenure-20200101T000000Z.dump", "tenure-20200101T000000Z.dump.sha256", "notes.txt"):
        (folder / name).touch()
        os.utime(folder / name, (month_ago, month_ago))
    (folder / "tenure-20200201T000000Z.dump").touch()

    refused = await run_script("backup.sh", str(folder), **settings, TENURE_BACKUP_DAYS="a week")
    kept = sorted(each.name for each in folder.iterdir())
    said = await run_script("backup.sh", str(folder), **settings, TENURE_BACKUP_DAYS="30")

    assert (refused.status, said.status) == (1, 0), said.err
    assert "not a number of days" in refused.err
    assert len(kept) == 4
    dump = Path(said.out.strip())
    names = {"notes.txt", "tenure-20200201T000000Z.dump", dump.name, f"{dump.name}.sha256"}
    assert {each.name for each in folder.iterdir()} == names
    assert is_private(dump)


async def test_a_database_without_tenures_tables_gives_no_backup(
    settings: dict[str, str], empty_url: str, tmp_path: Path
) -> None:
    said = await run_script("backup.sh", str(tmp_path / "backups"), **settings | {"TENURE_DATABASE_URL": empty_url})

    assert said.status == 1
    assert "the dump has no table subscriptions" in said.err
    assert list((tmp_path / "backups").iterdir()) == []


async def test_a_backup_without_the_list_of_who_was_erased_is_none(settings: dict[str, str], tmp_path: Path) -> None:
    settings["TENURE_ERASURES_FILE"] = str(tmp_path / "not mounted" / "erasures.jsonl")

    said = await run_script("backup.sh", str(tmp_path / "backups"), **settings)

    assert said.status != 0
    assert list((tmp_path / "backups").iterdir()) == []


async def test_no_backup_lacks_rows_that_row_security_hides_from_its_login(
    settings: dict[str, str], empty_url: str, tmp_path: Path
) -> None:
    await upgrade(empty_url)
    settings["TENURE_DATABASE_URL"] = empty_url
    assert (await run_script("backup.sh", str(tmp_path / "backups"), **settings)).status == 0
    owner = await asyncpg.connect(empty_url)
    await owner.execute("DROP POLICY every_tenant ON invoices; DROP POLICY every_tenant ON usage_log_others")
    await owner.close()

    said = await run_script("backup.sh", str(tmp_path / "more"), **settings)

    assert said.status == 1
    assert "the dump would lack rows of invoices, usage_log_others: run `tenure migrate`" in said.err
    assert not (tmp_path / "more").exists()


async def test_a_dump_that_was_changed_or_cut_off_is_not_restored(settings: dict[str, str], tmp_path: Path) -> None:
    dump = Path((await run_script("backup.sh", str(tmp_path), **settings)).out.strip())
    cut_off(dump)

    changed = await run_script("restore.sh", "--replace", str(dump), **settings)
    remove(f"{dump}.sha256")
    unreadable = await run_script("restore.sh", "--replace", str(dump), **settings)

    assert "is not what was backed up" in changed.err
    assert "could not read" in unreadable.err
    # Nothing was dropped.
    assert (await run_script("backup.sh", str(tmp_path), **settings)).status == 0


async def test_nothing_is_restored_without_the_list_of_who_was_erased(settings: dict[str, str], tmp_path: Path) -> None:
    dump = (await run_script("backup.sh", str(tmp_path), **settings)).out.strip()
    remove(settings["TENURE_ERASURES_FILE"])

    said = await run_script("restore.sh", "--replace", dump, **settings)

    assert said.status == 1
    assert "who was erased would be back" in said.err


async def test_nothing_is_restored_while_somebody_with_another_login_is_connected(
    settings: dict[str, str], empty_url: str, databases: Databases, tmp_path: Path
) -> None:
    dump = (await run_script("backup.sh", str(tmp_path), **settings)).out.strip()
    worker = await asyncpg.connect(databases.by_superuser(empty_url))

    said = await run_script("restore.sh", dump, **settings | {"TENURE_DATABASE_URL": empty_url})
    await worker.close()

    assert said.status == 1
    assert "the database is in use by 1 connections: stop the API and the workers" in said.err
