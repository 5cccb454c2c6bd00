"""Purchases in the database: kept once, claimed by one, looked at again, and deleted a day after they expire."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from uuid import uuid4

import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from domain.provider.purchases import PurchasePage
from domain.purchases.ports import PurchaseState, StoredPurchase
from domain.subscription.policy import DEFAULT_POLICY
from domain.subscription.sign_up import SignUp, SignUpContact
from storage.catalog.catalogs import Catalogs
from storage.catalog.current import CatalogInForce, put_in_force
from storage.purchases import PurchaseRecords
from tests.contracts.provider import CATALOG
from tests.storage.ledger import Ledger, a_step, later

MINUTE, DAY = timedelta(minutes=1), timedelta(days=1)


@pytest.fixture
def purchases(engine: AsyncEngine) -> PurchaseRecords:
    return PurchaseRecords(engine)


def a_purchase(external_id: str = "ada", *, expires_in: timedelta = DAY) -> StoredPurchase:
    id_ = str(uuid4())
    contact = SignUpContact(external_id, f"{external_id}@example.com", "Ada", "Europe/London", "de", {"from": "web"})
    selection = CATALOG.select("starter", add_ons={"users": 2})
    sign_up = SignUp(id_, "default", "key product", "k", contact, selection, 14, DEFAULT_POLICY)
    page = PurchasePage(f"cs_{id_}", f"https://pay.example/{id_}", datetime.now(UTC) + expires_in)
    return StoredPurchase(page, sign_up, "https://shop.example/thanks", "cus_1")


async def aged(ledger: Ledger, by: timedelta) -> None:
    """Let time pass for every purchase."""
    moments = ("created_at", "expires_at", "completed_at", "busy_until", "look_at")
    moved = ", ".join(f"{name} = {name} - make_interval(secs => {by.total_seconds()})" for name in moments)
    async with ledger.engine.begin() as connection:
        await connection.execute(text(f"update purchases set {moved}"))  # noqa: S608 - names are ours


async def test_a_purchase_is_kept_as_it_was_wished(purchases: PurchaseRecords) -> None:
    purchase = a_purchase()

    await purchases.add(purchase)

    found = await purchases.of_page(purchase.page.ref)
    assert found is not None
    assert replace(found, created_at=None) == purchase
    assert found == await purchases.of_subscription(purchase.sign_up.subscription)
    assert found.sign_up.policy == DEFAULT_POLICY


async def test_of_two_pages_for_one_subscription_the_first_is_kept(purchases: PurchaseRecords) -> None:
    purchase = a_purchase()
    await purchases.add(purchase)

    again = await purchases.add(replace(purchase, page=replace(purchase.page, ref="cs_other")))

    assert again.page == purchase.page


async def test_pages_of_purchases_are_told_from_others(purchases: PurchaseRecords) -> None:
    purchase = await purchases.add(a_purchase())

    assert await purchases.known([purchase.page.ref, "cs_nobody"]) == {purchase.page.ref: "default"}
    assert await purchases.of_page("cs_nobody") is None
    assert await purchases.of_subscription(str(uuid4())) is None
    assert await purchases.of_subscription("not ours") is None


async def test_one_caller_at_a_time_has_a_purchase_until_it_is_released_or_its_time_is_over(
    purchases: PurchaseRecords, ledger: Ledger
) -> None:
    page = (await purchases.add(a_purchase())).page.ref

    assert await purchases.claim(page, MINUTE) is not None
    assert await purchases.claim(page, MINUTE) is None
    await purchases.release(page, MINUTE)
    assert await purchases.claim(page, MINUTE) is not None
    await aged(ledger, 2 * MINUTE)
    assert await purchases.claim(page, MINUTE) is not None


@pytest.mark.parametrize("state", [PurchaseState.BEGUN, PurchaseState.REFUSED, PurchaseState.EXPIRED])
async def test_a_closed_purchase_is_nobodys_and_never_due(
    purchases: PurchaseRecords, ledger: Ledger, state: PurchaseState
) -> None:
    page = (await purchases.add(a_purchase())).page.ref

    await purchases.set_state(page, state)
    await aged(ledger, DAY)

    assert await purchases.claim(page, MINUTE) is None
    assert await purchases.due(10) == []


async def test_a_refusal_keeps_its_code(purchases: PurchaseRecords) -> None:
    page = (await purchases.add(a_purchase())).page.ref

    await purchases.set_state(page, PurchaseState.REFUSING, "trial_used")
    await purchases.set_state(page, PurchaseState.REFUSED)

    found = await purchases.of_page(page)
    assert found is not None
    assert (found.state, found.code) == (PurchaseState.REFUSED, "trial_used")


async def test_the_sweep_looks_at_what_waits_after_the_time_it_is_told(
    purchases: PurchaseRecords, ledger: Ledger
) -> None:
    first, second = [(await purchases.add(a_purchase(name))).page.ref for name in ("ada", "bob")]
    assert await purchases.due(10) == []

    await aged(ledger, 3 * MINUTE)
    assert await purchases.due(10) == [first, second]
    assert await purchases.due(1) == [first]
    await purchases.release(first, 10 * MINUTE)
    assert await purchases.due(10) == [second]
    await aged(ledger, 10 * MINUTE)
    assert await purchases.due(10) == [second, first]


async def test_the_sweep_can_be_made_to_look_at_what_waits_next(purchases: PurchaseRecords) -> None:
    first, second = [(await purchases.add(a_purchase(name))).page.ref for name in ("ada", "bob")]
    await purchases.set_state(second, PurchaseState.BEGUN)

    await purchases.look_soon([first, second, "cs_nobody"])

    assert await purchases.due(10) == [first]


async def test_a_completed_purchase_that_neither_begins_nor_is_undone_is_stuck(
    purchases: PurchaseRecords, ledger: Ledger
) -> None:
    page = (await purchases.add(a_purchase())).page.ref
    await purchases.mark_completed(page)
    assert await purchases.stuck(60 * MINUTE) == []

    await aged(ledger, 61 * MINUTE)
    await purchases.mark_completed(page)

    assert [each.page.ref for each in await purchases.stuck(60 * MINUTE)] == [page]
    await purchases.set_state(page, PurchaseState.BEGUN)
    assert await purchases.stuck(60 * MINUTE) == []


async def test_purchases_are_deleted_a_day_after_they_expired_once_they_are_closed(
    purchases: PurchaseRecords, ledger: Ledger
) -> None:
    closed, waiting = [(await purchases.add(a_purchase(name))).page.ref for name in ("ada", "bob")]
    await purchases.set_state(closed, PurchaseState.EXPIRED)

    await aged(ledger, 2 * DAY - MINUTE)
    assert await purchases.forget_old() == 0
    await aged(ledger, 2 * MINUTE)
    assert await purchases.forget_old() == 1

    assert await purchases.of_page(closed) is None
    assert await purchases.of_page(waiting) is not None


async def test_a_customer_whose_purchase_was_undone_is_kept_with_their_id_at_the_provider(
    purchases: PurchaseRecords, ledger: Ledger
) -> None:
    sign_up = a_purchase().sign_up

    customer = await purchases.keep_customer(sign_up, "cus_9")

    assert await purchases.keep_customer(sign_up, "cus_9") == customer
    [row] = await ledger.rows("select external_id, email, locale, timezone, customer_ref, former_refs from customers")
    assert row == {
        "external_id": "ada",
        "email": "ada@example.com",
        "locale": "de",
        "timezone": "Europe/London",
        "customer_ref": "cus_9",
        "former_refs": [],
    }


async def test_a_known_customer_stays_as_they_are_and_is_found_by_the_other_id_too(
    purchases: PurchaseRecords, ledger: Ledger
) -> None:
    before = await ledger.sign_up("ada")
    await ledger.save(a_step(later(before)))
    await ledger.records.remember_wallet(before.customer, "cus_1")

    for _ in range(2):
        assert await purchases.keep_customer(a_purchase().sign_up, "cus_9") == before.customer

    [row] = await ledger.rows("select customer_ref, former_refs from customers")
    assert row == {"customer_ref": "cus_1", "former_refs": ["cus_9"]}


async def test_a_plan_is_sold_as_long_as_the_catalog_in_force_has_it(engine: AsyncEngine, ledger: Ledger) -> None:
    on_sale, starter = CatalogInForce(engine), CATALOG.select("starter", add_ons={"users": 2})
    assert await on_sale.sells(starter), "nothing is published yet"

    sold = replace(CATALOG, plans={name: CATALOG.plans[name] for name in ("starter", "pro")}, features={})
    later_on = replace(sold, version=2, plans={"pro": CATALOG.plans["pro"]}, add_ons={})
    await Catalogs(engine).publish(sold)
    assert await on_sale.sells(starter)
    await Catalogs(engine).publish(later_on)
    await put_in_force(engine, later_on.name)

    assert not await on_sale.sells(starter)
    assert not await on_sale.sells(CATALOG.select("pro", add_ons={"users": 2}))
    assert await on_sale.sells(CATALOG.select("pro"))
    assert await on_sale.sells(replace(starter, catalog="another_v1"))
