"""The requests of one step, and how many steps a second that leaves to the fleet."""

from collections import Counter
from collections.abc import Awaitable, Callable

import pytest

from bench.scale.reconciliation import cost
from domain.catalog.plans import Item
from gateways.stripe.rate_limits import (
    LIVE_A_SECOND,
    MAX_CALLS_PER_STEP,
    ONE_ENDPOINT_A_SECOND,
    TEST_A_SECOND,
    comparisons_a_second,
    questions_a_second,
    reports_at_once,
    steps_a_second,
)
from tests.gateways.rig import STARTER, USERS, StripeRig
from tests.sandbox.stripe.published import template_of


async def steps_of(rig: StripeRig) -> dict[str, Callable[[], Awaitable[object]]]:
    """Every step of the payments queue in a customer's life, in an order in which none needs a retry."""
    provider = rig.provider
    wallet, begun = await rig.sold("warm")
    owing, agreement, bill = await rig.owing("owing")
    _, lapsed_agreement, old_bill = await rig.owing("lapsed")
    items, at = (STARTER, Item(USERS.lookup_key, 2)), rig.simulator.now("warm")
    await provider.quotes.quote(begun.agreement_ref, items, at)

    async def begin() -> None:
        await provider.charges.begun(newcomer.customer_ref, key="new/charge/1")
        await rig.begin(newcomer, "new/charge/1")

    newcomer = await rig.wallet("newcomer")
    return {
        "wallet": lambda: rig.wallet("another"),
        "checkout": lambda: provider.wallets.open_checkout(
            wallet.customer_ref, "s", "https://a", "https://b", key="page"
        ),
        "begin": begin,
        "card": lambda: provider.wallets.put_card(
            wallet.customer_ref, begun.agreement_ref, "pm_card_mastercard", key="card"
        ),
        "quote": lambda: provider.quotes.quote(begun.agreement_ref, items, at),
        "change": lambda: provider.changes.change(begun.agreement_ref, items, at, key="change"),
        "look": lambda: provider.billing.provider_state(owing.customer_ref, agreement, bill),
        "collect": lambda: provider.charges.collect(bill, key="try/2"),
        "restart": lambda: provider.charges.restart(lapsed_agreement, old_bill, key="again"),
        "hold": lambda: provider.billing.hold(agreement, True, key="hold"),
        "end at period end": lambda: provider.billing.end_at_period_end(begun.agreement_ref, True, key="ends"),
        "end": lambda: provider.billing.end(lapsed_agreement, "", key="end"),
    }


async def test_no_step_asks_more_than_the_fleets_rate_is_counted_from(rig: StripeRig) -> None:
    for name, step in (await steps_of(rig)).items():
        before = len(rig.wire.calls)
        await step()
        asked = Counter(f"{method} {template_of(method.lower(), path)}" for method, path, _ in rig.wire.calls[before:])
        assert 0 < asked.total() <= MAX_CALLS_PER_STEP, (name, asked)
        assert set(asked.values()) == {1}, (name, asked)


@pytest.mark.parametrize(
    ("api_key", "steps", "in_all"),
    [
        ("sk_live_x", 12.0, LIVE_A_SECOND),
        ("rk_live_x", 12.0, LIVE_A_SECOND),
        ("sk_test_x", 3.0, TEST_A_SECOND),
        ("rk_test_x_live_", 3.0, TEST_A_SECOND),
    ],
)
def test_the_fleets_rate_stays_below_every_limit(api_key: str, steps: float, in_all: float) -> None:
    assert steps_a_second(api_key) == pytest.approx(steps)
    # Queued steps come in bursts: twice the rate within one second.
    assert 2 * steps * MAX_CALLS_PER_STEP + comparisons_a_second(api_key) < in_all
    assert 2 * steps < ONE_ENDPOINT_A_SECOND


def test_usage_is_reported_concurrently_only_where_it_has_a_separate_limit() -> None:
    assert (reports_at_once("sk_live_x"), reports_at_once("rk_test_x")) == (20, 1)


def test_all_reconciliations_share_three_in_a_hundred_which_is_enough_for_ten_million_subscriptions() -> None:
    assert comparisons_a_second("sk_live_x") == pytest.approx(3)
    assert comparisons_a_second("sk_test_x") == pytest.approx(0.75)
    assert cost(10_000_000).calls_a_second < comparisons_a_second("sk_live_x")


def test_api_processes_share_a_fifth_of_the_limit() -> None:
    assert questions_a_second("sk_live_x", 1) == pytest.approx(20)
    assert questions_a_second("sk_test_x", 5) == pytest.approx(1)
