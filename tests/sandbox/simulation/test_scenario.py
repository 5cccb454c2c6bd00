"""Lives that cannot be lived are refused before anything starts."""

from typing import Any

import pytest

from configuration.catalog_file import load_catalog
from domain.errors import Malformed
from domain.subscription.policy import Policy
from sandbox.simulation.scenario import Scenario
from tests.harness.catalogs import CATALOG


@pytest.mark.parametrize(
    ("more", "told"),
    [
        ({"plan": "gold"}, "known plans: starter, professional, enterprise"),
        ({"add_ons": {"cars": 1}}, "known add-ons: users, plants, storage_gb"),
        ({"add_ons": {"users": 99_999}}, "--add-on: "),
        ({"quantity": 0}, "--quantity: "),
        ({"trial_days": 91}, "--trial-days: "),
        ({"timezone": "Mars"}, "--timezone: 'Mars' is not a time zone; use an IANA name"),
        ({"locale": "?"}, "--locale: '?' is not a language tag"),
        ({"answers": ("ok", "broke")}, "unknown card answer 'broke'; known are: ok, approve_with_id"),
        ({"months": 0}, "choose 1 to 60"),
        ({"months": 61}, "choose 1 to 60"),
        ({"cancel_on_day": 400}, "--cancel-on-day 400 is not within the 12 simulated months"),
        ({"card_on_day": -1}, "--card-on-day -1 is not within"),
        ({"trial_days": 0, "card_at_sign_up": False}, "leave out --no-card"),
        ({"trial_days": 0, "card_on_day": 3}, "leave out --no-card and --card-on-day"),
    ],
)
def test_an_error_says_what_to_fix(more: dict[str, Any], told: str) -> None:
    scenario = Scenario(**({"plan": "starter"} | more))

    with pytest.raises(Malformed) as refusal:
        scenario.check(load_catalog(CATALOG), Policy())

    assert told in refusal.value.message


def test_a_life_that_can_be_lived_passes() -> None:
    scenario = Scenario(
        "starter", trial_days=0, answers=("ok", "lost_card"), add_ons={"users": 2}, timezone="Asia/Tokyo"
    )

    scenario.check(load_catalog(CATALOG), Policy())

    assert scenario.sign_up("somebody")["payment_method"] == "pm_card_visa"


def test_a_card_that_comes_later_is_not_there_at_sign_up() -> None:
    assert Scenario("starter", card_on_day=3).sign_up("somebody")["payment_method"] is None
