"""What the tests of the embedded servers share."""

from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest


@pytest.fixture
def data() -> Iterator[Path]:
    """Return a data folder of the test's own.

    Not pytest's `tmp_path`: as root, PostgreSQL runs as another user, for whom the folders above are opened, and
    pytest closes its own again whenever another session begins.
    """
    with TemporaryDirectory(prefix="tenure-test-") as folder:
        yield Path(folder)
