"""What breaks an invariant is noticed."""

from dataclasses import dataclass
from typing import Any

import pytest

from bench.outage import Came, Endured
from tests.chaos import report
from tests.chaos.group import Outcome
from tests.chaos.invariants import gaps, untold
from tests.chaos.playing import Plan

DAY = 86_400


def a_bill(start: int, days: int = 30) -> dict[str, Any]:
    line = {
        "period": {"start": start * DAY, "end": (start + days) * DAY},
        "parent": {"subscription_item_details": {"proration": False}},
    }
    return {"id": f"in_{start}", "created": start * DAY, "number": None, "lines": {"data": [line]}}


@dataclass(frozen=True)
class Told:
    sequence: int
    type: str = ""
    kind: str = ""
    invoice: str = ""
    times: int = 1


def test_a_period_that_nobody_pays_for_is_a_gap() -> None:
    assert list(gaps([a_bill(0), a_bill(30)], {"renewed"})) == []
    [found] = gaps([a_bill(0), a_bill(60)], {"renewed"})
    assert found.startswith("in_60 is for a time from")


def test_a_subscription_that_was_paused_may_have_gaps() -> None:
    assert list(gaps([a_bill(0), a_bill(60)], {"renewed", "paused"})) == []


def test_a_step_without_its_event_is_noticed() -> None:
    journal = [Told(2, kind="converted")]
    assert list(untold(journal, [Told(2, "subscription.activated")])) == []
    assert list(untold(journal, [Told(1, "subscription.activated")])) == [
        "step 2, converted, has no event subscription.activated"
    ]


def test_an_event_that_is_there_twice_is_noticed() -> None:
    [twice] = untold([], [Told(2, "subscription.paused", times=2)])
    assert twice == "event subscription.paused of step 2 was written 2 times"
    [again] = untold([], [Told(2, "invoice.paid", invoice="in_1"), Told(3, "invoice.paid", invoice="in_1")])
    assert again == "invoice.paid of in_1 was told 2 times"


@pytest.mark.parametrize(
    "fault", [{"charges_lost": 1}, {"charges_doubled": 1}, {"mails_lost": 1}, {"mails_doubled": 1}, {"wrong": ["x"]}]
)
def test_whatever_is_lost_doubled_or_different_breaks_an_outcome(fault: dict[str, Any]) -> None:
    assert Outcome("API killed", **fault).is_broken
    assert not Outcome("API killed", copies=1, healed=1).is_broken


def test_the_page_has_a_row_for_each_fault_tried_or_not() -> None:
    outcomes = [
        Outcome("API killed", lives=8, events=40, repeats=2, caught_up=2.0),
        Outcome("disk full", skipped="no root"),
    ]
    page = report.written(outcomes, Plan(8, 60), an_outage(mails_lost=1), report.Run(["--lives", "8"], 1.0, 300))

    assert "| API killed | 8 | 0 / 0 | 0 / 0 | 40 (2) | 0 | 0 | 2.0 s |" in page
    assert "| disk full | not tried: no root |" in page
    assert '`make chaos ARGS="--lives 8"`, in 5.0 min' in page
    assert "4 subscriptions have something due" in page
    assert "| trials | 1 | 0 / 0 | 1 / 0 | 0 |" in page


@pytest.mark.parametrize("what", ["charges_lost", "charges_doubled", "mails_lost", "mails_doubled", "left"])
def test_an_outage_in_which_anything_is_lost_or_doubled_is_broken(what: str) -> None:
    assert not an_outage().is_broken
    assert an_outage(**{what: 1}).is_broken


def an_outage(**wrong: int) -> Endured:
    return Endured([Came("renewals", 3), Came("trials", 1, **wrong)], 2.0)
