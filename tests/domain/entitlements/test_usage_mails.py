"""What a mail about a limit says about usage beyond it."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from domain.catalog.features import HARD, Feature, FeatureKind, LimitRule, Overage, UsageWindow
from domain.catalog.plans import Catalog, Interval, Plan
from domain.entitlements.usage_mails import Crossing, feature_of, threshold_of, usage_mail
from domain.money import Money
from domain.notifications.mail_types import Occasion, missing_facts
from tests.builders import NOW, PERIOD_END

SOFT = LimitRule()
AT_THE_LIMIT = Crossing(
    "calls", NOW, 100, 1000, 1000, "pro", "shop_v1", NOW, PERIOD_END, grace_ends_at=NOW + timedelta(days=7)
)


def plan(code: str, price: int, calls: int | None, **more: Any) -> Plan:
    return Plan(code, code.title(), {Interval.MONTH: Money(price, "usd")}, entitlements={"calls": calls}, **more)


def shop(*plans: Plan, rule: LimitRule = SOFT, version: int = 1) -> Catalog:
    calls = Feature("calls", "API calls", FeatureKind.NUMBER, window=UsageWindow.MONTH, meter="calls", limit=rule)
    return Catalog("shop", version, "usd", {one.code: one for one in plans}, {}, None, {"calls": calls})


PRO = plan("pro", 4900, 1000)


def told(rule: LimitRule = SOFT, overage: Overage | None = None, **changes: Any) -> dict[str, str]:
    """What is stated in addition to the basic facts."""
    sold = shop(plan("pro", 4900, 1000, overage={"calls": overage} if overage else {}), rule=rule)
    mail = usage_mail(replace(AT_THE_LIMIT, **changes), sold, sold)
    assert mail is not None
    assert mail.facts.pop("has_larger_plan") == "no"
    assert missing_facts(mail.occasion, mail.facts) == []
    bare = {"plan", "plan_name", "currency", "meter_name", "used", "limit", "percent", "resets_at"}
    return {name: value for name, value in mail.facts.items() if name not in bare}


def test_at_the_limit_grace_has_an_end_and_a_ceiling() -> None:
    assert told() == {"grace_ends_at": "2026-03-09T12:00:00Z", "ceiling": "1100"}


@pytest.mark.parametrize("after", [timedelta(0), timedelta(days=4)])
def test_grace_that_outlasts_the_period_has_a_ceiling_and_no_end_of_its_own(after: timedelta) -> None:
    assert told(grace_ends_at=PERIOD_END + after) == {"ceiling": "1100"}


def test_before_the_limit_grace_has_a_length_and_no_end_yet() -> None:
    assert told(threshold=90, used=900) == {"grace_days": "7"}


@pytest.mark.parametrize(
    ("rule", "changes"),
    [
        pytest.param(HARD, {}, id="there is no grace"),
        pytest.param(LimitRule(), {"used": 1100, "threshold": 110}, id="all of it is used"),
        pytest.param(LimitRule(), {"included": 3, "used": 3}, id="a tenth of so little is nothing"),
        pytest.param(LimitRule(), {"grace_ends_at": NOW}, id="it is over"),
    ],
)
def test_nothing_is_promised_beyond_the_limit_where(rule: LimitRule, changes: dict[str, Any]) -> None:
    assert told(rule, **changes) == {}


def test_where_nothing_is_ever_refused_it_says_so() -> None:
    assert told(LimitRule(hard=None)) == {"beyond_limit": "free"}


def test_overage_states_its_price_and_is_not_billed_in_a_trial() -> None:
    overage = Overage(Money(100, "usd"), units=1000)

    billed = {"beyond_limit": "billed", "overage_amount": "100", "overage_units": "1000"}
    assert told(overage=overage, is_billed=True) == billed
    assert told(overage=overage, is_billed=False) == told()


@pytest.mark.parametrize(
    ("today", "has_one"),
    [
        pytest.param(shop(PRO), "no", id="it is the only one"),
        pytest.param(shop(PRO, plan("scale", 9900, 5000)), "yes", id="a dearer one has more"),
        pytest.param(shop(PRO, plan("scale", 9900, None)), "yes", id="a dearer one has no limit"),
        pytest.param(shop(PRO, plan("safe", 9900, 1000)), "no", id="a dearer one has as much"),
        pytest.param(shop(PRO, plan("old", 900, 5000)), "no", id="a cheaper one has more"),
        pytest.param(shop(plan("pro", 4900, 1000, upgrades_to=()), plan("scale", 9900, 5000)), "no", id="no way up"),
        pytest.param(shop(plan("pro", 4900, 2000), version=2), "no", id="only this one has more than it had"),
        pytest.param(shop(plan("scale", 9900, 5000), version=2), "yes", id="this one is sold no more"),
    ],
)
def test_a_larger_plan_is_one_that_this_plan_leads_to_and_that_has_more(today: Catalog, has_one: str) -> None:
    mail = usage_mail(AT_THE_LIMIT, shop(PRO, plan("scale", 9900, 5000)), today)

    assert mail is not None
    assert mail.facts["has_larger_plan"] == has_one


def test_the_key_names_feature_period_share_and_limit() -> None:
    keys = {
        replace(AT_THE_LIMIT, **changes).key
        for changes in ({}, {"used": 1007}, {"threshold": 90}, {"included": 2000}, {"period_start": PERIOD_END})
    }

    assert len(keys) == 4, "only how much was used makes no difference"
    assert AT_THE_LIMIT.key.startswith(Occasion.USAGE_LIMIT)
    assert (feature_of(AT_THE_LIMIT.key), threshold_of(AT_THE_LIMIT.key)) == ("calls", "100")
