"""Use beyond a plan's limit: billed with the period in which it was, and once."""

from dataclasses import replace
from datetime import timedelta

import pytest

from domain.errors import GatewayRefused, GatewayUnavailable
from domain.provider.overage_usage import BilledUsage
from domain.provider.payments import ChargeOutcome
from tests.contracts.provider import COUNTED_AS, PRO, RUNS, SCALE
from tests.contracts.shop import Sale, Shop

A_RUN, A_MONTH, A_PRO = 25, 29900, 19900


def used(shop: Shop, sale: Sale, quantity: int = 4, key: str = "run/1") -> BilledUsage:
    return BilledUsage("default", key, sale.customer, COUNTED_AS, quantity, shop.world.now("ada"))


async def tell(shop: Shop, use: BilledUsage, attempt: int = 0) -> None:
    await shop.provider.metering.report_usage(use, key=f"{use.report_key}/{attempt}")


async def test_what_was_used_is_on_the_next_renewal_and_on_no_other(shop: Shop) -> None:
    sale = await shop.sale(SCALE, RUNS)
    await tell(shop, used(shop, sale))
    await tell(shop, used(shop, sale, 2, "run/2"))

    await shop.renew(sale)
    await shop.renew(sale)

    assert await shop.world.paid(sale.customer) == [A_MONTH, A_MONTH + 6 * A_RUN, A_MONTH]


async def test_the_same_use_is_billed_once_however_often_it_is_told(shop: Shop) -> None:
    sale = await shop.sale(SCALE, RUNS)
    use = used(shop, sale)
    shop.world.lose_answer()
    with pytest.raises(GatewayUnavailable):
        await tell(shop, use)

    await tell(shop, use)
    await tell(shop, use, attempt=1)
    shop.world.forget_keys()
    await tell(shop, use)
    await shop.renew(sale)

    assert await shop.world.paid(sale.customer) == [A_MONTH, A_MONTH + 4 * A_RUN]


async def test_use_by_nobody_and_of_nothing_that_is_counted_is_refused(shop: Shop) -> None:
    sale = await shop.sale(SCALE, RUNS)

    for wrong in (replace(used(shop, sale), customer_ref="nobody"), replace(used(shop, sale), counted_as="shop_hats")):
        with pytest.raises(GatewayRefused):
            await tell(shop, wrong)


async def test_an_agreement_tells_what_of_it_is_billed_by_use(shop: Shop) -> None:
    sale = await shop.sale(SCALE, RUNS)

    found = await shop.provider.agreements.find(sale.ref)

    assert found is not None
    assert {(item.lookup_key, item.quantity, item.is_by_use) for item in found.items} == {
        (SCALE.lookup_key, 1, False),
        (RUNS.lookup_key, 0, True),
    }
    assert found.hindrances == ()


async def test_a_change_to_a_plan_without_it_bills_what_was_used_as_its_quote_says(shop: Shop) -> None:
    sale = await shop.sale(SCALE, RUNS)
    await tell(shop, used(shop, sale))
    await shop.world.advance("ada", shop.world.now("ada") + timedelta(days=10))
    at = shop.world.now("ada")
    with_use = await shop.provider.quotes.quote(sale.ref, (PRO,), at)

    await shop.provider.changes.change(sale.ref, (PRO,), at, key="change/1")

    assert with_use.amount == sum(line.amount for line in with_use.lines)
    assert [line.amount for line in with_use.lines if line.amount == 4 * A_RUN] == [4 * A_RUN]
    latest = (await shop.latest(sale)).invoice
    assert latest is not None
    assert latest.amount == with_use.amount
    found = await shop.provider.agreements.find(sale.ref)
    assert found is not None
    assert [item.lookup_key for item in found.items] == [PRO.lookup_key]


async def test_it_comes_with_a_change_and_stays_with_another(shop: Shop) -> None:
    sale = await shop.sale(PRO)
    now = shop.world.now("ada")
    await shop.provider.changes.change(sale.ref, (SCALE, RUNS), now, key="change/1")
    await tell(shop, used(shop, sale))
    await shop.provider.changes.change(sale.ref, (replace(SCALE, quantity=2), RUNS), now, key="change/2")

    await shop.renew(sale)

    latest = (await shop.latest(sale)).invoice
    assert latest is not None
    assert latest.amount == 2 * A_MONTH + 4 * A_RUN


async def test_the_last_bill_is_of_what_was_used_when_the_agreement_ends_with_its_period(shop: Shop) -> None:
    sale = await shop.sale(SCALE, RUNS)
    await tell(shop, used(shop, sale))
    await shop.provider.billing.end_at_period_end(sale.ref, True, key="ends/on")

    assert sale.begun.period_end is not None
    await shop.world.advance("ada", sale.begun.period_end + timedelta(hours=2))

    assert await shop.world.paid(sale.customer) == [A_MONTH, 4 * A_RUN]


async def test_who_ends_at_once_and_owes_nothing_else_pays_for_what_was_used_once(shop: Shop) -> None:
    sale = await shop.sale(SCALE, RUNS)
    await tell(shop, used(shop, sale))
    await shop.world.advance("ada", shop.world.now("ada") + timedelta(days=1))
    shop.world.lose_answer()
    with pytest.raises(GatewayUnavailable):
        await shop.provider.billing.end(sale.ref, "", key="end")

    await shop.provider.billing.end(sale.ref, "", key="end")

    assert await shop.world.paid(sale.customer) == [A_MONTH, 4 * A_RUN]


async def test_what_was_used_under_a_hold_is_billed_after_the_new_beginning(shop: Shop) -> None:
    sale = await shop.sale(SCALE, RUNS)
    await shop.provider.billing.hold(sale.ref, True, key="hold/on")
    await tell(shop, used(shop, sale))
    await shop.renew(sale)

    restarted = [await shop.provider.charges.restart(sale.ref, "", (PRO,), key="restart/1") for _ in range(2)]
    await shop.renew(sale)
    await shop.renew(sale)

    assert {charge.outcome for charge in restarted} == {ChargeOutcome.PAID}
    assert await shop.world.paid(sale.customer) == [A_MONTH, A_PRO, A_PRO + 4 * A_RUN, A_PRO]


async def test_what_was_used_under_a_hold_is_billed_at_the_end_at_once(shop: Shop) -> None:
    sale = await shop.sale(SCALE, RUNS)
    await shop.provider.billing.hold(sale.ref, True, key="hold/on")
    await tell(shop, used(shop, sale))
    await shop.renew(sale)

    await shop.provider.billing.end(sale.ref, "", key="end")

    assert await shop.world.paid(sale.customer) == [A_MONTH, 4 * A_RUN]
