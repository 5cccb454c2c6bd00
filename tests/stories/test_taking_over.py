"""A product that is on Stripe already moves here: its customers notice nothing, and everything goes on."""

from collections import Counter
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from domain.errors import Rejected
from sandbox.product import Product
from sandbox.stack import Stack
from tests.harness.elsewhere import Elsewhere
from tests.harness.lives import A_MINUTE, Life
from tests.harness.names import a_name

STARTER = "manufacturing_starter_month_v1"


@pytest.fixture
async def elsewhere(stack: Stack, stack_folder: Path) -> AsyncIterator[Elsewhere]:
    async with Elsewhere.at(stack.addresses, stack_folder) as elsewhere:
        yield elsewhere


async def test_renewals_go_on_as_they_were_with_one_receipt_each(elsewhere: Elsewhere, product: Product) -> None:
    name = a_name("on-stripe")
    agreement = await elsewhere.subscriber(name, await elsewhere.price_of_ours(STARTER))
    before = await elsewhere.found(agreement)

    life = await elsewhere.adopted(product, name, agreement)

    stands = await life.stands()
    assert (stands["status"], stands["plan"], stands["access"]) == ("active", "starter", "full")
    paid_until = datetime.fromtimestamp(before["items"]["data"][0]["current_period_end"], UTC)
    assert datetime.fromisoformat(stands["current_period_end"]) == paid_until
    assert await life.mails() == Counter()
    await life.live_until("renew")
    await life.live(timedelta(hours=2))
    await life.live_until("renew")
    await life.live(timedelta(hours=2))
    assert await life.mails() == Counter(receipt=2)
    assert await elsewhere.bills(agreement) == [("paid", 4900)] * 3
    assert await life.kinds() == Counter(adopted=1, provider_asked=1, renewed=2)
    first = (await life.past())[0]
    assert (first["kind"], first["cause"]["actor"]) == ("adopted", "operator tenure import")
    assert first["details"] == {"agreement": agreement}


async def test_one_that_owes_begins_the_ladder_with_its_first_mail(
    elsewhere: Elsewhere, product: Product, stack: Stack
) -> None:
    name = a_name("owing")
    agreement = await elsewhere.subscriber(name, await elsewhere.price_of_ours(STARTER))
    product_time = stack.simulator.next_boundary(name)
    assert product_time is not None
    stack.simulator.set_card_answers(name, ["insufficient_funds", "ok"])
    await stack.simulator.advance(name, product_time + timedelta(hours=2))
    assert (await elsewhere.found(agreement))["status"] == "past_due"

    life = await elsewhere.adopted(product, name, agreement)
    await life.live(A_MINUTE)

    assert await life.status() == ("past_due", "full")
    assert await life.mails() == Counter(payment_failed=1)
    await life.live_until("recover")
    assert await life.status() == ("active", "full")
    assert await life.mails() == Counter(payment_failed=1, receipt=1)
    assert await elsewhere.bills(agreement) == [("paid", 4900)] * 2


async def test_a_renewal_that_is_declined_later_climbs_our_ladder(elsewhere: Elsewhere, product: Product) -> None:
    name = a_name("declined")
    agreement = await elsewhere.subscriber(name, await elsewhere.price_of_ours(STARTER))
    life = await elsewhere.adopted(product, name, agreement)

    await life.live_until_declined("insufficient_funds")
    await life.live(timedelta(days=15))

    assert await life.status() == ("suspended", "none")
    assert (await life.mails())["suspended"] == 1


async def test_a_price_that_is_not_the_catalogs_is_kept_and_can_be_left(elsewhere: Elsewhere, product: Product) -> None:
    name, price = a_name("old-price"), await elsewhere.price(3900)
    agreement = await elsewhere.subscriber(name, price)
    life = await elsewhere.adopted(product, name, agreement, {price: "starter"})
    await life.live_until("renew")
    await life.live(timedelta(hours=2))
    assert await elsewhere.bills(agreement) == [("paid", 3900)] * 2

    after = await life.command("change-plan", plan="professional")

    assert after["plan"] == "professional"
    (item,) = (await elsewhere.found(agreement))["items"]["data"]
    assert item["price"]["lookup_key"] == "manufacturing_professional_month_v1"
    assert (await life.bills())["paid"] == 2


async def test_an_old_price_goes_on_after_a_hold_that_outlasts_its_period(
    elsewhere: Elsewhere, product: Product
) -> None:
    name, price = a_name("held"), await elsewhere.price(3900)
    agreement = await elsewhere.subscriber(name, price)
    life = await elsewhere.adopted(product, name, agreement, {price: "starter"})

    await life.command("suspend", reason="fraud check")
    await life.live(timedelta(days=40))
    await life.command("reactivate", reason="all is well")
    await life.live(timedelta(hours=2))

    assert await life.status() == ("active", "full")
    assert [bill for bill in await elsewhere.bills(agreement) if bill[0] == "paid"] == [("paid", 3900)] * 2


async def test_a_trial_goes_on_here_and_is_converted_once(elsewhere: Elsewhere, product: Product) -> None:
    name, price = a_name("trial"), await elsewhere.price(3900)
    ends_at = datetime.now(UTC).replace(microsecond=0) + timedelta(days=5)
    agreement = await elsewhere.subscriber(name, price, trial_end=int(ends_at.timestamp()))

    life = await elsewhere.adopted(product, name, agreement, {price: "starter"})

    assert (await elsewhere.found(agreement))["status"] == "canceled"
    stands = await life.stands()
    assert (stands["status"], datetime.fromisoformat(stands["trial_ends_at"])) == ("trialing", ends_at)
    await life.live_until_converted()
    assert (await life.kinds())["handed_over"] == 1
    assert await life.mails() == Counter(trial_ending=2, converted=1, receipt=1), "the 7-day reminder is past"
    await life.live_until("renew")
    await life.live(timedelta(hours=2))
    assert (await life.bills())["paid"] == 2
    assert await elsewhere.bills(agreement) == [("paid", 0)]


async def test_one_that_is_set_to_end_ends_when_it_was_to(elsewhere: Elsewhere, product: Product) -> None:
    name = a_name("ending")
    price = await elsewhere.price_of_ours(STARTER)
    agreement = await elsewhere.subscriber(name, price, cancel_at_period_end=True)
    life = await elsewhere.adopted(product, name, agreement)
    stands = await life.stands()
    assert stands["cancel_at"] == stands["current_period_end"]

    await life.live_until("cancel")

    assert await life.status() == ("canceled", "none")
    assert await elsewhere.bills(agreement) == [("paid", 4900)]


async def test_an_adopted_subscription_can_be_canceled_and_the_customer_sign_up_again(
    elsewhere: Elsewhere, product: Product
) -> None:
    name = a_name("leaving")
    agreement = await elsewhere.subscriber(name, await elsewhere.price_of_ours(STARTER))
    life = await elsewhere.adopted(product, name, agreement)

    await life.command("cancel", at="now")

    assert (await elsewhere.found(agreement))["status"] == "canceled"
    again = await Life.begun(product, name, trial_days=0, payment_method="pm_card_visa")
    assert await again.status() == ("active", "full")


async def test_a_trial_that_has_no_time_left_is_left_to_stripe_and_nothing_is_kept(
    elsewhere: Elsewhere, product: Product
) -> None:
    name, price = a_name("late"), await elsewhere.price(3900)
    ends_at = datetime.now(UTC) + timedelta(days=5)
    agreement = await elsewhere.subscriber(name, price, trial_end=int(ends_at.timestamp()))
    late = replace(await elsewhere.life_of(agreement, {price: "starter"}), trial_ends_at=datetime.now(UTC))

    with pytest.raises(Rejected, match="within the hour") as refused:
        await elsewhere.begins(late)

    assert refused.value.code == "trial_ends_soon"
    assert (await elsewhere.found(agreement))["status"] == "trialing"
    assert (await product.get("/v1/subscriptions", customer=name))["data"] == []
    again = await elsewhere.adopted(product, name, agreement, {price: "starter"})
    assert await again.status() == ("trialing", "full")


@pytest.mark.parametrize("what", ["converted", "canceled", "extended", "set to end", "changed"])
async def test_a_trial_that_changes_at_stripe_before_it_is_taken_over_is_left_there(
    elsewhere: Elsewhere, product: Product, what: str
) -> None:
    name, price = a_name("early"), await elsewhere.price(3900)
    ends_at = datetime.now(UTC) + timedelta(days=5)
    agreement = await elsewhere.subscriber(name, price, trial_end=int(ends_at.timestamp()))
    trial = await elsewhere.life_of(agreement, {price: "starter"})
    await _changes(elsewhere, agreement, what)
    left = await elsewhere.found(agreement)

    with pytest.raises(Rejected) as refused:
        await elsewhere.begins(trial)

    assert refused.value.code == "trial_changed"
    assert await elsewhere.found(agreement) == left
    assert (await product.get("/v1/subscriptions", customer=name))["data"] == []


async def _changes(elsewhere: Elsewhere, agreement: str, what: str) -> None:
    subscriptions = elsewhere.api.v1.subscriptions
    item = (await elsewhere.found(agreement))["items"]["data"][0]["id"]
    match what:
        case "converted":
            await subscriptions.update_async(agreement, {"trial_end": "now"})
        case "canceled":
            await subscriptions.cancel_async(agreement)
        case "extended":
            later = datetime.now(UTC) + timedelta(days=9)
            await subscriptions.update_async(agreement, {"trial_end": int(later.timestamp())})
        case "set to end":
            await subscriptions.update_async(agreement, {"cancel_at_period_end": True})
        case _:
            await subscriptions.update_async(agreement, {"items": [{"id": item, "quantity": 2}]})


async def test_a_trial_that_was_converted_meanwhile_is_taken_over_as_what_it_has_become(
    elsewhere: Elsewhere, product: Product
) -> None:
    name, price = a_name("paid-early"), await elsewhere.price(3900)
    ends_at = datetime.now(UTC) + timedelta(days=5)
    agreement = await elsewhere.subscriber(name, price, trial_end=int(ends_at.timestamp()))
    trial = await elsewhere.life_of(agreement, {price: "starter"})
    await elsewhere.api.v1.subscriptions.update_async(agreement, {"trial_end": "now"})
    with pytest.raises(Rejected):
        await elsewhere.begins(trial)

    life = await elsewhere.adopted(product, name, agreement, {price: "starter"})
    await life.live(timedelta(days=6))

    assert await life.status() == ("active", "full")
    assert await elsewhere.bills(agreement) == [("paid", 0), ("paid", 3900)]
    assert await life.bills() == Counter(), "what was billed before is not ours"


async def test_a_card_becomes_the_customers_default_only_with_the_take_over(
    elsewhere: Elsewhere, product: Product
) -> None:
    name, price = a_name("default"), await elsewhere.price(3900)
    customer = await elsewhere.customer(name)
    other = (await elsewhere.api.v1.payment_methods.attach_async("pm_card_mastercard", {"customer": customer})).id
    await elsewhere.api.v1.customers.update_async(customer, {"invoice_settings": {"default_payment_method": other}})
    ends_at = datetime.now(UTC) + timedelta(days=5)
    cards = (await elsewhere.api.v1.customers.payment_methods.list_async(customer)).data
    own = next(card.id for card in cards if card.id != other)
    agreement = await elsewhere.subscribes(
        customer, price, default_payment_method=own, trial_end=int(ends_at.timestamp())
    )
    late = replace(await elsewhere.life_of(agreement, {price: "starter"}), trial_ends_at=datetime.now(UTC))

    with pytest.raises(Rejected):
        await elsewhere.begins(late)
    assert await elsewhere.default_card(customer) == other

    await elsewhere.adopted(product, name, agreement, {price: "starter"})
    assert await elsewhere.default_card(customer) == own


async def test_a_card_that_was_taken_away_meanwhile_holds_nothing_up(elsewhere: Elsewhere, product: Product) -> None:
    name, price = a_name("taken-away"), await elsewhere.price(3900)
    agreement = await elsewhere.subscriber(name, price)
    judged = await elsewhere.life_of(agreement, {price: "starter"})
    assert judged.card is not None
    await elsewhere.api.v1.payment_methods.detach_async(judged.card.ref)

    await elsewhere.begins(judged)

    life = Life(product, name, {"id": judged.id})
    await life.live(A_MINUTE)
    assert await life.status() == ("active", "full")
    assert (await life.kinds())["card_removed"] == 1


async def test_what_would_have_another_subscription_charged_to_another_card_is_skipped(
    elsewhere: Elsewhere, product: Product
) -> None:
    name, price = a_name("shared"), await elsewhere.price(3900)
    customer = await elsewhere.customer(name)
    default = (await elsewhere.api.v1.payment_methods.attach_async("pm_card_mastercard", {"customer": customer})).id
    await elsewhere.api.v1.customers.update_async(customer, {"invoice_settings": {"default_payment_method": default}})
    cards = (await elsewhere.api.v1.customers.payment_methods.list_async(customer)).data
    own = next(card.id for card in cards if card.id != default)
    other = await elsewhere.subscribes(customer, price)
    await elsewhere.api.v1.subscriptions.update_async(other, {"default_payment_method": ""})
    agreement = await elsewhere.subscribes(customer, price, default_payment_method=own)

    (verdict,) = await elsewhere.verdicts(agreement, plans={price: "starter"})

    assert verdict.result == "skipped"
    assert other in verdict.words
    assert await elsewhere.default_card(customer) == default
    await elsewhere.api.v1.subscriptions.update_async(other, {"default_payment_method": default})
    await elsewhere.adopted(product, name, agreement, {price: "starter"})
    assert await elsewhere.default_card(customer) == own
