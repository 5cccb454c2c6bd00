"""SQL statements kept in files, read when they are first used."""

from functools import cache
from pathlib import Path

from sqlalchemy import TextClause, text


@cache
def sql(file: Path) -> str:
    """The statement in a file, with parameters `$1`, `$2` and so on: for `storage.db.engine.fetch`."""
    return file.read_text()


@cache
def sql_text(file: Path) -> TextClause:
    """The statement in a file, with named parameters."""
    return text(file.read_text())
