"""What a step moves of the recurring revenue."""

from collections import defaultdict
from dataclasses import replace

import pytest
from hypothesis import given

from domain.catalog.plans import Interval
from domain.revenue.amounts import annual, paused_annual
from domain.revenue.movements import Movement, MovementKind, movements
from domain.subscription.ends import EndKind
from domain.subscription.lifecycle import Status
from domain.subscription.state import Pause, Subscription, SuspensionKind
from tests.builders import (
    FREE,
    NOW,
    PRO,
    a_free_subscription,
    a_paid_subscription,
    a_past_due_subscription,
    a_paused_subscription,
    a_suspended_subscription,
    a_trial,
)
from tests.domain.revenue.walks import lives

STARTER, PROFESSIONAL = 12 * 4900, 12 * 19900
PAID = a_paid_subscription()
CANCELED = a_paid_subscription(status=Status.CANCELED, end_kind=EndKind.CUSTOMER, reason_code="unused")


def deltas(found: tuple[Movement, ...]) -> list[tuple[str, int]]:
    return [(each.kind.value, each.delta) for each in found]


@pytest.mark.parametrize(
    ("subscription", "amount"),
    [
        pytest.param(PAID, STARTER, id="by-the-month"),
        pytest.param(a_paid_subscription(interval=Interval.YEAR, amount=49000), 49000, id="by-the-year"),
        pytest.param(a_past_due_subscription(), STARTER, id="past-due"),
        pytest.param(a_paid_subscription(cancel_at=NOW), STARTER, id="about-to-end"),
        pytest.param(a_paused_subscription(), 0, id="paused"),
        pytest.param(a_paused_subscription(pause=Pause(NOW, counts=True)), STARTER, id="paused-and-counts"),
        pytest.param(a_trial(), 0, id="trial"),
        pytest.param(a_free_subscription(), 0, id="free"),
        pytest.param(a_suspended_subscription(), 0, id="suspended"),
        pytest.param(a_suspended_subscription(SuspensionKind.OPERATOR), 0, id="held"),
        pytest.param(CANCELED, 0, id="canceled"),
        pytest.param(None, 0, id="none"),
    ],
)
def test_what_a_subscription_is_worth_a_year(subscription: Subscription | None, amount: int) -> None:
    assert annual(subscription) == amount


@pytest.mark.parametrize(
    ("before", "after", "had_paid", "moved"),
    [
        pytest.param(a_trial(), PAID, False, [("new", STARTER)], id="first-payment"),
        pytest.param(a_trial(), PAID, True, [("reactivation", STARTER)], id="former-customer"),
        pytest.param(None, PAID, False, [("opening", STARTER)], id="taken-over"),
        pytest.param(None, a_trial(), False, [], id="trial-begins"),
        pytest.param(a_trial(), a_past_due_subscription(), False, [("new", STARTER)], id="declined-conversion"),
        pytest.param(PAID, PAID, True, [], id="renewal"),
        pytest.param(PAID, PAID.choosing(PRO), True, [("expansion", PROFESSIONAL - STARTER)], id="upgrade"),
        pytest.param(PAID.choosing(PRO), PAID, True, [("contraction", STARTER - PROFESSIONAL)], id="downgrade"),
        pytest.param(PAID, replace(PAID, plan="twin"), True, [("switch", 0)], id="other-plan-same-amount"),
        pytest.param(PAID, replace(PAID, quantity=2, amount=9800), True, [("expansion", STARTER)], id="quantity"),
        pytest.param(PAID, CANCELED, True, [("churn", -STARTER)], id="end"),
        pytest.param(PAID, PAID.choosing(FREE), True, [("churn", -STARTER)], id="to-the-free-plan"),
        pytest.param(a_free_subscription(), PAID, False, [("new", STARTER)], id="from-the-free-plan"),
        pytest.param(PAID, a_suspended_subscription(), True, [("churn", -STARTER)], id="nonpayment"),
        pytest.param(a_suspended_subscription(), PAID, True, [("reactivation", STARTER)], id="suspended-pays"),
        pytest.param(PAID, a_paused_subscription(), True, [("pause", -STARTER)], id="pause"),
        pytest.param(a_paused_subscription(), a_paused_subscription(), True, [], id="pause-goes-on"),
        pytest.param(a_paused_subscription(), PAID, True, [("resume", STARTER)], id="resume"),
        pytest.param(
            a_paused_subscription(),
            PAID.choosing(PRO),
            True,
            [("resume", STARTER), ("expansion", PROFESSIONAL - STARTER)],
            id="resume-with-another-plan",
        ),
        pytest.param(
            a_paused_subscription(), CANCELED, True, [("resume", STARTER), ("churn", -STARTER)], id="end-while-paused"
        ),
        pytest.param(
            a_suspended_subscription(SuspensionKind.OPERATOR, pause=Pause(NOW)),
            a_paused_subscription(),
            True,
            [("reactivation", STARTER), ("pause", -STARTER)],
            id="returned-to-its-pause",
        ),
        pytest.param(
            a_paused_subscription(pause=Pause(NOW, counts=True)), CANCELED, True, [("churn", -STARTER)], id="it-counted"
        ),
        pytest.param(CANCELED, CANCELED, True, [], id="refund-after-the-end"),
        pytest.param(
            PAID,
            replace(PAID, currency="eur"),
            True,
            [("contraction", -STARTER), ("expansion", STARTER)],
            id="currency",
        ),
    ],
)
def test_a_step_moves(
    before: Subscription | None, after: Subscription, had_paid: bool, moved: list[tuple[str, int]]
) -> None:
    assert deltas(movements(before, after, had_paid_before=had_paid)) == moved


@pytest.mark.parametrize(
    ("before", "after", "kind"),
    [
        (PAID, CANCELED, EndKind.CUSTOMER),
        (a_past_due_subscription(), a_suspended_subscription(), EndKind.NONPAYMENT),
        (PAID, a_suspended_subscription(SuspensionKind.OPERATOR), EndKind.OPERATOR),
        (a_paused_subscription(), a_suspended_subscription(SuspensionKind.OPERATOR), EndKind.OPERATOR),
        (PAID, PAID.choosing(FREE), EndKind.CUSTOMER),
        (PAID, replace(CANCELED, end_kind=EndKind.PROVIDER), EndKind.PROVIDER),
        (PAID, replace(CANCELED, end_kind=None), None),
    ],
)
def test_a_churn_says_why(before: Subscription, after: Subscription, kind: EndKind | None) -> None:
    [*_, churn] = movements(before, after)
    assert (churn.kind, churn.end_kind, churn.reason_code) == (MovementKind.CHURN, kind, after.reason_code)


def test_a_movement_names_the_plan_that_is_paid_for_or_was_left_and_the_one_before() -> None:
    [upgrade] = movements(PAID, PAID.choosing(PRO))
    [churn] = movements(PAID.choosing(PRO), PAID.choosing(FREE))
    [begin] = movements(a_trial(), PAID)
    assert (upgrade.of.plan, upgrade.from_plan) == ("professional", "starter")
    assert (churn.of.plan, churn.from_plan) == ("professional", "professional")
    assert (begin.of.plan, begin.from_plan) == ("starter", "")


@given(lives())
def test_the_movements_of_any_life_add_up_to_what_it_is_worth(customer: list[list[Subscription]]) -> None:
    had_paid, kinds = False, []
    for life in customer:
        before, total = None, 0
        for after in life:
            found = movements(before, after, had_paid_before=had_paid)
            assert len(found) <= 2
            total += sum(each.delta for each in found)
            assert total == annual(after)
            assert all(each.delta or each.kind is MovementKind.SWITCH for each in found)
            if found and found[0].kind in (MovementKind.NEW, MovementKind.REACTIVATION):
                assert before is not None
            had_paid = had_paid or any(each.after > 0 for each in found)
            kinds += [each.kind for each in found]
            # The same step again finds itself stored.
            assert movements(after, after, had_paid_before=had_paid) == ()
            before = after
    assert kinds.count(MovementKind.NEW) <= 1


@given(lives())
def test_the_movements_of_any_life_add_up_plan_by_plan(customer: list[list[Subscription]]) -> None:
    for life in customer:
        worth: dict[str, int] = defaultdict(int)
        for before, after in zip([None, *life], life, strict=False):
            for each in movements(before, after):
                worth[each.from_plan] -= each.before
                worth[each.of.plan] += each.after
            expected = {after.plan: annual(after)}
            assert {plan: amount for plan, amount in worth.items() if amount} == {
                plan: amount for plan, amount in expected.items() if amount
            }


@given(lives())
def test_what_pauses_take_out_is_what_is_paused(customer: list[list[Subscription]]) -> None:
    for life in customer:
        taken_out = 0
        for before, after in zip([None, *life], life, strict=False):
            for each in movements(before, after):
                taken_out -= each.delta if each.kind in (MovementKind.PAUSE, MovementKind.RESUME) else 0
            assert taken_out == paused_annual(after)
