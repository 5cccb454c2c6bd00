"""Subscriptions of unpublished catalogs, by original catalog and plan."""

from domain.catalog.plans import Item
from domain.subscription.lifecycle import Status
from storage.catalog.catalogs import Catalogs
from storage.catalog.unpublished import followers
from tests.storage.ledger import Ledger, a_step, later
from tests.storage.shop import SHOP


async def test_they_are_grouped_by_the_catalog_named_by_their_price_or_themselves(ledger: Ledger) -> None:
    await ledger.sign_up("ada", items=(Item("shop_starter_month_v1", 1),))
    gone = await ledger.sign_up("grace", catalog="shop_v3")
    await ledger.save(a_step(later(gone, status=Status.CANCELED)))
    await ledger.sign_up("barbara", catalog="shop_v2", tenant="another")
    await ledger.sign_up("edsger", items=(Item("price_of_theirs", 1),))
    await ledger.sign_up("alan", items=())

    before = await followers(ledger.engine)
    await Catalogs(ledger.engine).publish(SHOP)

    others = {"": {"starter": 2}, "shop_v2": {"starter": 1}}
    assert before == others | {"shop_v1": {"starter": 1}}
    assert await followers(ledger.engine) == others
