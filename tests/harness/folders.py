"""Folders in which servers keep their data while tests run."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

from tests.harness import clusters


@contextmanager
def data_folder() -> Iterator[Path]:
    """A new folder that is gone afterwards.

    Not pytest's `tmp_path`: as root, PostgreSQL runs as another user, for whom the folders above are opened, and pytest
    closes its own again whenever another session begins on the machine. PostgreSQL ends then, and with it all tests.
    """
    with TemporaryDirectory(prefix="tenure-test-") as folder:
        yield Path(folder)


@contextmanager
def migrated_folder() -> Iterator[Path]:
    """The same with a PostgreSQL cluster in it whose database has all tables and no rows."""
    with data_folder() as folder:
        clusters.lay(folder)
        yield folder
