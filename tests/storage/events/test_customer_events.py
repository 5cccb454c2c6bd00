"""What products are told of a customer, apart from their subscriptions: written with what it tells, once."""

from typing import Any

import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from domain.subscription.contact_changes import KnownContact
from domain.subscription.lifecycle import Status
from domain.subscription.sign_up import SignUpContact
from storage.privacy.erasure import Erasures
from storage.subscriptions.customer_changes import CustomerChanges
from storage.subscriptions.sign_ups import SignUps
from storage.subscriptions.write_model import SubscriptionRecords
from storage.usage.notices import UsageNotices
from tests.builders import CAUSE, a_trial
from tests.harness.trial_key import TRIAL_KEY
from tests.storage.events.rows import Announced, an_endpoint
from tests.storage.ledger import Ledger, a_step, later
from tests.storage.shop import SHOP, Shop


@pytest.fixture
def announced() -> Announced:
    return Announced()


@pytest.fixture
def changes(engine: AsyncEngine, announced: Announced) -> CustomerChanges:
    return CustomerChanges(engine, TRIAL_KEY, announced)


async def told(ledger: Ledger, type_: str) -> list[dict[str, Any]]:
    return await ledger.rows(f"select * from events where type = '{type_}' order by txid, position")  # noqa: S608


async def change(changes: CustomerChanges, external_id: str = "ada", **given: object) -> None:
    await changes.change(tenant="default", external_id=external_id, given=given, cause=CAUSE)


# Updates


async def test_a_changed_customer_is_told_by_the_names_of_what_was_changed(
    ledger: Ledger, changes: CustomerChanges, announced: Announced
) -> None:
    customer = await ledger.customer("ada")
    await an_endpoint(ledger.engine)

    await change(changes, email="ada@lovelace.example", name="Ada Lovelace")

    [event] = await told(ledger, "customer.updated")
    assert (str(event["customer"]), event["subscription"], event["sequence"]) == (customer, None, None)
    assert event["payload"] == {"changed": ["email", "name"]}
    assert [each.event for each in announced.deliveries] == [str(event["id"])]


async def test_what_did_not_change_is_not_told(ledger: Ledger, changes: CustomerChanges) -> None:
    await ledger.customer("ada")
    await change(changes, email="ada@example.com")
    assert await told(ledger, "customer.updated") == []


async def test_two_changes_are_two_events(ledger: Ledger, changes: CustomerChanges) -> None:
    await ledger.customer("ada")
    await change(changes, name="Ada")
    await change(changes, name="Ada L.")
    assert len(await told(ledger, "customer.updated")) == 2


async def test_what_the_provider_knows_better_is_told(
    ledger: Ledger, changes: CustomerChanges, announced: Announced
) -> None:
    customer = await ledger.customer("ada")
    await an_endpoint(ledger.engine)
    was = KnownContact("", "ada@example.com", None, is_changing=False)

    await changes.adopt(customer, was, KnownContact("", "ada@new.example", None, is_changing=False), CAUSE, "")

    [event] = await told(ledger, "customer.updated")
    assert event["payload"] == {"changed": ["email"]}
    assert len(announced.deliveries) == 1


async def test_a_sign_up_that_changes_a_known_customer_tells_both(ledger: Ledger, announced: Announced) -> None:
    before = await ledger.sign_up("ada")
    await ledger.save(a_step(later(before, status=Status.CANCELED)))
    await an_endpoint(ledger.engine)
    again = a_trial(id="7d1f2f0e-0000-4000-8000-00000000e001", customer=before.customer)
    contact = SignUpContact("ada", "ada@new.example", "Ada", None, None, {})
    await SignUps(ledger.engine).wait(again.id, "default", contact)

    await SubscriptionRecords(ledger.engine, TRIAL_KEY, announced).save(a_step(again))

    [event] = await told(ledger, "customer.updated")
    assert event["payload"] == {"changed": ["email", "name"]}
    assert str(event["id"]) in {each.event for each in announced.deliveries}


# Erasures


async def test_an_erasure_is_told_once_by_our_id_alone(ledger: Ledger, announced: Announced) -> None:
    it = await ledger.sign_up("ada-lovelace", status=Status.CANCELED)
    await an_endpoint(ledger.engine)
    erasures = Erasures(ledger.engine, TRIAL_KEY, announced)

    for _ in range(2):
        await erasures.erase("default", it.customer, "admin key", before_commit=nothing)

    [event] = await told(ledger, "customer.erased")
    assert (str(event["customer"]), event["payload"]) == (it.customer, {})
    assert len(announced.deliveries) == 1


async def nothing(_at: object) -> None:
    """No list outside the database."""


# Usage


async def test_a_crossed_threshold_is_told_once_with_the_subscription(ledger: Ledger, announced: Announced) -> None:
    shop = await Shop.opened(ledger.engine)
    it = await ledger.sign_up("ada", items=SHOP.select("starter").items, catalog=SHOP.name)
    await an_endpoint(ledger.engine)
    notices = UsageNotices(ledger.engine, announced)
    await shop.use("storage_gb", 92)

    await notices.write(limit=100)
    await notices.write(limit=100)

    [event] = await told(ledger, "usage.threshold_reached")
    assert (str(event["customer"]), str(event["subscription"])) == (it.customer, it.id)
    usage = event["payload"]["usage"]
    assert (usage["feature"], usage["threshold"], usage["used"], usage["included"]) == ("storage_gb", 90, 92, 100)
    assert len(announced.deliveries) == 1


async def test_usage_of_somebody_who_never_signed_up_is_not_told(ledger: Ledger) -> None:
    shop = await Shop.opened(ledger.engine)
    await ledger.sign_up("ada", items=SHOP.select("starter").items, catalog=SHOP.name)
    await shop.use("storage_gb", 92)
    await ledger.run("update usage_notices set customer = 'nobody'")

    await UsageNotices(ledger.engine).write(limit=100)

    assert await told(ledger, "usage.threshold_reached") == []
