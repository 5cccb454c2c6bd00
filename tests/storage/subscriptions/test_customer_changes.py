"""A change of a customer is recorded once, and kept until everyone concerned knows."""

import asyncio
from typing import Any

import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from domain.errors import Malformed
from domain.subscription.contact_changes import UNUSABLE_ADDRESS, CustomerProblem, KnownContact
from domain.subscription.journal import Cause, CauseKind, TrialClaim
from domain.subscription.lifecycle import Status
from domain.subscription.policy import TrialMark
from domain.subscription.sign_up import SignUpContact
from storage.subscriptions.customer_changes import CustomerChanges, problems
from storage.subscriptions.sign_ups import SignUps
from storage.subscriptions.trials import Trials
from tests.builders import CAUSE, a_trial
from tests.harness.trial_key import TRIAL_KEY
from tests.storage.ledger import Ledger, a_step, later

HEARD = Cause(CauseKind.WEBHOOK, "evt_1")


@pytest.fixture
def changes(engine: AsyncEngine) -> CustomerChanges:
    return CustomerChanges(engine, TRIAL_KEY)


async def change(changes: CustomerChanges, external_id: str = "ada", **given: Any) -> bool:
    changed = await changes.change(tenant="default", external_id=external_id, given=given, cause=CAUSE)
    assert changed is not None
    return changed.is_news


async def test_what_is_not_given_stays(ledger: Ledger, changes: CustomerChanges) -> None:
    await ledger.customer("ada", name="Ada")

    assert await change(changes, email="ada@new.example", timezone="Asia/Tokyo")

    [row] = await ledger.rows("select email, name, timezone, locale from customers")
    assert row == {"email": "ada@new.example", "name": "Ada", "timezone": "Asia/Tokyo", "locale": "en"}


async def test_metadata_is_merged_and_an_empty_value_removes_its_key(ledger: Ledger, changes: CustomerChanges) -> None:
    await ledger.customer("ada")
    await change(changes, metadata={"a": "1", "b": "2"})

    await change(changes, metadata={"a": "", "c": "3"})

    assert await ledger.rows("select metadata from customers") == [{"metadata": {"b": "2", "c": "3"}}]
    with pytest.raises(Malformed) as caught:
        await change(changes, metadata={f"k{number}": "x" for number in range(49)})
    assert caught.value.field == "metadata"


async def test_nobody_is_changed_who_is_not_there_or_anothers(ledger: Ledger, changes: CustomerChanges) -> None:
    await ledger.customer("ada", "acme")

    assert await changes.change(tenant="default", external_id="ada", given={"name": "x"}, cause=CAUSE) is None


async def test_unchanged_values_are_not_a_change(ledger: Ledger, changes: CustomerChanges) -> None:
    await ledger.customer("ada")

    assert not await change(changes, email="ada@example.com", locale="en", metadata={})

    assert await ledger.count("customer_changes") == 0


async def test_a_change_is_reported_and_carried_and_then_deleted(ledger: Ledger, changes: CustomerChanges) -> None:
    live = await ledger.sign_up("ada")
    await ledger.records.remember_wallet(live.customer, "cus_1")
    await change(changes, email="ada@new.example")

    [notification] = await changes.unreported(live.customer)
    assert (notification.fields, notification.subscription, notification.cause) == (("email",), live.id, CAUSE)
    await changes.mark_notified(notification.id)
    to_provider = await changes.unsynced(live.customer)
    assert to_provider is not None
    assert (to_provider.customer_ref, to_provider.email, to_provider.name) == ("cus_1", "ada@new.example", None)
    await changes.mark_synced(live.customer, to_provider.id)

    assert await ledger.count("customer_changes") == 0


async def test_the_provider_gets_only_the_newest_change(ledger: Ledger, changes: CustomerChanges) -> None:
    ada = await ledger.customer("ada")
    await ledger.records.remember_wallet(ada, "cus_1")
    await change(changes, email="first@new.example")
    older = await changes.unsynced(ada)
    await change(changes, email="second@new.example")
    assert older is not None

    await changes.mark_synced(ada, older.id)

    newest = await changes.unsynced(ada)
    assert newest is not None
    assert newest.email == "second@new.example"
    assert len(await changes.unreported(ada)) == 2


async def test_what_the_provider_does_not_keep_is_not_carried(ledger: Ledger, changes: CustomerChanges) -> None:
    ada = await ledger.customer("ada")
    await ledger.records.remember_wallet(ada, "cus_1")

    await change(changes, timezone="Asia/Tokyo", metadata={"a": "b"})

    assert await changes.unsynced(ada) is None
    assert [one.fields for one in await changes.unreported(ada)] == [("timezone", "metadata")]


async def test_a_customer_not_yet_at_the_provider_is_reported_once_they_are(
    ledger: Ledger, changes: CustomerChanges
) -> None:
    ada = await ledger.customer("ada")
    await change(changes, email="ada@new.example")
    for one in await changes.unreported(ada):
        await changes.mark_notified(one.id)
    assert await changes.unsynced(ada) is None

    await ledger.records.remember_wallet(ada, "cus_1")

    assert await changes.unsynced(ada) is not None


async def test_the_providers_data_is_adopted(ledger: Ledger, changes: CustomerChanges) -> None:
    ada = await ledger.customer("ada")
    was = await changes.known(ada)
    assert was is not None

    await changes.adopt(ada, was, KnownContact("", "ada@new.example", "Ada", is_changing=False), HEARD, "")

    assert await ledger.rows("select email, name from customers") == [{"email": "ada@new.example", "name": "Ada"}]
    [notification] = await changes.unreported(ada)
    assert (notification.fields, notification.cause) == (("email", "name"), HEARD)
    assert await changes.unsynced(ada) is None


async def test_an_echo_is_not_a_change(ledger: Ledger, changes: CustomerChanges) -> None:
    ada = await ledger.customer("ada")
    was = await changes.known(ada)
    assert was is not None

    await changes.adopt(ada, was, was, HEARD, "")

    assert await ledger.count("customer_changes") == 0


@pytest.mark.parametrize("is_carried", [True, False])
async def test_a_provider_change_older_than_our_own_is_ignored(
    ledger: Ledger, changes: CustomerChanges, is_carried: bool
) -> None:
    ada = await ledger.customer("ada")
    await ledger.records.remember_wallet(ada, "cus_1")
    was = await changes.known(ada)
    assert was is not None
    await change(changes, email="ours@new.example")
    if is_carried:
        to_provider = await changes.unsynced(ada)
        assert to_provider is not None
        await changes.mark_synced(ada, to_provider.id)

    await changes.adopt(ada, was, KnownContact("cus_1", "older@new.example", None, is_changing=False), HEARD, "")

    assert await ledger.rows("select email from customers") == [{"email": "ours@new.example"}]
    known = await changes.known(ada)
    assert known is not None
    assert known.is_changing is not is_carried


async def test_what_is_left_is_found(ledger: Ledger, changes: CustomerChanges) -> None:
    ada, grace = await ledger.customer("ada"), await ledger.customer("grace")
    for name in ("ada", "grace"):
        await change(changes, name, email=f"{name}@new.example")
    assert await changes.pending() == []

    await ledger.run("update customer_changes set at = now() - interval '1 minute'")
    assert set(await changes.pending()) == {ada, grace}

    for one in await changes.unreported(ada):
        await changes.mark_notified(one.id)
    assert await changes.pending() == [grace]


async def test_a_refusal_by_the_provider_is_listed_and_retried_in_an_hour(
    ledger: Ledger, changes: CustomerChanges
) -> None:
    live = await ledger.sign_up("ada")
    await ledger.records.remember_wallet(live.customer, "cus_1")
    await change(changes, email="ada@new.example")
    [notification] = await changes.unreported(live.customer)
    await changes.mark_notified(notification.id)
    await ledger.run("update customer_changes set at = now() - interval '1 minute'")

    await changes.mark_refused(notification.id, "email_invalid")

    assert await changes.pending() == []
    assert await problems(ledger.engine) == [
        CustomerProblem(live.customer, "default", live.id, "cus_1", "email_invalid")
    ]
    await ledger.run("update customer_changes set tried_at = now() - interval '61 minutes'")
    assert await changes.pending() == [live.customer]
    await changes.mark_synced(live.customer, notification.id)
    assert await problems(ledger.engine) == []


async def test_an_unusable_address_from_the_provider_is_listed_until_it_changes(
    ledger: Ledger, changes: CustomerChanges
) -> None:
    ada = await ledger.customer("ada")
    was = await changes.known(ada)
    assert was is not None
    for _ in range(2):
        await changes.adopt(ada, was, was, HEARD, UNUSABLE_ADDRESS)
    assert [one.code for one in await problems(ledger.engine)] == [UNUSABLE_ADDRESS]
    assert not was.is_changing

    await change(changes, timezone="Asia/Tokyo")
    assert len(await problems(ledger.engine)) == 1
    await change(changes, email="ada@new.example")

    assert await problems(ledger.engine) == []


async def test_another_address_does_not_buy_another_trial(
    ledger: Ledger, changes: CustomerChanges, engine: AsyncEngine
) -> None:
    ada = await ledger.customer("ada")
    step = a_step(a_trial(id="5f0c8c1e-0000-4000-8000-000000000001", customer=ada), trial=TrialClaim())
    await ledger.save(step)

    await change(changes, email="ada@new.example")

    used = Trials(engine, TRIAL_KEY).used
    for email in ("ada@example.com", "Ada+2@new.example"):
        mark = await used(tenant="default", external_id="another", email=email, one_per=(TrialMark.EMAIL,))
        assert mark is TrialMark.EMAIL


async def test_many_changes_at_once_leave_what_was_written_last(ledger: Ledger, changes: CustomerChanges) -> None:
    ada = await ledger.customer("ada")
    await ledger.records.remember_wallet(ada, "cus_1")

    await asyncio.gather(*(change(changes, name=f"Ada {number}") for number in range(10)))

    [row] = await ledger.rows("select name from customers")
    to_provider = await changes.unsynced(ada)
    assert to_provider is not None
    assert to_provider.name == row["name"]


async def test_a_sign_up_of_a_known_customer_is_carried_to_the_provider(
    ledger: Ledger, changes: CustomerChanges, engine: AsyncEngine
) -> None:
    before = await ledger.sign_up("ada")
    await ledger.records.remember_wallet(before.customer, "cus_1")
    await ledger.save(a_step(later(before, status=Status.CANCELED)))
    again = "5f0c8c1e-0000-4000-8000-000000000002"
    customer = await SignUps(engine).wait(again, "default", SignUpContact("ada", "ada@new.example"))

    await ledger.save(a_step(a_trial(id=again, customer=customer)))

    assert await ledger.records.is_changing(customer)
    to_provider = await changes.unsynced(customer)
    assert to_provider is not None
    assert to_provider.email == "ada@new.example"
    assert await changes.unreported(customer) == []
