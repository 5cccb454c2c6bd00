"""What is suggested to customers who want more: plans in order, with price differences, and add-ons."""

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from domain.access import Basis
from domain.catalog.features import Value
from domain.catalog.plans import Catalog, Interval
from domain.entitlements.grants import EntitlementBasis
from domain.entitlements.snapshot import EntitlementSnapshot
from domain.entitlements.suggestions import Suggestion, Wanted, cheapest, plans_with, suggestions
from domain.entitlements.usage import Tally
from domain.entitlements.usage_periods import EPOCH
from tests.harness.shop import CATALOG, usd

NOBODY = EntitlementBasis(datetime(2026, 3, 2, tzinfo=UTC), Basis.FREE_PLAN, plan="free", catalog=CATALOG.name)
ON_PRO = replace(
    NOBODY,
    basis=Basis.PLAN,
    subscription="s",
    status="active",
    access="full",
    own_plan="pro",
    plan="pro",
    billed_every=Interval.MONTH,
)


def holding(standing: EntitlementBasis, today: Catalog = CATALOG) -> EntitlementSnapshot:
    return EntitlementSnapshot(standing, CATALOG, today)


def wanted(feature: str, quantity: int | None = None, value: str | None = None) -> Wanted:
    return Wanted(CATALOG.features[feature], quantity, value)


def told(found: tuple[Suggestion, ...]) -> list[tuple[str, int | None, Value]]:
    return [(one.code, one.difference.amount if one.difference else None, one.value) for one in found]


def with_plan(code: str, **changes: Any) -> Catalog:
    return replace(CATALOG, plans={**CATALOG.plans, code: replace(CATALOG.plans[code], **changes)})


def test_customers_without_a_plan_get_every_more_expensive_plan_with_more_cheapest_first() -> None:
    assert told(suggestions(holding(NOBODY), wanted("export"))) == [("pro", 4900, True), ("scale", 19900, True)]
    assert told(suggestions(holding(NOBODY), wanted("runs"))) == [("pro", 4900, 100), ("scale", 19900, None)]


def test_only_plans_that_cover_the_wanted_usage_are_suggested() -> None:
    assert told(suggestions(holding(NOBODY), wanted("runs", 101))) == [("scale", 19900, None)]
    assert told(suggestions(holding(NOBODY), wanted("models", value="gpt"))) == [
        ("scale", 19900, ("basic", "dalle3", "gpt"))
    ]
    assert told(suggestions(holding(NOBODY), wanted("quality", value="standard"))) == [
        ("pro", 4900, "standard"),
        ("scale", 19900, "premium"),
    ]


def test_the_difference_is_by_the_customers_own_interval_with_their_seats_and_add_ons() -> None:
    team = replace(ON_PRO, billed_every=Interval.YEAR, quantity=3, add_ons={"seats": 2})

    [scale, add_on] = suggestions(holding(team), wanted("seats", 20))

    assert (scale.interval, scale.price, scale.difference) == (
        Interval.YEAR,
        usd((3 * 19900 + 2 * 500) * 10),
        usd(3 * (19900 - 4900) * 10),
    )
    assert scale.value == 3 * 10 + 2 * 2
    assert (add_on.code, add_on.units, add_on.value) == ("seats", 4, 3 * 3 + 2 * 2 + 4 * 2)
    assert add_on.difference == usd(4 * 500 * 10)


def test_the_catalog_may_say_where_a_plan_leads_to() -> None:
    straight, nowhere = with_plan("free", upgrades_to=("scale",)), with_plan("free", upgrades_to=())

    assert [one.code for one in suggestions(holding(NOBODY, straight), wanted("runs"))] == ["scale"]
    assert suggestions(holding(NOBODY, nowhere), wanted("runs")) == ()


def test_a_plan_that_is_not_sold_by_the_own_interval_is_suggested_without_a_difference() -> None:
    monthly = with_plan("scale", prices={Interval.MONTH: usd(19900)})
    yearly = replace(ON_PRO, billed_every=Interval.YEAR)

    [scale] = suggestions(holding(yearly, monthly), wanted("runs"))

    assert (scale.interval, scale.difference) == (Interval.MONTH, None)


def test_the_difference_is_to_the_price_that_the_customer_pays() -> None:
    dearer = replace(with_plan("pro", prices={Interval.MONTH: usd(9900)}), version=2)

    [scale] = suggestions(holding(ON_PRO, dearer), wanted("runs"))

    assert scale.difference == usd(19900 - 4900)


@pytest.mark.parametrize(
    ("standing", "has"),
    [
        (replace(ON_PRO, basis=Basis.NO_NEW_USE, access="limited"), ()),
        (replace(ON_PRO, basis=Basis.NOTHING, plan=None, status="suspended", access="none"), ()),
        (replace(ON_PRO, basis=Basis.FREE_PLAN, plan="free", status="suspended", access="none"), ()),
        (replace(ON_PRO, basis=Basis.FREE_PLAN, plan="free", status="past_due", access="limited"), ()),
        (replace(ON_PRO, basis=Basis.PLAN, status="past_due", access="limited"), ()),
        (
            replace(ON_PRO, basis=Basis.NOTHING, plan=None, status="canceled", access="none", billed_every=None),
            ("pro", "scale"),
        ),
    ],
)
def test_suggestions_are_only_for_customers_who_may_buy(standing: EntitlementBasis, has: tuple[str, ...]) -> None:
    assert tuple(one.code for one in suggestions(holding(standing), wanted("export"))) == has


def test_the_cheapest_is_by_the_month_and_may_be_a_plan_with_add_ons() -> None:
    alone = cheapest(holding(NOBODY), wanted("seats", 3))
    more = cheapest(holding(NOBODY), wanted("seats", 5))
    rich = with_plan("scale", prices={Interval.YEAR: usd(12 * 4000)})

    assert alone is not None
    assert (alone.code, dict(alone.with_add_ons)) == ("pro", {})
    assert more is not None
    assert (more.code, dict(more.with_add_ons), more.price, more.value) == ("pro", {"seats": 1}, usd(5400), 5)
    yearly = cheapest(holding(NOBODY, rich), wanted("export"))
    assert yearly is not None
    assert (yearly.code, yearly.interval) == ("scale", Interval.YEAR)


def test_the_cheapest_plan_fits_current_usage() -> None:
    """A change that current usage does not fit would be refused; usage in a period is over before a downgrade."""
    on_scale = replace(ON_PRO, plan="scale", own_plan="scale")
    seats = Tally("seats", 5, EPOCH, None)
    runs = Tally("runs", 500, datetime(2026, 3, 1, tzinfo=UTC), None)

    def found(standing: EntitlementBasis, *used: Tally) -> tuple[str, dict[str, int]]:
        best = cheapest(replace(holding(standing), tallies=used), wanted("export"))
        assert best is not None
        return best.code, dict(best.with_add_ons)

    assert found(on_scale) == ("pro", {})
    assert found(on_scale, seats) == ("scale", {})
    assert found(replace(on_scale, is_billed=True), runs) == ("pro", {})
    assert found(on_scale, runs) == ("scale", {}), "without a paid period the change is made at once"
    by_seats = cheapest(replace(holding(on_scale), tallies=(seats,)), wanted("seats", 5))
    assert by_seats is not None
    assert (by_seats.code, dict(by_seats.with_add_ons)) == ("pro", {"seats": 1}), "add-ons may make room"


def test_what_no_plan_covers_has_no_cheapest_plan() -> None:
    assert cheapest(holding(NOBODY), wanted("posts_a_day", 101)) is None


def test_a_rate_is_compared_as_a_number() -> None:
    found = cheapest(holding(NOBODY), wanted("rate", 6))
    assert found is not None
    assert found.code == "scale"


@pytest.mark.parametrize(
    ("one", "codes"),
    [
        (wanted("export"), ["pro", "scale"]),
        (wanted("jobs"), ["pro", "scale"]),
        (wanted("runs"), ["free", "pro", "scale"]),
        (wanted("models", value="dalle3"), ["pro", "scale"]),
        (wanted("quality", value="premium"), ["scale"]),
        (wanted("runs", 50), ["pro", "scale"]),
    ],
)
def test_which_plans_have_it(one: Wanted, codes: list[str]) -> None:
    assert [plan.code for plan in plans_with(CATALOG, one)] == codes


def test_a_hidden_plan_is_never_suggested() -> None:
    today = with_plan("scale", is_hidden=True)

    assert told(suggestions(holding(NOBODY, today), wanted("export"))) == [("pro", 4900, True)]
    assert [plan.code for plan in plans_with(today, wanted("export"))] == ["pro"]
    assert cheapest(holding(NOBODY, today), wanted("jobs", 8)) is None


def test_a_holder_of_a_hidden_plan_is_not_led_to_its_newer_version() -> None:
    today = replace(with_plan("pro", is_hidden=True, upgrades_to=("scale",)), version=2)

    assert [code for code, _, _ in told(suggestions(holding(ON_PRO, today), wanted("calls")))] == ["scale"]
