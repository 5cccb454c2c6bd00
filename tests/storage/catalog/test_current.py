"""The catalog in force: the one that was put in force last, whichever process started last."""

from dataclasses import replace

from domain.subscription.policy import DEFAULT_POLICY
from storage.catalog.catalogs import Catalogs
from storage.catalog.current import in_force, put_in_force
from storage.catalog.offer import Offer
from storage.db.engine import transaction
from tests.storage.ledger import Ledger
from tests.storage.shop import SHOP

NEXT = replace(SHOP, version=SHOP.version + 1)


async def current(ledger: Ledger) -> str:
    async with transaction(ledger.engine) as connection:
        found = await in_force(connection)
    assert found is not None
    return found.name


async def test_a_process_of_the_previous_release_that_starts_again_does_not_take_a_catalog_back(
    ledger: Ledger,
) -> None:
    before, after = Offer(ledger.engine, SHOP, DEFAULT_POLICY), Offer(ledger.engine, NEXT, DEFAULT_POLICY)
    await before.publish()
    assert await current(ledger) == SHOP.name
    await after.publish()

    await before.publish()

    assert await current(ledger) == NEXT.name


async def test_an_earlier_catalog_is_put_in_force_again_on_request(ledger: Ledger) -> None:
    for catalog in (SHOP, NEXT):
        await Offer(ledger.engine, catalog).publish()

    await put_in_force(ledger.engine, SHOP.name, again=True)

    assert await current(ledger) == SHOP.name
    await Offer(ledger.engine, NEXT).publish()
    assert await current(ledger) == SHOP.name


async def test_a_catalog_that_is_only_published_is_not_in_force(ledger: Ledger) -> None:
    await Offer(ledger.engine, SHOP).publish()

    await Catalogs(ledger.engine).publish(NEXT)

    assert await current(ledger) == SHOP.name
