"""What the tests of the embedded servers share."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.harness.folders import data_folder


@pytest.fixture
def data() -> Iterator[Path]:
    """Return a data folder of the test's own."""
    with data_folder() as folder:
        yield folder
