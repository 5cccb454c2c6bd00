"""Prices may be archived or replaced at Stripe while workers run: they are looked up again by their lookup key."""

from datetime import timedelta

import pytest

from domain.catalog.plans import Item
from domain.errors import GatewayRefused
from domain.provider.payments import ChargeOutcome
from tests.gateways.till import STARTER, USERS, Till


async def replaced(till: Till, item: Item, amount: int) -> str:
    """Archives the price of *item* and creates another one, as in the Dashboard. Returns the new price's id."""
    listed = await till.client.v1.prices.list_async({"lookup_keys": [item.lookup_key]})
    (old,) = (each.to_dict() for each in listed.data)
    made = await till.client.v1.prices.create_async(
        {
            "product": old["product"],
            "unit_amount": amount,
            "currency": "usd",
            "recurring": {"interval": "month"},
            "lookup_key": item.lookup_key,
            "transfer_lookup_key": True,
        }
    )
    await till.client.v1.prices.update_async(old["id"], {"active": False})
    return made.id


async def test_a_first_charge_is_made_at_the_price_that_took_the_place_of_the_known_one(till: Till) -> None:
    await till.sold("ada")
    await replaced(till, STARTER, 5900)
    wallet = await till.wallet("grace")

    charge = await till.begin(wallet, "grace/charge/1")

    assert charge.outcome is ChargeOutcome.PAID
    assert charge.invoice is not None
    assert charge.invoice.amount == 5900
    assert await till.statuses(wallet) == ["paid"]


async def test_a_price_that_stripe_does_not_know_any_more_is_looked_up_again(till: Till) -> None:
    wallet = await till.wallet()
    till.known_prices[STARTER.lookup_key] = "price_of_another_account"

    assert (await till.begin(wallet)).outcome is ChargeOutcome.PAID
    assert await till.statuses(wallet) == ["paid"]


async def test_a_change_and_its_quote_use_the_current_price(till: Till) -> None:
    wallet, begun = await till.sold()
    at = till.simulator.now("ada")
    known = (STARTER, USERS)
    await till.provider.quotes.quote(begun.agreement_ref, known, at)
    await replaced(till, USERS, 700)

    quote = await till.provider.quotes.quote(begun.agreement_ref, known, at)
    till.known_prices[USERS.lookup_key] = "price_of_another_account"
    charge = await till.provider.changes.change(begun.agreement_ref, known, at, key="s/change/1")

    assert charge.invoice is not None
    assert charge.invoice.amount == quote.amount == pytest.approx(3 * 700, abs=2)
    assert await till.statuses(wallet) == ["paid", "paid"]


async def test_a_restart_with_other_items_uses_the_current_price(till: Till) -> None:
    wallet, begun = await till.sold()
    till.known_prices[USERS.lookup_key] = "price_of_another_account"
    await till.simulator.advance("ada", till.simulator.now("ada") + timedelta(days=3))

    charge = await till.provider.charges.restart(begun.agreement_ref, "", (STARTER, USERS), key="s/charge/2")

    assert charge.invoice is not None
    assert charge.invoice.amount == 4900 + 3 * 500
    assert await till.statuses(wallet) == ["paid", "paid"]


async def test_it_is_done_once_also_when_the_answer_at_the_new_price_gets_lost(till: Till) -> None:
    _, begun = await till.sold()
    at = till.simulator.now("ada")
    till.known_prices[USERS.lookup_key] = "price_of_another_account"
    till.wire.lose(2)

    for _ in range(2):
        try:
            charge = await till.provider.changes.change(begun.agreement_ref, (STARTER, USERS), at, key="s/change/1")
        except Exception:  # noqa: BLE001, S112 - whatever is made of an answer that never came
            continue

    (agreement,) = await till.agreements(await till.wallet())
    assert charge.outcome is ChargeOutcome.PAID
    assert [item["quantity"] for item in agreement["items"]["data"]] == [1, 3]


async def test_without_any_active_price_the_error_says_what_to_do(till: Till) -> None:
    wallet, _ = await till.sold()
    listed = await till.client.v1.prices.list_async({"lookup_keys": [STARTER.lookup_key]})
    await till.client.v1.prices.update_async(listed.data[0].id, {"active": False})

    with pytest.raises(GatewayRefused, match="run `tenure catalog push`") as refused:
        await till.begin(wallet, "s/charge/2")

    assert refused.value.code == "unknown_price"
    assert await till.statuses(wallet) == ["paid"]
