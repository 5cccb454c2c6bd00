"""Comparing two plans."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.catalog.comparison import ComparisonVerdict, priced, side_by_side, verdict
from domain.catalog.features import Feature, FeatureKind, Value
from domain.catalog.plans import Catalog, Interval, Plan
from domain.money import Money

SWITCH = Feature("export", "Export", FeatureKind.SWITCH)
NUMBER = Feature("runs", "Runs", FeatureKind.NUMBER)
LEVEL = Feature("quality", "Quality", FeatureKind.LEVEL, ("draft", "standard", "premium"))
SET = Feature("models", "Models", FeatureKind.SET, ("small", "large", "huge"))
RATE = Feature("rate", "Rate", FeatureKind.RATE)

VALUES = st.one_of(
    st.tuples(st.just(SWITCH), st.booleans(), st.booleans()),
    st.tuples(st.just(NUMBER), st.none() | st.integers(0, 9), st.none() | st.integers(0, 9)),
    st.tuples(st.just(LEVEL), st.sampled_from(LEVEL.values), st.sampled_from(LEVEL.values)),
    st.tuples(st.just(RATE), st.integers(1, 9), st.integers(1, 9)),
)


@pytest.mark.parametrize(
    ("feature", "less", "more"),
    [
        (SWITCH, False, True),
        (NUMBER, 0, 1),
        (NUMBER, 10**9, None),
        (LEVEL, "draft", "premium"),
        (SET, (), ("small",)),
        (SET, ("large",), ("small", "large")),
        (RATE, 1, 5),
    ],
)
def test_more_is_better_and_less_is_worse(feature: Feature, less: Value, more: Value) -> None:
    assert verdict(less, more, feature) is ComparisonVerdict.BETTER
    assert verdict(more, less, feature) is ComparisonVerdict.WORSE
    assert verdict(more, more, feature) is ComparisonVerdict.SAME


@given(VALUES)
def test_what_is_better_one_way_is_worse_the_other(found: tuple[Feature, Value, Value]) -> None:
    feature, one, other = found
    there, back = verdict(one, other, feature), verdict(other, one, feature)
    assert {there, back} in ({ComparisonVerdict.SAME}, {ComparisonVerdict.BETTER, ComparisonVerdict.WORSE})


def test_a_set_that_loses_a_value_is_worse_whatever_it_gains() -> None:
    assert verdict(("small",), ("large", "huge"), SET) is ComparisonVerdict.WORSE
    assert verdict(("large", "huge"), ("small",), SET) is ComparisonVerdict.WORSE


def test_plans_are_compared_for_every_interval_that_either_is_sold_for() -> None:
    def usd(amount: int) -> Money:
        return Money(amount, "usd")

    free = Plan("free", "Free", {}, entitlements={"export": False})
    flex = Plan("flex", "Flex", {Interval.MONTH: usd(900)}, entitlements={"export": True})
    pro = Plan("pro", "Pro", {Interval.MONTH: usd(4900), Interval.YEAR: usd(52920)}, entitlements={"export": True})
    catalog = Catalog("shop", 1, "usd", {"free": free, "flex": flex, "pro": pro}, features={"export": SWITCH})

    def told(before: Plan, after: Plan) -> list[tuple[str, int | None]]:
        return [(line.interval.value, line.difference) for line in priced(catalog, before, after)]

    assert told(free, flex) == [("month", 900)]
    assert told(flex, pro) == [("month", 4000), ("year", None)]
    assert told(pro, free) == [("month", -4900), ("year", -52920)]
    assert told(free, free) == []
    assert [(line.before, line.after, line.verdict) for line in side_by_side(catalog, free, pro)] == [
        (False, True, ComparisonVerdict.BETTER)
    ]
