"""What is gone by without asking, for how long, and while Tenure is away."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from tenure.client import (
    FeatureNotInPlan,
    LimitReached,
    NoPlan,
    Options,
    PlanRequired,
    SubscriptionRequired,
    Unauthorized,
    Unavailable,
)
from tenure.client.core import advance
from tenure.client.gating import require_active_subscription, require_feature, require_plan
from tenure.client.memory import MAX_ENTRIES
from tenure.client.plan_operations import plans
from tenure.client.subscription_operations import change_plan
from tenure.client.usage_operations import check, consume, entitlements, standing
from tests.client import steps
from tests.client.steps import GONE, Other, answer, entitlement, problem

CHANGED = {"id": "s1", "customer": {"external_id": "ada"}, "plan": "starter", "status": "active", "access": "full"}
SOLD = {
    "product": "suite",
    "version": 1,
    "currency": "usd",
    "data": [
        {"code": "free", "name": "Free", "prices": {}},
        {"code": "starter", "name": "Starter", "prices": {"month": {"amount": 2900, "currency": "usd"}}},
        {"code": "pro", "name": "Pro", "prices": {"year": {"amount": 79000, "currency": "usd"}}},
        {"code": "enterprise", "name": "Enterprise", "prices": {"month": {"amount": 19900, "currency": "usd"}}},
    ],
}


def knowing(options: Options | None = None) -> Other:
    """Ada's ai_inbox was asked for just now."""
    other = Other(options or Options())
    other.carry_out(check(other.core, "ada", "ai_inbox"), answer(entitlement()))
    return other


def test_a_switch_is_asked_for_once_in_five_seconds() -> None:
    other = knowing()

    other.now += 4.9
    assert other.carry_out(check(other.core, "ada", "ai_inbox")).allowed
    other.now += 0.2

    assert not other.carry_out(check(other.core, "ada", "ai_inbox"), answer(entitlement(allowed=False))).allowed
    assert not other.carry_out(check(other.core, "ada", "ai_inbox")).allowed


def test_each_value_customer_and_feature_is_a_question_of_its_own() -> None:
    other = knowing()

    for customer, feature, value in (("bob", "ai_inbox", None), ("ada", "models", "dalle3"), ("ada", "models", "grok")):
        other.carry_out(check(other.core, customer, feature, value=value), answer(entitlement(feature)))

    assert other.sent[2].query == {"value": "dalle3"}


def test_counters_are_never_remembered() -> None:
    other = Other()
    counted = entitlement("images", kind="number", window="month", used=4, limit=5)

    other.carry_out(check(other.core, "ada", "images"), answer(counted))
    other.carry_out(entitlements(other.core, "ada"), answer(steps.standing(entitlements={"images": counted})))

    assert other.carry_out(check(other.core, "ada", "images"), answer(counted | {"used": 5})).used == 5
    with pytest.raises(Unavailable):
        other.carry_out(check(other.core, "ada", "images"), *[GONE] * 4)


def test_no_staleness_asks_each_time() -> None:
    other = knowing(Options(staleness=0))

    assert not other.carry_out(check(other.core, "ada", "ai_inbox"), answer(entitlement(allowed=False))).allowed


def test_one_look_at_all_entitlements_answers_the_checks_that_follow() -> None:
    other = Other()
    both = {"ai_inbox": entitlement(), "crm": entitlement("crm", allowed=False)}

    other.carry_out(entitlements(other.core, "ada"), answer(steps.standing(entitlements=both)))

    assert other.carry_out(check(other.core, "ada", "ai_inbox")).customer == "ada"
    assert not other.carry_out(check(other.core, "ada", "crm")).allowed
    assert other.carry_out(standing(other.core, "ada")).plan is not None


def test_what_is_invalidated_is_asked_for_anew() -> None:
    other = knowing()
    other.carry_out(check(other.core, "bob", "ai_inbox"), answer(entitlement()))

    other.core.memory.forget("ada")

    assert not other.carry_out(check(other.core, "ada", "ai_inbox"), answer(entitlement(allowed=False))).allowed
    other.carry_out(check(other.core, "bob", "ai_inbox"))
    other.core.memory.forget()
    other.carry_out(check(other.core, "bob", "ai_inbox"), answer(entitlement()))


def test_an_answer_from_before_an_invalidation_is_not_remembered_after_it() -> None:
    other = Other()
    under_way = check(other.core, "ada", "ai_inbox")
    advance(under_way, None)

    other.core.memory.forget("ada")
    advance(under_way, answer(entitlement()))

    assert not other.carry_out(check(other.core, "ada", "ai_inbox"), answer(entitlement(allowed=False))).allowed


def test_who_changes_a_plan_sees_it_at_once() -> None:
    other = knowing()

    other.carry_out(change_plan(other.core, "s1", plan="starter"), answer(CHANGED))

    assert not other.carry_out(check(other.core, "ada", "ai_inbox"), answer(entitlement(allowed=False))).allowed


def test_the_customers_who_were_asked_for_longest_ago_are_forgotten_first() -> None:
    other = knowing()
    for number in range(MAX_ENTRIES):
        other.core.memory.keep(f"user-{number}", "standing", "any", other.core.memory.asking())

    assert other.core.memory.recall("ada", ("ai_inbox", None, None)) is None
    assert other.core.memory.recall("user-0", "standing") is not None


# ── While Tenure is away ──


def test_what_was_known_is_gone_by_for_a_minute() -> None:
    other = knowing()

    other.now += 30
    found = other.carry_out(check(other.core, "ada", "ai_inbox"), GONE)

    assert (found.allowed, found.stale) == (True, True)
    assert other.within[-1] <= 1
    assert other.waited == []


def test_tenure_is_left_alone_for_a_while_when_it_did_not_answer() -> None:
    other = knowing()
    other.now += 30
    other.carry_out(check(other.core, "ada", "ai_inbox"), GONE)

    other.now += 4.9
    assert other.carry_out(check(other.core, "ada", "ai_inbox")).stale
    other.now += 0.2

    assert not other.carry_out(check(other.core, "ada", "ai_inbox"), answer(entitlement())).stale


def test_after_that_minute_nothing_is_let_pass_any_more() -> None:
    other = knowing()
    for seconds in (20, 40):
        other.now += seconds
        other.carry_out(check(other.core, "ada", "ai_inbox"), GONE)
    other.now += 5.1

    with pytest.raises(Unavailable):
        other.carry_out(check(other.core, "ada", "ai_inbox"), *[GONE] * 4)


def test_a_refusal_is_remembered_as_well_as_a_permission() -> None:
    other = Other()
    other.carry_out(check(other.core, "ada", "crm"), answer(entitlement("crm", allowed=False)))

    other.now += 30

    assert not other.carry_out(check(other.core, "ada", "crm"), answer({}, 503)).allowed


def test_a_key_that_was_revoked_is_no_outage() -> None:
    other = knowing()

    other.now += 30

    with pytest.raises(Unauthorized):
        other.carry_out(check(other.core, "ada", "ai_inbox"), problem(401, "unauthorized"))


def test_nothing_is_gone_by_where_the_product_wants_it_so() -> None:
    other = knowing(Options(stale_if_unavailable=0))

    other.now += 5.1

    with pytest.raises(Unavailable):
        other.carry_out(check(other.core, "ada", "ai_inbox"), *[GONE] * 4)


def test_uses_are_never_let_pass_by_what_was_known() -> None:
    other = knowing()

    with pytest.raises(Unavailable):
        other.carry_out(consume(other.core, "ada", "images"), *[GONE] * 4)


# ── Going on, or not ──


def test_a_feature_that_is_not_there_is_refused_with_what_helps() -> None:
    other = Other()
    said = entitlement(
        "models",
        kind="set",
        allowed=False,
        reason="feature_not_in_plan",
        detail="dalle3 is not in Starter",
        plans=[{"code": "enterprise", "name": "Enterprise"}],
        available=["grok2_basic"],
        upgrades=[{"plan": "enterprise", "name": "Enterprise", "amount": 19900}],
    )

    with pytest.raises(FeatureNotInPlan, match="dalle3 is not in Starter") as refusal:
        other.carry_out(require_feature(other.core, "ada", "models", value="dalle3"), answer(said))

    error = refusal.value
    assert (error.status, error.customer, error.feature) == (403, "ada", "models")
    assert ([plan.code for plan in error.plans], error.available) == (["enterprise"], ("grok2_basic",))
    assert [one.amount for one in error.upgrades] == [19900]


def at_the_limit(**more: Any) -> LimitReached:
    other = Other()
    said = entitlement("images", kind="number", allowed=False, reason="limit_reached", detail="used up", **more)
    with pytest.raises(LimitReached) as refusal:
        other.carry_out(require_feature(other.core, "ada", "images"), answer(said))
    return refusal.value


def test_a_limit_is_refused_as_a_use_of_it_would_be() -> None:
    reset = datetime.now(UTC) + timedelta(hours=1)

    wait = at_the_limit(refusal_status=429, retry_at=reset.isoformat())
    pay = at_the_limit(refusal_status=402, retry_at=reset.isoformat())

    assert (wait.status, pay.status, pay.retry_after) == (429, 402, None)
    assert wait.retry_after is not None
    assert 3500 < wait.retry_after <= 3600


def test_a_limit_of_an_older_tenure_or_that_never_resets_is_refused_without_a_time() -> None:
    older = at_the_limit()

    assert (older.status, older.retry_after) == (429, None)


@pytest.mark.parametrize(
    ("own", "at_least", "passes"),
    [
        ("starter", "starter", True),
        ("starter", "pro", False),
        ("pro", "starter", True),
        ("enterprise", "pro", True),
        ("free", "starter", False),
        ("retired", "starter", False),
        ("retired", "retired", True),
    ],
)
def test_at_least_a_plan_goes_by_what_plans_cost(own: str, at_least: str, passes: bool) -> None:
    other = Other()
    replies = [answer(steps.standing(own))] + ([] if own == at_least else [answer(SOLD)])

    if passes:
        other.carry_out(require_plan(other.core, "ada", at_least), *replies)
    else:
        with pytest.raises(PlanRequired):
            other.carry_out(require_plan(other.core, "ada", at_least), *replies)


def test_another_plan_is_asked_for_by_name() -> None:
    other = Other()

    with pytest.raises(PlanRequired, match="this takes Pro or Enterprise") as refusal:
        other.carry_out(require_plan(other.core, "ada", "pro"), answer(steps.standing("starter")), answer(SOLD))

    assert [plan.code for plan in refusal.value.plans] == ["pro", "enterprise"]
    with pytest.raises(PlanRequired, match="this takes Free"):
        other.carry_out(require_plan(other.core, "ada", one_of={"free"}))
    assert other.carry_out(require_plan(other.core, "ada", one_of={"free", "starter"})).plan is not None


def test_who_has_no_plan_is_told_so() -> None:
    other = Other()
    nothing = {"customer": "ada", "plan": None, "basis": "nothing"}

    with pytest.raises(NoPlan):
        other.carry_out(require_plan(other.core, "ada", "pro"), answer(nothing), answer(SOLD))


@pytest.mark.parametrize("status", [None, "suspended", "paused", "canceled"])
@pytest.mark.parametrize("wanted", [{"one_of": {"starter", "pro"}}, {"one_of": {"retired"}}, {"at_least": "free"}])
def test_who_has_no_plan_is_let_in_nowhere(status: str | None, wanted: dict[str, Any]) -> None:
    other = Other()
    subscription = {"id": "s1", "status": status, "access": "none"} if status else None
    nothing = {"customer": "ada", "plan": None, "basis": "nothing", "subscription": subscription}

    with pytest.raises(NoPlan):
        other.carry_out(require_plan(other.core, "ada", **wanted), answer(nothing), answer(SOLD))


def test_which_plan_it_takes_must_be_said_in_one_way() -> None:
    other = Other()
    for at_least, one_of in ((None, ()), ("pro", ("pro",))):
        with pytest.raises(ValueError, match="either at_least or one_of"):
            other.carry_out(require_plan(other.core, "ada", at_least, one_of=one_of))


@pytest.mark.parametrize(
    ("status", "access", "lets_in"),
    [
        ("trialing", "full", True),
        ("active", "full", True),
        ("past_due", "limited", True),
        ("past_due", "none", False),
        ("suspended", "none", False),
        ("paused", "none", False),
        ("canceled", "none", False),
    ],
)
def test_a_subscription_that_runs_lets_in(status: str, access: str, lets_in: bool) -> None:
    other = Other()
    said = answer(steps.standing(subscription={"id": "s1", "status": status, "access": access}))

    if lets_in:
        assert other.carry_out(require_active_subscription(other.core, "ada"), said).is_subscribed
    else:
        with pytest.raises(SubscriptionRequired, match=f"the subscription is {status}") as refusal:
            other.carry_out(require_active_subscription(other.core, "ada"), said)
        assert refusal.value.status == 402


def test_the_free_plan_alone_is_no_subscription() -> None:
    other = Other()

    with pytest.raises(SubscriptionRequired, match="there is no subscription"):
        other.carry_out(
            require_active_subscription(other.core, "ada"), answer(steps.standing("free", subscription=None))
        )


def test_plans_are_remembered_for_a_moment() -> None:
    other = Other()
    known = other.carry_out(plans(other.core), answer(SOLD))

    assert other.carry_out(plans(other.core)) == known
    other.now += 30
    assert other.carry_out(plans(other.core), GONE) == replace(known, stale=True)
    assert known["pro"].name == "Pro"
    with pytest.raises(KeyError):
        _ = known["unknown"]
