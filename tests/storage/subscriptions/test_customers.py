"""Customers are known by their external id, once, and keep earlier values."""

import asyncio
from dataclasses import asdict, dataclass
from uuid import UUID, uuid4

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import insert

from domain.errors import Rejected
from domain.subscription.lifecycle import Status
from storage.schema.tables import subscriptions
from tests.harness.postgres import until_one_waits
from tests.storage.ledger import Ledger, a_step, later
from tests.storage.values import TEXTS

SIGN_UP = str(uuid4())


@dataclass(frozen=True)
class Told:
    """The customer data of a sign-up."""

    email: str
    name: str | None = None
    timezone: str | None = None
    locale: str | None = None
    metadata: dict[str, str] | None = None


TELLING = st.builds(
    Told,
    email=TEXTS,
    name=st.none() | TEXTS,
    timezone=st.sampled_from([None, "Asia/Tokyo", "Europe/Paris"]),
    locale=st.sampled_from([None, "en", "fr"]),
    metadata=st.none() | st.dictionaries(TEXTS, TEXTS, min_size=1, max_size=2),
)


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(TELLING, min_size=1, max_size=4))
async def test_omitted_fields_keep_their_values(ledger: Ledger, tellings: list[Told]) -> None:
    external_id = str(uuid4())
    expected: dict[str, object] = {"name": None, "timezone": "UTC", "locale": "en", "metadata": {}}
    ids = set()
    for told in tellings:
        ids.add(await ledger.customers.upsert(tenant="default", external_id=external_id, **asdict(told)))
        expected |= {name: value for name, value in asdict(told).items() if value is not None}

    [row] = await ledger.rows(
        f"select email, name, timezone, locale, metadata from customers where external_id = '{external_id}'"  # noqa: S608
    )
    assert row == expected
    assert len(ids) == 1


async def test_a_customer_is_stored_once_when_many_store_them_at_once(ledger: Ledger) -> None:
    ids = await asyncio.gather(*(ledger.customer("ada") for _ in range(10)))
    assert len(set(ids)) == 1
    assert await ledger.count("customers") == 1


async def test_two_tenants_may_know_a_customer_by_the_same_id(ledger: Ledger) -> None:
    assert await ledger.customer("ada", "acme") != await ledger.customer("ada", "umbrella")


@pytest.mark.parametrize("status", list(Status))
async def test_a_subscription_is_live_until_it_is_canceled(ledger: Ledger, status: Status) -> None:
    subscription = await ledger.sign_up("ada", status=status)
    live = await ledger.customers.live_subscription(tenant="default", external_id="ada")
    assert live == (None if status is Status.CANCELED else subscription.id)
    assert await ledger.customers.live_subscription(tenant="acme", external_id="ada") is None
    assert await ledger.customers.live_subscription(tenant="default", external_id="grace") is None


async def test_a_contact_has_the_customer_and_their_wallet(ledger: Ledger) -> None:
    ada = await ledger.customer("ada", name="Ada")
    assert (await ledger.records.contact(ada)).customer_ref == ""

    await ledger.records.remember_wallet(ada, "cus_1")

    contact = await ledger.records.contact(ada)
    assert (contact.customer, contact.external_id, contact.name) == (ada, "ada", "Ada")
    assert (contact.timezone, contact.locale, contact.customer_ref) == ("UTC", "en", "cus_1")


async def test_a_contact_is_refused_when_nobody_is_known_by_that_id(ledger: Ledger) -> None:
    with pytest.raises(Rejected) as caught:
        await ledger.records.contact(str(uuid4()))
    assert caught.value.code == "unknown_customer"


async def test_a_customer_is_forgotten_when_no_subscription_came_about(ledger: Ledger) -> None:
    ada, grace = await ledger.customer("ada"), await ledger.sign_up("grace")
    await ledger.save(a_step(later(grace, status=Status.CANCELED)))

    for customer in (ada, grace.customer, ada):
        await ledger.records.forget_sign_up(customer, SIGN_UP)

    assert [row["external_id"] for row in await ledger.rows("select external_id from customers")] == ["grace"]


async def test_a_customer_stays_until_the_last_of_their_sign_ups_was_refused(ledger: Ledger) -> None:
    first, second = str(uuid4()), str(uuid4())
    for signing_up in (first, second, second):
        ada = await ledger.customers.upsert(
            tenant="default", external_id="ada", email="ada@example.com", signing_up=signing_up
        )

    await ledger.records.forget_sign_up(ada, second)
    assert (await ledger.records.contact(ada)).external_id == "ada"
    await ledger.records.forget_sign_up(ada, first)

    assert await ledger.rows("select external_id from customers") == []


async def test_the_wallet_that_was_kept_first_stays(ledger: Ledger) -> None:
    ada = await ledger.customer("ada")

    assert await ledger.records.remember_wallet(ada, "cus_1") == "cus_1"
    assert await ledger.records.remember_wallet(ada, "cus_2") == "cus_1"
    with pytest.raises(Rejected):
        await ledger.records.remember_wallet(str(uuid4()), "cus_3")


async def test_a_customer_stays_when_another_sign_up_of_theirs_is_just_being_written(
    ledger: Ledger, database_url: str
) -> None:
    await ledger.sign_up("ada")
    [of_ada] = await ledger.rows("select * from subscriptions")
    del of_ada["agreement_ref"], of_ada["catalog"], of_ada["by_use"]  # computed by the database
    grace = await ledger.customer("grace")

    async with ledger.engine.begin() as writing:
        await writing.execute(insert(subscriptions).values(of_ada | {"id": uuid4(), "customer": UUID(grace)}))
        forgetting = asyncio.create_task(ledger.records.forget_sign_up(grace, SIGN_UP))
        await until_one_waits(database_url)
    await forgetting

    assert await ledger.customers.live_subscription(tenant="default", external_id="grace") is not None
