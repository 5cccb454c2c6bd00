"""The customer data of a sign-up waits until it is accepted, and is deleted when it is refused."""

import asyncio
from dataclasses import replace
from uuid import uuid4

import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from domain.errors import GatewayUnavailable, Rejected
from domain.subscription.journal import TrialClaim
from domain.subscription.lifecycle import Status
from domain.subscription.policy import TrialMark
from domain.subscription.sign_up import SignUpContact
from domain.subscription.state import Subscription
from storage.subscriptions.sign_ups import SignUps
from tests.builders import NOW, TRIAL_END, a_trial
from tests.storage.ledger import Ledger, a_step, later


@pytest.fixture
def sign_ups(engine: AsyncEngine) -> SignUps:
    return SignUps(engine)


async def asked(sign_ups: SignUps, external_id: str = "ada", **said: object) -> Subscription:
    """A requested subscription that is not yet recorded."""
    id_ = str(uuid4())
    contact = replace(SignUpContact(external_id, f"{id_}@new.example"), **said)  # type: ignore[arg-type]  # told by name
    customer = await sign_ups.wait(id_, "default", contact)
    return a_trial(id=id_, customer=customer)


def paid_start(subscription: Subscription) -> Subscription:
    return replace(subscription, trial_ends_at=None)


async def known(ledger: Ledger, external_id: str = "ada") -> list[str]:
    rows = await ledger.rows(f"select email from customers where external_id = '{external_id}'")  # noqa: S608
    return [str(row["email"]) for row in rows]


async def test_nobody_is_known_before_their_first_step(ledger: Ledger, sign_ups: SignUps) -> None:
    it = await asked(sign_ups, name="Ada", timezone="Asia/Tokyo", metadata={"from": "fair"})
    assert await ledger.count("customers") == 0
    contact = await ledger.records.contact(it.customer, it.id)
    assert (contact.name, contact.timezone, contact.locale) == ("Ada", "Asia/Tokyo", "en")

    await ledger.save(a_step(it))

    [row] = await ledger.rows("select email, name, timezone, locale, metadata from customers")
    assert row == {
        "email": f"{it.id}@new.example",
        "name": "Ada",
        "timezone": "Asia/Tokyo",
        "locale": "en",
        "metadata": {"from": "fair"},
    }
    assert await ledger.count("sign_up_contacts") == 0


async def test_a_known_customer_stays_as_they_were_until_the_step_and_keeps_what_is_not_said(
    ledger: Ledger, sign_ups: SignUps
) -> None:
    before = await ledger.sign_up("ada")
    await ledger.save(a_step(later(before, status=Status.CANCELED)))
    it = await asked(sign_ups, locale="de")
    assert it.customer == before.customer
    assert await known(ledger) == ["ada@example.com"]

    await ledger.save(a_step(it))

    [row] = await ledger.rows("select email, timezone, locale from customers")
    assert row == {"email": f"{it.id}@new.example", "timezone": "UTC", "locale": "de"}


async def test_of_eight_sign_ups_at_once_the_winners_address_is_kept_and_nothing_of_the_others(
    ledger: Ledger, sign_ups: SignUps
) -> None:
    all_ = await asyncio.gather(*(asked(sign_ups) for _ in range(8)))
    assert len({it.customer for it in all_}) == 1

    answers = await asyncio.gather(*(ledger.save(a_step(it)) for it in all_), return_exceptions=True)

    [winner] = [it for it, answer in zip(all_, answers, strict=True) if not isinstance(answer, BaseException)]
    assert await known(ledger) == [f"{winner.id}@new.example"]
    for it in all_:
        if it is not winner:
            await ledger.records.forget_sign_up(it.customer, it.id)
    assert await known(ledger) == [f"{winner.id}@new.example"]
    assert await ledger.count("sign_up_contacts") == 0


async def test_a_refused_sign_up_leaves_neither_a_customer_nor_what_it_said(ledger: Ledger, sign_ups: SignUps) -> None:
    it = await asked(sign_ups)

    await ledger.records.forget_sign_up(it.customer, it.id)

    assert (await ledger.count("customers"), await ledger.count("sign_up_contacts")) == (0, 0)


async def test_a_trial_that_was_used_up_changes_nobody(ledger: Ledger, sign_ups: SignUps) -> None:
    claim = TrialClaim((TrialMark.CUSTOMER,))
    first = await asked(sign_ups)
    await ledger.save(a_step(first, trial=claim))
    await ledger.save(a_step(later(first, status=Status.CANCELED)))
    before = await known(ledger)

    with pytest.raises(Rejected) as caught:
        await ledger.save(a_step(await asked(sign_ups), trial=claim))

    assert caught.value.code == "trial_used"
    assert await known(ledger) == before


async def test_a_paid_start_counts_with_its_first_payment(ledger: Ledger, sign_ups: SignUps) -> None:
    before = await ledger.sign_up("ada")
    await ledger.save(a_step(later(before, status=Status.CANCELED)))
    it = paid_start(await asked(sign_ups))

    await ledger.save(a_step(it))
    assert await known(ledger) == ["ada@example.com"]
    await ledger.save(a_step(later(it, status=Status.ACTIVE, period_start=NOW, period_end=TRIAL_END)))

    assert await known(ledger) == [f"{it.id}@new.example"]
    assert await ledger.count("sign_up_contacts") == 0


async def test_a_paid_start_that_was_declined_changes_nobody(ledger: Ledger, sign_ups: SignUps) -> None:
    before = await ledger.sign_up("ada")
    await ledger.save(a_step(later(before, status=Status.CANCELED)))
    it = paid_start(await asked(sign_ups))

    await ledger.save(a_step(it))
    await ledger.save(a_step(later(it, status=Status.CANCELED)))

    assert await known(ledger) == ["ada@example.com"]
    assert await ledger.count("sign_up_contacts") == 0


async def test_a_late_repeat_of_a_sign_up_changes_nothing(ledger: Ledger, sign_ups: SignUps) -> None:
    it = await asked(sign_ups)
    await ledger.save(a_step(it))

    again = await sign_ups.wait(it.id, "default", SignUpContact("ada", "old@example.com"))
    await ledger.save(a_step(later(it)))

    assert again == it.customer
    assert await known(ledger) == [f"{it.id}@new.example"]
    assert await ledger.count("sign_up_contacts") == 0


async def test_one_sign_up_at_a_time_puts_a_card_on_file(ledger: Ledger, sign_ups: SignUps) -> None:
    first, second, without = [await asked(sign_ups) for _ in range(3)]
    await ledger.records.take_turn(first.customer, first.id)

    await ledger.records.take_turn(first.customer, first.id)
    with pytest.raises(GatewayUnavailable):
        await ledger.records.take_turn(second.customer, second.id)
    with pytest.raises(GatewayUnavailable):
        await ledger.save(a_step(without))

    await ledger.records.forget_sign_up(first.customer, first.id)
    await ledger.records.take_turn(second.customer, second.id)
    await ledger.save(a_step(second))
    for late in (without, await asked(sign_ups)):
        with pytest.raises(Rejected) as caught:
            await ledger.records.take_turn(late.customer, late.id)
        assert caught.value.code == "already_subscribed"


async def test_an_expired_sign_up_puts_no_card_on_file(ledger: Ledger, sign_ups: SignUps) -> None:
    await ledger.customer("ada")
    it = await asked(sign_ups)
    await ledger.run("delete from sign_up_contacts")

    with pytest.raises(Rejected) as caught:
        await ledger.records.take_turn(it.customer, it.id)

    assert caught.value.code == "sign_up_expired"


async def test_a_sign_up_begun_by_an_earlier_release_continues(ledger: Ledger) -> None:
    id_ = str(uuid4())
    customer = await ledger.customers.upsert(
        tenant="default", external_id="ada", email="ada@example.com", signing_up=id_
    )

    assert (await ledger.records.take_turn(customer, id_)).email == "ada@example.com"
    await ledger.save(a_step(a_trial(id=id_, customer=customer)))

    assert await known(ledger) == ["ada@example.com"]


async def test_a_wallet_made_before_the_first_step_becomes_the_customers_with_it(
    ledger: Ledger, sign_ups: SignUps
) -> None:
    it = await asked(sign_ups)
    assert await ledger.records.remember_wallet(it.customer, "cus_1", it.id) == "cus_1"
    assert await ledger.records.remember_wallet(it.customer, "cus_2", it.id) == "cus_1"

    await ledger.save(a_step(it))

    assert (await ledger.records.contact(it.customer)).customer_ref == "cus_1"


async def test_a_refused_sign_up_leaves_a_known_customer_without_its_wallet(ledger: Ledger, sign_ups: SignUps) -> None:
    customer = await ledger.customer("ada")
    await ledger.save(a_step(a_trial(id=str(uuid4()), customer=customer, status=Status.CANCELED)))
    refused, taken = await asked(sign_ups), await asked(sign_ups)
    assert await ledger.records.remember_wallet(customer, "cus_refused", refused.id) == "cus_refused"

    await ledger.records.forget_sign_up(customer, refused.id)

    assert (await ledger.records.contact(customer)).customer_ref == ""
    assert await ledger.records.remember_wallet(customer, "cus_1", taken.id) == "cus_1"
    await ledger.save(a_step(taken))
    assert (await ledger.records.contact(customer)).customer_ref == "cus_1"
    assert await ledger.records.remember_wallet(customer, "cus_2", str(uuid4())) == "cus_1"


async def test_a_known_customer_is_opened_at_the_provider_as_they_are_today(ledger: Ledger, sign_ups: SignUps) -> None:
    await ledger.customer("ada")
    it = await asked(sign_ups)

    assert (await ledger.records.take_turn(it.customer, it.id)).email == "ada@example.com"


async def test_a_customer_who_came_about_another_way_meanwhile_is_not_mixed_up(
    ledger: Ledger, sign_ups: SignUps
) -> None:
    it = await asked(sign_ups)
    await ledger.customer("ada")

    with pytest.raises(Rejected) as caught:
        await ledger.save(a_step(it))

    assert caught.value.code == "sign_up_overtaken"
