"""Which recorded usage does not fit a change of plan."""

from dataclasses import replace

import pytest
import pytest_asyncio

from domain.catalog.plans import Selection
from domain.subscription.journal import FitCheck
from domain.subscription.state import Subscription
from storage.catalog.catalogs import Catalogs
from tests.storage.ledger import Ledger
from tests.storage.shop import SHOP, Shop

PROFESSIONAL, STARTER = SHOP.select("professional"), SHOP.select("starter")
DOWN = FitCheck(PROFESSIONAL, STARTER)


@pytest_asyncio.fixture
async def shop(ledger: Ledger) -> Shop:
    return await Shop.opened(ledger.engine)


@pytest_asyncio.fixture
async def ada(ledger: Ledger, shop: Shop) -> Subscription:
    """Has Professional, and uses more than Starter includes: 150 of 100 GB, 12 of 10 clicks, 5 of 3 posts."""
    subscription = await ledger.sign_up("ada", items=PROFESSIONAL.items, catalog=SHOP.name, plan="professional")
    for feature, quantity in (("storage_gb", 150), ("clicks", 12), ("posts", 5), ("calls", 2000)):
        await shop.use(feature, quantity)
    return subscription


async def found(ledger: Ledger, subscription: Subscription, check: FitCheck) -> dict[str, tuple[int, int]]:
    conflicts = await ledger.records.limit_conflicts(subscription, check)
    return {one.feature.code: (one.counter.used, one.allowed) for one in conflicts}


async def test_at_once_all_current_usage_is_compared_with_the_new_plan(ledger: Ledger, ada: Subscription) -> None:
    assert await found(ledger, ada, DOWN) == {"storage_gb": (150, 100), "clicks": (12, 10), "posts": (5, 3)}


async def test_only_gauges_carry_over(ledger: Ledger, ada: Subscription) -> None:
    assert await found(ledger, ada, replace(DOWN, is_ahead=True)) == {"storage_gb": (150, 100)}


async def test_add_ons_count(ledger: Ledger, ada: Subscription) -> None:
    more = SHOP.select("starter", add_ons={"storage_gb": 60})

    assert await found(ledger, ada, FitCheck(PROFESSIONAL, more, is_ahead=True)) == {}


async def test_an_upgrade_exceeds_nothing(ledger: Ledger, ada: Subscription) -> None:
    assert await found(ledger, ada, FitCheck(STARTER, PROFESSIONAL)) == {}


@pytest.mark.parametrize("named", ["", "shop_v7"], ids=["not noted", "not published"])
async def test_a_catalog_that_is_not_known_is_todays(ledger: Ledger, ada: Subscription, named: str) -> None:
    old: Selection = replace(STARTER, catalog=named)

    assert await found(ledger, ada, FitCheck(PROFESSIONAL, old, is_ahead=True)) == {"storage_gb": (150, 100)}


async def test_without_any_catalog_nothing_is_said(ledger: Ledger) -> None:
    ada = await ledger.sign_up("ada")

    assert await found(ledger, ada, DOWN) == {}


async def test_one_that_this_release_cannot_read_holds_up_no_step(ledger: Ledger, ada: Subscription) -> None:
    await Catalogs(ledger.engine).publish(replace(SHOP, version=2))
    await ledger.run("""update catalog_versions set content = '{"product": 7}' where name = 'shop_v2'""")

    check = FitCheck(PROFESSIONAL, replace(STARTER, catalog="shop_v2"))

    assert await found(ledger, ada, check) == {}


async def test_another_tenants_usage_does_not_count(ledger: Ledger, ada: Subscription) -> None:
    other = await ledger.sign_up("ada", tenant="acme", items=PROFESSIONAL.items, catalog=SHOP.name, plan="professional")

    assert await found(ledger, other, DOWN) == {}
