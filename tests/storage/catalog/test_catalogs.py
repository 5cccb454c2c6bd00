"""Published catalogs: stored by name, in the order of their file, and how many subscriptions have what."""

import asyncio
from dataclasses import replace

import pytest

from configuration.catalog_file import load_catalog
from domain.catalog.plans import Catalog, Selection
from domain.errors import Rejected
from domain.names import DEFAULT_TENANT
from domain.subscription.lifecycle import Status
from domain.subscription.state import Subscription
from storage.catalog.catalogs import Catalogs, Holders
from tests.harness.catalogs import CATALOGS
from tests.storage.ledger import Ledger, a_step, later
from tests.storage.shop import SHOP

SECOND = replace(SHOP, version=2)
SHIPPED = ("social", "attribution", "jobs", "manufacturing")


def with_posts(catalog: Catalog, number: int) -> Catalog:
    """The catalog with another number of posts on its starter plan."""
    starter = catalog.plans["starter"]
    given = {**starter.entitlements, "posts": number}
    return replace(catalog, plans={**catalog.plans, "starter": replace(starter, entitlements=given)})


async def sign_up(ledger: Ledger, name: str, to: Selection, tenant: str = DEFAULT_TENANT) -> Subscription:
    """A recorded subscription to a selection from a catalog."""
    subscription = (await ledger.newcomer(name, tenant)).choosing(to)
    await ledger.save(a_step(subscription))
    return subscription


@pytest.fixture
def catalogs(ledger: Ledger) -> Catalogs:
    return Catalogs(ledger.engine)


@pytest.mark.parametrize("name", SHIPPED)
async def test_a_catalog_comes_back_as_it_was_published_in_the_order_of_its_file(catalogs: Catalogs, name: str) -> None:
    catalog = load_catalog(CATALOGS / f"{name}.yaml")

    assert await catalogs.publish(catalog)
    found = await catalogs.get(catalog.name)

    assert found == catalog
    assert list(found.plans) == list(catalog.plans)
    assert list(found.features) == list(catalog.features)
    assert not await catalogs.publish(catalog)


async def test_a_version_is_not_changed_unless_that_is_meant(catalogs: Catalogs, ledger: Ledger) -> None:
    await catalogs.publish(SHOP)
    before = await ledger.everything()

    with pytest.raises(Rejected, match="raise its version") as refused:
        await catalogs.publish(with_posts(SHOP, 5))

    assert refused.value.code == "catalog_differs"
    assert await ledger.everything() == before


async def test_a_change_in_place_is_found_by_its_revision(catalogs: Catalogs, ledger: Ledger) -> None:
    await catalogs.publish(SHOP)
    assert await catalogs.get(SHOP.name) == SHOP
    changed = with_posts(SHOP, 5)

    # By another process.
    assert await Catalogs(ledger.engine).publish(changed, in_place=True)

    assert await catalogs.get(SHOP.name, revision=1) == SHOP
    assert await catalogs.get(SHOP.name, revision=2) == changed
    limits = "select plan, included::int from plan_limits where feature = 'posts' order by plan"
    assert [tuple(row.values()) for row in await ledger.rows(limits)] == [
        ("free", 1),
        ("professional", 30),
        ("starter", 5),
    ]


async def test_without_a_revision_a_catalog_is_found_as_another_process_has_changed_it(
    catalogs: Catalogs, ledger: Ledger
) -> None:
    await catalogs.publish(SHOP)
    assert await catalogs.get(SHOP.name) == SHOP
    changed = with_posts(SHOP, 5)
    await Catalogs(ledger.engine).publish(changed, in_place=True)

    assert await catalogs.get(SHOP.name) == changed
    assert await catalogs.get(SHOP.name) == changed


async def test_what_an_earlier_release_has_published_is_the_same_although_it_says_less(
    catalogs: Catalogs, ledger: Ledger
) -> None:
    await catalogs.publish(SHOP)
    # As written before limits had a status.
    await ledger.run(
        "update catalog_versions set content = jsonb_set(content::jsonb, '{features,posts,limit}',"
        " (content::jsonb #> '{features,posts,limit}') - 'status')::json"
    )

    assert not await catalogs.publish(SHOP)


async def test_many_who_publish_at_once_publish_once(catalogs: Catalogs, ledger: Ledger) -> None:
    done = await asyncio.gather(*(Catalogs(ledger.engine).publish(SHOP) for _ in range(8)))

    assert sorted(done) == [False] * 7 + [True]
    assert await ledger.count("plan_limits") == 12


async def test_the_versions_of_one_product_come_oldest_first(catalogs: Catalogs) -> None:
    later_on = [replace(SHOP, version=version) for version in (10, 9)]
    for catalog in (*later_on, SHOP, replace(SHOP, product="shop_2")):
        await catalogs.publish(catalog)

    assert [one.name for one in await catalogs.versions("shop")] == ["shop_v1", "shop_v9", "shop_v10"]
    assert await catalogs.versions("nothing") == []


async def test_it_is_known_who_has_what(catalogs: Catalogs, ledger: Ledger) -> None:
    assert await catalogs.holders() == Holders()
    await catalogs.publish(SHOP)
    for customer in ("ada", "grace"):
        await sign_up(ledger, customer, SHOP.select("starter"))
    await sign_up(ledger, "barbara", SHOP.select("professional"), tenant="another")
    # Of a version that was never published.
    await sign_up(ledger, "edsger", SECOND.select("starter"))
    gone = await sign_up(ledger, "alan", SHOP.select("starter"))
    await ledger.save(a_step(later(gone, status=Status.CANCELED)))
    await ledger.customer("nobody-yet")

    found = await catalogs.holders()

    assert found == Holders({"shop_v1": {"professional": 1, "starter": 2}}, {"starter": 1}, without=2)


async def test_it_is_known_who_has_add_ons(catalogs: Catalogs, ledger: Ledger) -> None:
    await catalogs.publish(SHOP)
    add_on = next(iter(SHOP.add_ons))
    with_units = SHOP.select("starter", add_ons={add_on: 3})
    for customer in ("ada", "grace"):
        await sign_up(ledger, customer, with_units)
    gone = await sign_up(ledger, "alan", with_units)
    await ledger.save(a_step(later(gone, status=Status.CANCELED)))
    await sign_up(ledger, "edsger", SHOP.select("starter"))

    assert (await catalogs.holders()).add_ons == {"shop_v1": {add_on: 2}}
