"""Current usage that does not fit a plan change, and only that."""

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from domain.catalog.features import Value
from domain.entitlements.downgrade_fit import limit_conflicts
from domain.entitlements.grants import Granted, all_granted
from domain.entitlements.usage import Counter
from tests.harness.shop import CATALOG

ENDS = datetime(2026, 4, 1, tzinfo=UTC)


def used(feature: str, quantity: int) -> Counter:
    return Counter(feature, None, None, quantity, quantity, None, ENDS if feature == "runs" else None)


def having(**values: Value) -> dict[str, Granted]:
    return {code: Granted(CATALOG.features[code], value) for code, value in values.items()}


def test_a_gauge_above_the_new_limit_does_not_fit_and_the_excess_is_stated() -> None:
    [found] = limit_conflicts(having(seats=25), having(seats=3), [used("seats", 12)], at_once=False)

    assert (found.feature.code, found.counter.used, found.allowed, found.excess) == ("seats", 12, 3, 9)
    assert "remove 9 first" in found.in_words()


@pytest.mark.parametrize(
    ("before", "after", "quantity"),
    [
        (25, 3, 3),
        (25, 3, 0),
        (None, None, 10**9),
        (3, None, 12),
        (25, 25, 26),
        (3, 25, 30),
    ],
    ids=["exactly", "nothing", "unlimited", "unlimited now", "over already", "over, and more than before"],
)
def test_usage_that_fits_or_whose_limit_does_not_shrink_is_not_a_conflict(
    before: Value, after: Value, quantity: int
) -> None:
    assert limit_conflicts(having(seats=before), having(seats=after), [used("seats", quantity)], at_once=True) == ()


def test_from_unlimited_to_a_number_counts_as_less() -> None:
    assert limit_conflicts(having(seats=None), having(seats=3), [used("seats", 4)], at_once=False)


def test_usage_in_a_period_matters_only_while_the_period_continues() -> None:
    before, after = having(runs=100), having(runs=10)

    [found] = limit_conflicts(before, after, [used("runs", 50)], at_once=True)

    assert "2026-04-01T00:00:00Z" in found.in_words()
    assert limit_conflicts(before, after, [used("runs", 50)], at_once=False) == ()
    assert limit_conflicts(before, after, [used("runs", 50)], at_once=True, billed={"runs"}) == ()


def test_switches_levels_and_sets_have_no_usage() -> None:
    scale, free = (all_granted(CATALOG, plan, {}, 1) for plan in ("scale", "free"))
    assert limit_conflicts(scale, free, [], at_once=True) == ()


def test_a_plan_without_the_feature_does_not_fit_customers_who_use_it() -> None:
    unused = replace(used("seats", 0))
    assert limit_conflicts(having(seats=3), having(seats=0), [unused], at_once=True) == ()
    assert limit_conflicts(having(seats=3), having(seats=0), [used("seats", 1)], at_once=True)
