"""What the tests of usage have in common."""

import pytest

from tests.harness.midnight import wait_out_midnight


@pytest.fixture(autouse=True)
def _within_one_day() -> None:
    """A counter of a day, a week or a month starts again at 0 when it ends, also in the midst of a test."""
    wait_out_midnight()
