"""Prices may be archived or replaced at Stripe while workers run: they are looked up again by their lookup key."""

from datetime import timedelta

import pytest

from domain.catalog.plans import Item
from domain.errors import GatewayRefused
from domain.provider.payments import ChargeOutcome
from tests.gateways.rig import STARTER, USERS, StripeRig


async def replaced(rig: StripeRig, item: Item, amount: int) -> str:
    """Archives the price of *item* and creates another one, as in the Dashboard. Returns the new price's id."""
    listed = await rig.client.v1.prices.list_async({"lookup_keys": [item.lookup_key]})
    (old,) = (each.to_dict() for each in listed.data)
    made = await rig.client.v1.prices.create_async(
        {
            "product": old["product"],
            "unit_amount": amount,
            "currency": "usd",
            "recurring": {"interval": "month"},
            "lookup_key": item.lookup_key,
            "transfer_lookup_key": True,
        }
    )
    await rig.client.v1.prices.update_async(old["id"], {"active": False})
    return made.id


async def test_a_first_charge_is_made_at_the_price_that_took_the_place_of_the_known_one(rig: StripeRig) -> None:
    await rig.sold("ada")
    await replaced(rig, STARTER, 5900)
    wallet = await rig.wallet("grace")

    charge = await rig.begin(wallet, "grace/charge/1")

    assert charge.outcome is ChargeOutcome.PAID
    assert charge.invoice is not None
    assert charge.invoice.amount == 5900
    assert await rig.statuses(wallet) == ["paid"]


async def test_a_price_that_stripe_does_not_know_any_more_is_looked_up_again(rig: StripeRig) -> None:
    wallet = await rig.wallet()
    rig.known_prices[STARTER.lookup_key] = "price_of_another_account"

    assert (await rig.begin(wallet)).outcome is ChargeOutcome.PAID
    assert await rig.statuses(wallet) == ["paid"]


async def test_a_change_and_its_quote_use_the_current_price(rig: StripeRig) -> None:
    wallet, begun = await rig.sold()
    at = rig.simulator.now("ada")
    known = (STARTER, USERS)
    await rig.provider.quotes.quote(begun.agreement_ref, known, at)
    await replaced(rig, USERS, 700)

    quote = await rig.provider.quotes.quote(begun.agreement_ref, known, at)
    rig.known_prices[USERS.lookup_key] = "price_of_another_account"
    charge = await rig.provider.changes.change(begun.agreement_ref, known, at, key="s/change/1")

    assert charge.invoice is not None
    assert charge.invoice.amount == quote.amount == pytest.approx(3 * 700, abs=2)
    assert await rig.statuses(wallet) == ["paid", "paid"]


async def test_a_restart_with_other_items_uses_the_current_price(rig: StripeRig) -> None:
    wallet, begun = await rig.sold()
    rig.known_prices[USERS.lookup_key] = "price_of_another_account"
    await rig.simulator.advance("ada", rig.simulator.now("ada") + timedelta(days=3))

    charge = await rig.provider.charges.restart(begun.agreement_ref, "", (STARTER, USERS), key="s/charge/2")

    assert charge.invoice is not None
    assert charge.invoice.amount == 4900 + 3 * 500
    assert await rig.statuses(wallet) == ["paid", "paid"]


async def test_it_is_done_once_also_when_the_answer_at_the_new_price_gets_lost(rig: StripeRig) -> None:
    _, begun = await rig.sold()
    at = rig.simulator.now("ada")
    rig.known_prices[USERS.lookup_key] = "price_of_another_account"
    rig.wire.lose(2)

    for _ in range(2):
        try:
            charge = await rig.provider.changes.change(begun.agreement_ref, (STARTER, USERS), at, key="s/change/1")
        except Exception:  # noqa: BLE001, S112 - whatever is made of an answer that never came
            continue

    (agreement,) = await rig.agreements(await rig.wallet())
    assert charge.outcome is ChargeOutcome.PAID
    assert [item["quantity"] for item in agreement["items"]["data"]] == [1, 3]


async def test_without_any_active_price_the_error_says_what_to_do(rig: StripeRig) -> None:
    wallet, _ = await rig.sold()
    listed = await rig.client.v1.prices.list_async({"lookup_keys": [STARTER.lookup_key]})
    await rig.client.v1.prices.update_async(listed.data[0].id, {"active": False})

    with pytest.raises(GatewayRefused, match="run `tenure catalog push`") as refused:
        await rig.begin(wallet, "s/charge/2")

    assert refused.value.code == "unknown_price"
    assert await rig.statuses(wallet) == ["paid"]
