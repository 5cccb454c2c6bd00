"""What a change to be confirmed leaves at Stripe, and what is checked after lost answers."""

import pytest

from domain.errors import GatewayUnavailable
from domain.provider.agreements import NewAgreement
from domain.provider.payments import Charge, ChargeOutcome
from tests.contracts.shop import bill_of
from tests.gateways.changing import PRO, Deal, rig
from tests.gateways.rig import STARTER, StripeRig

__all__ = ["rig"]

KEY = "s/change/waits"


async def asked(rig: StripeRig, deal: Deal, *answers: str) -> Charge:
    if answers:
        rig.simulator.set_card_answers("ada", answers)
    return await rig.provider.changes.change(deal.ref, (PRO,), deal.at, key=KEY, present=True)


async def statuses(deal: Deal) -> list[str]:
    return [bill["status"] for bill in await deal.bills()]


async def test_the_key_travels_with_the_change_and_is_noted_once_it_is_made(rig: StripeRig) -> None:
    deal = await Deal.of(rig, STARTER)

    waiting = await asked(rig, deal, "authentication_required", "ok")

    [agreement] = await rig.agreements(deal.wallet)
    assert agreement["pending_update"]["metadata"]["tenure_change"] == KEY
    assert "tenure_change" not in agreement["metadata"]
    assert waiting.decline is not None
    assert bill_of(waiting).url == waiting.decline.action_url


@pytest.mark.parametrize("lost", [1, 2, 3])
async def test_a_lost_answer_is_found_whatever_it_was(rig: StripeRig, lost: int) -> None:
    """The key of the change, or of a call that voided its invoice after a decline."""
    deal = await Deal.of(rig, STARTER)
    rig.wire.lose(lost)

    with pytest.raises(GatewayUnavailable):
        await asked(rig, deal, "insufficient_funds", "ok")
    charge = await asked(rig, deal)

    assert charge.outcome is ChargeOutcome.DECLINED
    assert charge.decline is not None
    assert charge.decline.code == "insufficient_funds"
    assert await statuses(deal) == ["paid", "void"]


async def test_after_a_day_a_pending_change_is_found_by_its_key(rig: StripeRig) -> None:
    deal = await Deal.of(rig, STARTER)
    waiting = await asked(rig, deal, "authentication_required", "ok")
    rig.simulator._store.execute("DELETE FROM calls")

    assert bill_of(await asked(rig, deal)).ref == bill_of(waiting).ref
    assert await statuses(deal) == ["paid", "open"]


async def test_a_missing_card_is_reported_as_such(rig: StripeRig) -> None:
    deal = await Deal.of(rig, STARTER)
    for card in (await rig.client.v1.customers.payment_methods.list_async(deal.wallet.customer_ref)).data:
        await rig.client.v1.payment_methods.detach_async(card.id)

    charge = await asked(rig, deal)

    assert charge.decline is not None
    assert charge.decline.code == "no_card"
    assert "open" not in await statuses(deal)


async def test_a_hold_lifted_for_an_unpaid_change_is_restored_despite_a_lost_answer(rig: StripeRig) -> None:
    deal = await Deal.of(rig, STARTER)
    await rig.provider.billing.hold(deal.ref, True, key="hold")
    rig.simulator.set_card_answers("ada", ["authentication_required", "ok"])
    rig.wire.lose(2)
    with pytest.raises(GatewayUnavailable):
        await rig.provider.changes.change(deal.ref, (PRO,), deal.at, key=KEY, present=True, held=True)

    await rig.provider.changes.change(deal.ref, (PRO,), deal.at, key=KEY, present=True, held=True)

    [agreement] = await rig.agreements(deal.wallet)
    assert agreement["pause_collection"]["behavior"] == "void"
    assert await statuses(deal) == ["paid", "open"]


@pytest.mark.parametrize("is_over", [False, True])
async def test_an_agreement_created_for_a_payment_ends_with_it(rig: StripeRig, is_over: bool) -> None:
    wallet = await rig.wallet()
    rig.simulator.set_card_answers("ada", ["authentication_required"])
    price = (await rig.client.v1.prices.list_async({"lookup_keys": [STARTER.lookup_key]})).data[0].id
    begun = await rig.client.v1.subscriptions.create_async(
        {"customer": wallet.customer_ref, "items": [{"price": price}], "payment_behavior": "allow_incomplete"}
    )
    if is_over:
        await rig.client.v1.subscriptions.cancel_async(begun.id)

    charge = await rig.provider.confirmations.withdraw_confirmation(
        begun.id, str(begun.latest_invoice), ends_agreement=True, key="withdraw"
    )

    assert charge.outcome is ChargeOutcome.GONE
    assert await rig.statuses(wallet) == ["void"]
    assert [each["status"] for each in await rig.agreements(wallet)] == [
        "canceled" if is_over else "incomplete_expired"
    ]


@pytest.mark.parametrize("lost", [1, 2, 3])
async def test_a_declined_first_period_is_found_declined_whichever_answer_got_lost(rig: StripeRig, lost: int) -> None:
    """Creating the subscription, voiding its invoice, ending it."""
    wallet = await rig.wallet()
    rig.simulator.set_card_answers("ada", ["insufficient_funds", "ok"])
    assert wallet.card is not None
    order = NewAgreement("s", wallet.customer_ref, wallet.card.ref, (STARTER,), present=True)
    rig.wire.lose(lost)
    with pytest.raises(GatewayUnavailable):
        await rig.provider.charges.begin(order, key="s/charge/1")

    found = await rig.provider.charges.begun(wallet.customer_ref, key="s/charge/1")

    assert found is not None
    assert found.decline is not None
    assert (found.outcome, found.decline.code) == (ChargeOutcome.DECLINED, "insufficient_funds")
    assert await rig.statuses(wallet) == ["void"]


async def test_a_pending_or_declined_change_is_reported_by_its_key_without_side_effects(rig: StripeRig) -> None:
    deal = await Deal.of(rig, STARTER)
    waiting = await asked(rig, deal, "authentication_required", "ok")

    found = await rig.provider.changes.requested_change(deal.ref, key=KEY)

    assert (found, found.waits_until) == (waiting, waiting.waits_until)
    assert await statuses(deal) == ["paid", "open"]


async def test_a_decline_whose_answer_was_lost_is_reported_with_its_open_invoice(rig: StripeRig) -> None:
    deal = await Deal.of(rig, STARTER)
    rig.wire.lose(1)
    with pytest.raises(GatewayUnavailable):
        await asked(rig, deal, "insufficient_funds", "ok")

    found = await rig.provider.changes.requested_change(deal.ref, key=KEY)

    assert (found.outcome, bill_of(found).status) == (ChargeOutcome.DECLINED, "open")
    latest = (await rig.provider.billing.provider_state(deal.wallet.customer_ref, deal.ref, "")).latest
    assert latest is not None
    assert latest.is_of_change, "it is no renewal that is owed"
    await asked(rig, deal)
    assert (await rig.provider.changes.requested_change(deal.ref, key=KEY)).outcome is ChargeOutcome.GONE
