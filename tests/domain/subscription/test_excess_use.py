"""Usage that exceeds a smaller plan: what the journal and the mail say about it."""

import json
from dataclasses import replace

import pytest

from domain.catalog.plans import Interval
from domain.entitlements.downgrade_fit import LimitConflict, limit_conflicts
from domain.entitlements.grants import Granted
from domain.entitlements.usage import Counter
from domain.notifications.mail_types import Occasion
from domain.subscription import plan_changes
from domain.subscription.excess_use import counts, with_excess
from domain.subscription.journal import FitCheck, Step
from domain.subscription.policy import DEFAULT_POLICY
from tests.builders import CAUSE, FREE, NOW, PERIOD_END, PRO, a_paid_charge, a_paid_subscription, a_trial
from tests.harness.shop import CATALOG

SUBSCRIPTION = a_paid_subscription()


def too_much(**used: int) -> list[LimitConflict]:
    """More of each than the 3 that there would be."""
    had = {code: Granted(CATALOG.features[code], None) for code in used}
    has = {code: Granted(CATALOG.features[code], 3) for code in used}
    counters = [Counter(code, None, None, number, number, None, None) for code, number in used.items()]
    return list(limit_conflicts(had, has, counters, at_once=True))


STEPS = {
    "planned": plan_changes.change_scheduled(SUBSCRIPTION, PRO, NOW, CAUSE),
    "begun": plan_changes.change_begins(SUBSCRIPTION, PRO, PERIOD_END, CAUSE),
    "at once": plan_changes.changed(a_trial(), PRO, NOW, CAUSE),
    "at cost": plan_changes.changed_at_cost(SUBSCRIPTION, PRO, a_paid_charge("in_7"), DEFAULT_POLICY, NOW, CAUSE),
    "to the free plan": plan_changes.moved_to_free(SUBSCRIPTION, FREE, PERIOD_END, CAUSE),
}


@pytest.mark.parametrize("step", STEPS.values(), ids=STEPS)
def test_every_change_mentions_what_does_not_fit(step: Step) -> None:
    told = with_excess(step, too_much(seats=9, storage=1200))

    *before, entry = told.entries
    assert tuple(before) == step.entries
    assert (entry.kind, entry.cause, entry.at) == ("usage_exceeds_plan", CAUSE, step.entries[-1].at)
    assert entry.details == {"seats": "9 of 3", "storage": "1,200 of 3"}
    assert entry.summary.endswith("Seats: 9 of 3; Storage in GB: 1,200 of 3")
    [mail] = [mail for mail in told.mails if mail.occasion is not Occasion.RECEIPT]
    assert json.loads(mail.facts["excess"]) == [["Seats", 9, 3], ["Storage in GB", 1200, 3]]


def test_a_receipt_that_goes_along_says_nothing_of_it() -> None:
    told = with_excess(STEPS["at cost"], too_much(seats=9))

    assert ["excess" in mail.facts for mail in told.mails if mail.occasion is Occasion.RECEIPT] == [False]


def test_what_is_planned_would_exceed_and_what_has_begun_exceeds() -> None:
    planned, begun = (with_excess(STEPS[name], too_much(seats=9)).entries[-1] for name in ("planned", "begun"))

    assert planned.summary == "Current usage would exceed Professional: Seats: 9 of 3"
    assert begun.summary == "Current usage exceeds Professional: Seats: 9 of 3"


@pytest.mark.parametrize("step", STEPS.values(), ids=STEPS)
def test_where_all_of_it_fits_nothing_is_said(step: Step) -> None:
    assert with_excess(step, []) == step


def test_each_change_is_compared_with_current_usage() -> None:
    for name, step in STEPS.items():
        assert step.fit is not None
        assert step.fit.before == (a_trial() if name == "at once" else SUBSCRIPTION).selection
        assert step.fit.after == (FREE if name == "to the free plan" else PRO)
        assert step.fit.is_ahead == (name == "planned")


def test_usage_of_a_billing_period_ends_when_another_begins() -> None:
    [jobs], [runs] = too_much(jobs=9), too_much(runs=9)
    goes_on = FitCheck(SUBSCRIPTION.selection, PRO)

    assert counts(goes_on, jobs)
    assert not counts(replace(goes_on, begins_period=True), jobs)
    assert counts(replace(goes_on, begins_period=True), runs), "a month of the calendar goes on"


def test_another_interval_begins_a_period() -> None:
    yearly = replace(PRO, interval=Interval.YEAR)
    fits = [plan_changes.changed(SUBSCRIPTION, to, NOW, CAUSE).fit for to in (PRO, yearly)]

    assert [fit.begins_period for fit in fits if fit is not None] == [False, True]
