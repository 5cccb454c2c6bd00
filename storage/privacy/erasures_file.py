"""The list of erased customers outside the database: a line of JSON for each, with our id and the day."""

import asyncio
import fcntl
import json
import os
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from uuid import UUID

from domain.errors import GatewayUnavailable, Malformed


class ErasuresFile:
    """Implements `domain.privacy.ports.ErasureLog`. Any number of processes may write to one file."""

    def __init__(self, path: Path) -> None:
        self._path = path

    async def append(self, customer: str, erased_at: datetime) -> None:
        line = line_of(customer, erased_at)
        try:
            await asyncio.to_thread(_append, self._path, line)
        except OSError as error:
            raise GatewayUnavailable(
                f"TENURE_ERASURES_FILE cannot be written, so nothing was erased: {error}", code="erasures_file"
            ) from error


def line_of(customer: str, erased_at: datetime) -> str:
    """The line of one erasure."""
    return json.dumps({"customer": customer, "day": erased_at.astimezone(UTC).date().isoformat()}) + "\n"


def read(path: Path) -> list[str]:
    """The customers of a list, by our ids, each once.

    Raises:
        Malformed: field `file`; a line is not one of these, or the file cannot be read.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise Malformed(f"{path} cannot be read: {error}", field="file") from error
    return list(dict.fromkeys(_customers(path, text)))


def _customers(path: Path, text: str) -> Iterator[str]:
    for number, line in enumerate(text.splitlines(), start=1):
        if not line.strip():
            continue
        try:
            yield str(UUID(json.loads(line)["customer"]))
        except (ValueError, TypeError, KeyError, AttributeError):
            raise Malformed(
                f'{path}, line {number}: not an erasure, like {{"customer": "<id>", "day": "2026-11-29"}}', field="file"
            ) from None


def _append(path: Path, line: str) -> None:
    """Writes a line so that it is there even if the machine stops right after."""
    file = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
    try:
        fcntl.flock(file, fcntl.LOCK_EX)
        os.write(file, line.encode())
        os.fsync(file)
    finally:
        os.close(file)
