"""What differs between two catalogs, in words."""

import pytest

from configuration.catalog_changes import CatalogChanges, changes
from configuration.catalog_file import load_catalog
from tests.configuration.conftest import Written
from tests.configuration.test_catalog_parts import GOOD


@pytest.fixture
def changed(written: Written) -> "Changed":
    return Changed(written)


class Changed:
    """Changes a file and tells what differs."""

    def __init__(self, written: Written) -> None:
        self._written = written

    def by(self, *pairs: tuple[str, str]) -> CatalogChanges:
        before, text = load_catalog(self._written(GOOD)), GOOD
        for right, wrong in pairs:
            assert right in text
            text = text.replace(right, wrong)
        return changes(before, load_catalog(self._written(text)))


def test_the_same_catalog_has_no_differences(changed: Changed) -> None:
    told = changed.by(("version: 1", "version: 2"))

    assert told.are_none
    assert (told.touched, told.repriced) == ((), ())


def test_another_number_affects_its_plan_only(changed: Changed) -> None:
    told = changed.by(("runs: 100,", "runs: 2000,"))

    assert list(told.lines()) == ["plan pro", "  Runs: 2,000, was 100"]
    assert (told.touched, told.repriced) == (("pro",), ())


def test_another_rule_affects_every_plan_with_the_feature(changed: Changed) -> None:
    told = changed.by(("{hard: never}", "{hard: 100%}"))
    mails = "hint from 80%, mails at 90% and 100%"

    assert list(told.lines()) == [
        "feature clicks",
        f"  near a limit: {mails}, refused beyond 100% with 429, was {mails}, never refused",
    ]
    # The free plan has no clicks.
    assert told.touched == ("pro", "max")


def test_another_window_affects_every_plan_with_the_feature(changed: Changed) -> None:
    told = changed.by(("per: billing_period", "per: month"))

    assert list(told.lines()) == [
        "feature runs",
        "  is: counted by the calendar month, was counted by the billing period",
    ]
    assert told.touched == ("free", "pro", "max")


def test_another_price_is_reported_as_one_that_must_not_change(changed: Changed) -> None:
    told = changed.by(("month: 99", "month: 109"), ("year: 490", "year: 480"), ("price: 0.5", "price: 0.6"))

    assert list(told.lines()) == [
        "plan pro",
        "  costs: $49.00 a month or $480.00 a year, was $49.00 a month or $490.00 a year",
        "  runs beyond the limit: $0.60 for each 10, 500 more at most, was $0.50 for each 10, 500 more at most",
        "plan max",
        "  costs: $109.00 a month, was $99.00 a month",
    ]
    assert told.repriced == (
        "pro a year: $480.00, was $490.00",
        "max a month: $109.00, was $99.00",
        "pro, runs beyond its limit a month: $0.60 for each 10, was $0.50 for each 10",
        "pro, runs beyond its limit a year: $0.60 for each 10, was $0.50 for each 10",
    )


def test_an_added_price_is_not_a_changed_price(changed: Changed) -> None:
    told = changed.by(("{month: 99}", "{month: 99, year: 990}"), ("at_most: 500", "at_most: 600"))

    assert told.repriced == ()
    assert told.touched == ("pro", "max")


def test_overage_on_a_plan_that_had_none_is_reported(changed: Changed) -> None:
    told = changed.by(("    upgrades_to: [pro]\n", "    overage: {runs: {price: 2}}\n    upgrades_to: [pro]\n"))

    assert list(told.lines()) == ["plan max", "  runs beyond the limit: $2.00 each, was not sold"]
    assert (told.overage_added, told.repriced) == (("runs on plan max",), ())


def test_new_and_removed_parts_are_reported(changed: Changed) -> None:
    told = changed.by(
        ("  clicks: {name: Clicks, kind: number, per: month, limit: open}\n", "  sso: {name: SSO, kind: switch}\n"),
        ("clicks: 0", "sso: false"),
        ("clicks: 9", "sso: true"),
        ("  max:\n    name: Max", "  team:\n    name: Team"),
        ("upgrades_to: [max]", "upgrades_to: [team]"),
    )

    assert list(told.lines()) == [
        "new: plan team, Team, $99.00 a month",
        "new: feature sso, SSO, yes or no",
        "gone: plan max, Max, $99.00 a month",
        "gone: feature clicks, Clicks, counted by the calendar month",
        "plan free",
        "  SSO: no, which is new",
        "  Clicks: no more, was 0",
        "plan pro",
        "  SSO: yes, which is new",
        "  Clicks: no more, was 9",
        "  upgrades to: team, was max",
    ]
    assert (told.gone_plans, told.touched) == (("max",), ("free", "pro", "max"))
    assert told.repriced == ("max a month: not sold, was $99.00",)


def test_everything_else_in_a_file_is_compared_too(changed: Changed) -> None:
    told = changed.by(
        ("currency: usd", "currency: usd\ntax_behavior: inclusive"),
        ("    name: Pro\n", "    name: Professional\n    description: For teams\n    trial_days: 7\n"),
        ("    upgrades_to: [pro]\n", ""),
        ("      posts_a_week: {price: 1}\n", ""),
        ("posts_a_week: unlimited", "posts_a_week: 70"),
    )

    assert list(told.lines()) == [
        "tax inclusive, was not set",
        "plan pro",
        "  name: Professional, was Pro",
        "  description: For teams, was none",
        "  days of trial: 7, was as in the policy",
        "  posts_a_week beyond the limit: not sold, was $1.00 each",
        "plan max",
        "  Posts a week: 70, was unlimited",
        "  upgrades to: every more expensive plan, was pro",
    ]


def test_add_ons_are_compared(changed: Changed) -> None:
    add_on = "add_ons:\n  extra: {name: Extra, prices: {month: 5}, adds: {seats: 1}}\n"
    one = GOOD + add_on
    told = Changed(lambda text: changed._written(text if "add_ons" in text else one)).by(
        ("upgrades_to: [pro]\n", "upgrades_to: [pro]\n" + add_on.replace("seats: 1", "seats: 2, runs: 5"))
    )

    assert list(told.lines()) == ["add-on extra", "  adds to Seats: 2, was 1", "  adds to Runs: 5, was 0"]
    assert (told.touched, told.touched_add_ons) == ((), ("extra",))


def test_a_removed_add_on_affects_customers_who_have_it(changed: Changed) -> None:
    add_on = "add_ons:\n  extra: {name: Extra, prices: {month: 5}, adds: {seats: 1}}\n"
    before = load_catalog(changed._written(GOOD + add_on))

    assert changes(before, load_catalog(changed._written(GOOD))).touched_add_ons == ("extra",)
    assert changes(before, before).touched_add_ons == ()
