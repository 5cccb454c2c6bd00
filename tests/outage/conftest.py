"""A site for the production processes: everything outside of Tenure, for all tests of this folder."""

import sys
from collections.abc import AsyncIterator

import pytest

from tests.harness.folders import migrated_folder
from tests.harness.site import Site, Tell
from tests.harness.typed import Forker


@pytest.fixture(scope="session")
async def site(forker: Forker) -> AsyncIterator[Site]:
    with migrated_folder() as folder:
        async with Site.laid_out(folder, forker) as site:
            yield site


@pytest.fixture
def tell(capsys: pytest.CaptureFixture[str]) -> Tell:
    """Shows a figure; none is asserted, as machines differ."""

    def show(figure: str) -> None:
        with capsys.disabled():
            sys.stdout.write(f"\n{figure}\n")

    return show
