"""Subscriptions created at Stripe by others: whose card is charged, and prices known only by their id."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from temporalio.exceptions import ApplicationError

from activities.adopting import AdoptionActivities, TrialRequest
from domain.catalog.plans import Item
from domain.errors import GatewayUnavailable
from domain.provider.agreements import AgreementState, NewAgreement
from domain.provider.payments import Card, ChargeOutcome
from tests.gateways.rig import STARTER, USERS, StripeRig

IN_FIVE_DAYS = int((datetime.now(UTC) + timedelta(days=5)).timestamp())


async def a_price(rig: StripeRig, amount: int = 3900) -> str:
    product = await rig.client.v1.products.create_async({"name": "Old"})
    params: Any = {"product": product.id, "currency": "usd", "unit_amount": amount, "recurring": {"interval": "month"}}
    return (await rig.client.v1.prices.create_async(params)).id


async def a_subscriber(rig: StripeRig, price: str, **more: Any) -> tuple[str, str, str]:
    """Customer, card and subscription; the card is the subscription's own."""
    customer = (await rig.client.v1.customers.create_async({"email": "ada@example.com"})).id
    card = (await rig.client.v1.payment_methods.attach_async("pm_card_visa", {"customer": customer})).id
    params: Any = {"customer": customer, "items": [{"price": price}], "default_payment_method": card}
    return customer, card, (await rig.client.v1.subscriptions.create_async(params | more)).id


async def test_the_agreements_own_card_goes_before_the_customers(rig: StripeRig) -> None:
    customer, card, agreement = await a_subscriber(rig, await a_price(rig))
    other = (await rig.client.v1.payment_methods.attach_async("pm_card_mastercard", {"customer": customer})).id
    await rig.provider.wallets.put_card(customer, "", other, key="other")

    own = await rig.provider.handover.card_of_agreement(agreement)
    await rig.client.v1.subscriptions.update_async(agreement, {"default_payment_method": ""})
    customers = await rig.provider.handover.card_of_agreement(agreement)

    assert own is not None
    assert (own.ref, own.brand) == (card, "visa")
    assert customers is not None
    assert customers.ref == other


async def test_the_default_card_is_found(rig: StripeRig) -> None:
    customer, card, agreement = await a_subscriber(rig, await a_price(rig))
    await rig.client.v1.payment_methods.attach_async("pm_card_mastercard", {"customer": customer})

    for _ in range(2):
        await rig.provider.wallets.put_card(customer, "", card, key="default")

    standing = await rig.provider.billing.provider_state(customer, agreement, "")
    assert standing.card is not None
    assert standing.card.ref == card


async def test_a_change_leaves_a_price_known_by_its_id_alone_where_it_is_wanted(rig: StripeRig) -> None:
    price = await a_price(rig)
    _, _, agreement = await a_subscriber(rig, price)
    (before,) = (await rig.client.v1.subscriptions.retrieve_async(agreement)).to_dict()["items"]["data"]

    await rig.provider.changes.change(agreement, (Item(price, 1), USERS), datetime.now(UTC), key="change/1")

    after = (await rig.client.v1.subscriptions.retrieve_async(agreement)).to_dict()["items"]["data"]
    assert [(item["price"]["id"], item["quantity"]) for item in after if item["id"] == before["id"]] == [(price, 1)]
    assert len(after) == 2

    await rig.provider.changes.change(agreement, (STARTER,), datetime.now(UTC), key="change/2")

    (left,) = (await rig.client.v1.subscriptions.retrieve_async(agreement)).to_dict()["items"]["data"]
    assert left["price"]["lookup_key"] == STARTER.lookup_key


async def test_a_price_known_by_its_id_alone_is_billed_again(rig: StripeRig) -> None:
    price = await a_price(rig)
    customer, card, agreement = await a_subscriber(rig, price)

    restarted = await rig.provider.charges.restart(agreement, "", (Item(price, 2),), key="restart")
    order = NewAgreement("s", customer, card, (Item(price, 1),))
    begun = await rig.provider.charges.begin(order, key="begin")

    assert restarted.invoice is not None
    assert restarted.invoice.amount == 7800
    assert (begun.outcome, begun.invoice.amount if begun.invoice else 0) == (ChargeOutcome.PAID, 3900)


async def test_a_trial_that_we_ended_says_for_which_subscription(rig: StripeRig) -> None:
    price = await a_price(rig)
    _, _, ours = await a_subscriber(rig, price, trial_end=IN_FIVE_DAYS)
    _, _, theirs = await a_subscriber(rig, price, trial_end=IN_FIVE_DAYS)
    await rig.client.v1.subscriptions.cancel_async(theirs)

    rig.wire.lose(1)
    with pytest.raises(GatewayUnavailable):
        await rig.provider.handover.end_trial(ours, "s-1", key="end/1")
    await rig.provider.handover.end_trial(ours, "s-1", key="end/2")
    await rig.provider.handover.end_trial(theirs, "s-2", key="end/3")

    told = [await rig.provider.agreements.find(ref) for ref in (ours, theirs)]
    assert [(each.state, each.ended_for) for each in told if each] == [
        (AgreementState.ENDED, "s-1"),
        (AgreementState.ENDED, ""),
    ]


async def test_ending_a_trial_is_refused_when_others_have_ended_it_just_before(rig: StripeRig) -> None:
    price = await a_price(rig)
    _, _, agreement = await a_subscriber(rig, price, trial_end=IN_FIVE_DAYS)
    found = await rig.provider.agreements.find(agreement)
    assert found is not None
    request = TrialRequest("s-1", agreement, (Item(price, 1),), found.trial_ends_at, key="end")
    activities = AdoptionActivities(rig.provider.agreements, _EndedJustBefore(rig))

    with pytest.raises(ApplicationError) as refused:
        await activities.end_trial_elsewhere(request)

    assert refused.value.type == "trial_changed"


class _EndedJustBefore:
    """The handover when somebody else ends the trial between its check and its call."""

    def __init__(self, rig: StripeRig) -> None:
        self._rig = rig

    async def card_of_agreement(self, agreement_ref: str) -> Card | None:
        return await self._rig.provider.handover.card_of_agreement(agreement_ref)

    async def agreement_on_same_card(self, agreement_ref: str, card_ref: str) -> str:
        return await self._rig.provider.handover.agreement_on_same_card(agreement_ref, card_ref)

    async def end_trial(self, agreement_ref: str, subscription: str, *, key: str) -> None:
        await self._rig.client.v1.subscriptions.cancel_async(agreement_ref)
        await self._rig.provider.handover.end_trial(agreement_ref, subscription, key=key)


async def test_what_tenure_would_bill_differently_is_a_hindrance(rig: StripeRig) -> None:
    _, _, small = await a_subscriber(rig, await a_price(rig, 20))

    found = await rig.provider.agreements.find(small)

    assert found is not None
    assert found.hindrances == ("a period costs less than the smallest amount that Stripe charges",)
