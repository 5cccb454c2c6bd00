"""A fleet for the tests of this folder, which ends with them, and who looks into all of it."""

import sys
from collections.abc import AsyncIterator

import pytest

from gateways.stripe.http_client import connected
from tests.chaos.invariants import Inspector
from tests.fleet.fleet import Fleet
from tests.fleet.patient_product import PatientProduct
from tests.harness.folders import migrated_folder
from tests.harness.site import STRIPE_KEY, Site, Tell
from tests.harness.typed import Forker


@pytest.fixture(scope="package")
async def fleet(forker: Forker) -> AsyncIterator[Fleet]:
    with migrated_folder() as folder:
        async with Site.laid_out(folder, forker) as site, Fleet.of(site) as fleet:
            yield fleet


@pytest.fixture
async def customers(fleet: Fleet) -> AsyncIterator[PatientProduct]:
    async with PatientProduct(fleet.addresses) as product:
        yield product
        await product.faults()


@pytest.fixture(scope="package")
async def examiner(fleet: Fleet) -> AsyncIterator[Inspector]:
    async with connected(STRIPE_KEY, fleet.servers.simulator.base_url) as api:
        yield Inspector(fleet.servers, api)


@pytest.fixture
def tell(capsys: pytest.CaptureFixture[str]) -> Tell:
    """Shows a figure; none that a clock has a hand in is asserted."""

    def show(figure: str) -> None:
        with capsys.disabled():
            sys.stdout.write(f"\n{figure}\n")

    return show
