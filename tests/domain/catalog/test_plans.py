"""What a customer chooses from a catalog, and what it costs."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.catalog.plans import AddOn, Catalog, Interval, Item, Plan, Selection
from domain.errors import Malformed
from domain.money import Money


def usd(amount: int) -> Money:
    return Money(amount, "usd")


CATALOG = Catalog(
    product="shop",
    version=3,
    currency="usd",
    plans={
        "free": Plan("free", "Free", {}),
        "pro": Plan("pro", "Pro", {Interval.MONTH: usd(4900), Interval.YEAR: usd(52920)}),
        "flex": Plan("flex", "Flex", {Interval.MONTH: usd(900)}),
    },
    add_ons={
        "seats": AddOn("seats", "Seats", {Interval.MONTH: usd(500), Interval.YEAR: usd(5400)}),
        "storage": AddOn("storage", "Storage", {Interval.MONTH: usd(50)}),
    },
)


def test_a_plan_alone_costs_its_price() -> None:
    chosen = CATALOG.select("pro")
    assert (chosen.plan, chosen.plan_name, chosen.interval, chosen.quantity) == ("pro", "Pro", Interval.MONTH, 1)
    assert chosen.total == usd(4900)
    assert chosen.items == (Item("shop_pro_month_v3", 1),)


def test_quantity_and_add_ons_are_items_and_add_up() -> None:
    chosen = CATALOG.select("pro", Interval.YEAR, 3, {"seats": 2})
    assert chosen.items == (Item("shop_pro_year_v3", 3), Item("shop_seats_year_v3", 2))
    assert chosen.total == usd(3 * 52920 + 2 * 5400)
    assert chosen.add_ons == {"seats": 2}


def test_an_add_on_with_zero_units_is_left_out() -> None:
    assert CATALOG.select("pro", add_ons={"seats": 0}) == CATALOG.select("pro")


@given(
    plan=st.sampled_from(["pro", "flex"]),
    quantity=st.integers(min_value=1, max_value=10_000),
    add_ons=st.dictionaries(st.sampled_from(["seats", "storage"]), st.integers(min_value=0, max_value=10_000)),
)
def test_what_a_period_costs_is_the_sum_of_its_items(plan: str, quantity: int, add_ons: dict[str, int]) -> None:
    chosen = CATALOG.select(plan, Interval.MONTH, quantity, add_ons)
    sold: list[Plan | AddOn] = [CATALOG.plans[plan], *CATALOG.add_ons.values()]
    prices = {CATALOG.lookup_key(one.code, Interval.MONTH): one.prices[Interval.MONTH].amount for one in sold}
    assert chosen.total.amount == sum(prices[item.lookup_key] * item.quantity for item in chosen.items)
    assert len(chosen.items) == 1 + sum(count > 0 for count in add_ons.values())


REFUSALS = {
    "an unknown plan": (
        {"plan": "gold"},
        "plan",
        "unknown_plan",
        "there is no plan 'gold'; known plans: free, pro, flex",
    ),
    "the free plan": (
        {"plan": "free"},
        "plan",
        "free_plan",
        "plan 'free' is free: a customer without a subscription has it already",
    ),
    "an unknown add-on": (
        {"plan": "pro", "add_ons": {"cake": 1}},
        "add_ons",
        "unknown_add_on",
        "there is no add-on 'cake'; known add-ons: seats, storage",
    ),
    "a plan by an interval it is not sold for": (
        {"plan": "flex", "interval": Interval.YEAR},
        "interval",
        "unknown_interval",
        "Flex is not sold by the year; it is sold by the month",
    ),
    "an add-on by an interval it is not sold for": (
        {"plan": "pro", "interval": Interval.YEAR, "add_ons": {"storage": 1}},
        "interval",
        "unknown_interval",
        "Storage is not sold by the year; it is sold by the month",
    ),
}


@pytest.mark.parametrize(("choice", "field", "code", "message"), REFUSALS.values(), ids=REFUSALS)
def test_what_is_not_for_sale_is_refused_with_what_is(
    choice: dict[str, object], field: str, code: str, message: str
) -> None:
    with pytest.raises(Malformed) as refused:
        CATALOG.select(**choice)  # type: ignore[arg-type] # each choice is one of select's
    assert (refused.value.field, refused.value.code, refused.value.message) == (field, code, message)


def test_a_catalog_without_add_ons_says_so() -> None:
    bare = Catalog("shop", 1, "usd", {"pro": CATALOG.plans["pro"]})
    with pytest.raises(Malformed, match=r"known add-ons: none$"):
        bare.select("pro", add_ons={"seats": 1})


def test_no_two_prices_share_a_name_at_the_provider() -> None:
    keys = [CATALOG.lookup_key(code, interval) for code in (*CATALOG.plans, *CATALOG.add_ons) for interval in Interval]
    assert len(set(keys)) == len(keys)


def test_a_new_version_of_a_catalog_has_new_price_names() -> None:
    newer = Catalog(CATALOG.product, 4, CATALOG.currency, CATALOG.plans)
    assert newer.lookup_key("pro", Interval.MONTH) != CATALOG.lookup_key("pro", Interval.MONTH)


# More or less


@pytest.mark.parametrize(
    ("before", "after", "is_upgrade"),
    [
        pytest.param(CATALOG.select("flex"), CATALOG.select("pro"), True, id="dearer-plan"),
        pytest.param(CATALOG.select("pro"), CATALOG.select("flex"), False, id="cheaper-plan"),
        pytest.param(CATALOG.select("pro"), CATALOG.select("pro", quantity=2), True, id="more-of-it"),
        pytest.param(CATALOG.select("pro", quantity=2), CATALOG.select("pro"), False, id="less-of-it"),
        pytest.param(CATALOG.select("pro"), CATALOG.select("pro", add_ons={"seats": 1}), True, id="an-add-on"),
        pytest.param(CATALOG.select("pro", add_ons={"seats": 1}), CATALOG.select("pro"), False, id="none-any-more"),
        pytest.param(CATALOG.select("pro"), CATALOG.select("pro", Interval.YEAR), True, id="by-the-year"),
        pytest.param(CATALOG.select("pro", Interval.YEAR), CATALOG.select("pro"), False, id="by-the-month"),
        pytest.param(CATALOG.select("pro"), CATALOG.select("pro"), False, id="the-same"),
        pytest.param(CATALOG.select("flex"), CATALOG.select("pro", Interval.YEAR), True, id="not-sold-by-the-year"),
        pytest.param(CATALOG.select("pro", Interval.YEAR), CATALOG.select("flex"), False, id="not-sold-by-the-month"),
        pytest.param(
            CATALOG.select("flex", add_ons={"storage": 200}),
            CATALOG.select("pro", Interval.YEAR),
            False,
            id="less-though-by-the-year",
        ),
    ],
)
def test_more_is_what_costs_more_by_the_same_interval(before: Selection, after: Selection, is_upgrade: bool) -> None:
    assert CATALOG.is_upgrade(before, after) is is_upgrade


def test_from_and_to_the_free_plan_is_up_and_down() -> None:
    free = CATALOG.free_plan
    assert free is not None
    assert (free.plan, free.items, free.total) == ("free", (), usd(0))
    assert CATALOG.is_upgrade(free, CATALOG.select("flex"))
    assert not CATALOG.is_upgrade(CATALOG.select("flex"), free)
    assert not CATALOG.is_upgrade(free, free)


def test_a_catalog_may_have_no_free_plan() -> None:
    assert Catalog("shop", 1, "usd", {"pro": CATALOG.plans["pro"]}).free_plan is None


def test_a_plan_that_is_no_longer_sold_is_compared_by_its_price() -> None:
    gone = replace(CATALOG.select("pro"), plan="classic", total=usd(5000))
    assert not CATALOG.is_upgrade(gone, CATALOG.select("pro"))
    assert not CATALOG.is_upgrade(gone, CATALOG.select("pro", Interval.YEAR))
    assert CATALOG.is_upgrade(replace(gone, total=usd(4000)), CATALOG.select("pro", Interval.YEAR))


SELECTIONS = st.builds(
    CATALOG.select,
    st.just("pro"),
    st.sampled_from(Interval),
    st.integers(1, 50),
    st.fixed_dictionaries({}, optional={"seats": st.integers(0, 50)}),
)


@given(before=SELECTIONS, after=SELECTIONS)
def test_no_change_is_an_upgrade_both_ways(before: Selection, after: Selection) -> None:
    assert not (CATALOG.is_upgrade(before, after) and CATALOG.is_upgrade(after, before))
