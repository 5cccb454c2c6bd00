"""What activities do is measured by what they are given and what they return."""

from datetime import timedelta
from typing import Any

import pytest
from prometheus_client import CollectorRegistry
from temporalio.exceptions import ApplicationError

from activities.events import NOT_DELIVERED
from activities.reconciling import NoteRequest
from activities.renewals import Reading
from domain.provider.payments import AgreementStatus, Charge, ChargeOutcome, Decline, ProviderState
from domain.reconciliation.differences import DifferenceKind, Discrepancy, Outcome
from domain.reconciliation.ports import Found
from domain.reconciliation.runs import RunReport
from domain.subscription.agenda import Action
from domain.subscription.journal import CarriedOut, Cause, Entry, Step
from domain.subscription.renewals import Renewal
from tests.builders import NOW, a_trial
from worker.measuring import ActivityMeter

LATENESS = "tenure_step_lateness_seconds"
RENEWED = Renewal(NOW, NOW + timedelta(days=31), None, "in_1", "renewed")


class Readings:
    """A meter at one moment, and what it shows."""

    def __init__(self) -> None:
        self._registry = CollectorRegistry()
        self.meter = ActivityMeter(self._registry, clock=lambda: NOW)

    def of(self, name: str, **labels: str) -> float:
        return self._registry.get_sample_value(name, labels) or 0.0


@pytest.fixture
def readings() -> Readings:
    return Readings()


def a_step(action: Action, late: timedelta, *, is_paced: bool = False) -> Step:
    entry = Entry("trial_ending", NOW, "", Cause.timer(action))
    return Step(a_trial(), (entry,), carries_out=CarriedOut(action, NOW - late, is_paced))


def test_a_step_is_as_late_as_its_action_was_due_before_it_was_committed(readings: Readings) -> None:
    for seconds in (3, 7):
        readings.meter.done("record", [a_step(Action.SEND_REMINDER, timedelta(seconds=seconds))], None)
    readings.meter.done("record", [a_step(Action.CONVERT, timedelta(hours=1), is_paced=True)], None)

    unpaced = {"action": "send_reminder", "paced": "no"}
    assert readings.of(f"{LATENESS}_bucket", le="5.0", **unpaced) == 1
    assert (readings.of(f"{LATENESS}_count", **unpaced), readings.of(f"{LATENESS}_sum", **unpaced)) == (2, 10)
    assert readings.of(f"{LATENESS}_sum", action="convert", paced="yes") == 3600
    assert readings.of("tenure_steps_total", cause="timer") == 3
    assert readings.of("tenure_journal_entries_total", kind="trial_ending") == 3


def test_a_clock_that_is_ahead_is_not_late(readings: Readings) -> None:
    readings.meter.done("record", [a_step(Action.SEND_REMINDER, timedelta(days=-9))], None)
    assert readings.of(f"{LATENESS}_sum", action="send_reminder", paced="no") == 0


def test_a_step_that_carries_out_nothing_has_no_lateness(readings: Readings) -> None:
    readings.meter.done("record", [Step(a_trial())], None)
    assert readings.of(f"{LATENESS}_count", action="send_reminder", paced="no") == 0


@pytest.mark.parametrize(
    ("name", "result"), [("renew", Reading(RENEWED)), ("close_renewal", RENEWED)], ids=["recorded", "found recorded"]
)
def test_a_renewal_that_was_recorded_where_it_was_read_is_a_step(readings: Readings, name: str, result: Any) -> None:
    readings.meter.done(name, ["what was asked for"], result)

    assert readings.of("tenure_steps_total", cause="webhook") == 1
    assert readings.of("tenure_journal_entries_total", kind="renewed") == 1


@pytest.mark.parametrize("result", [Reading(), Reading(state=ProviderState(None, AgreementStatus.LIVE)), None])
def test_a_renewal_that_is_left_to_the_workflow_is_none_yet(readings: Readings, result: Any) -> None:
    readings.meter.done("renew", ["what was asked for"], result)

    assert readings.of("tenure_steps_total", cause="webhook") == 0


@pytest.mark.parametrize(
    ("decline", "reason"),
    [
        (Decline("insufficient_funds"), "insufficient_funds"),
        (Decline("lost_card"), "hard"),
        (Decline("generic_decline", advice="do_not_try_again"), "hard"),
        (Decline("a_code_of_tomorrow"), "soft"),
        (Decline("authentication_required"), "needs_confirmation"),
        (Decline("no_card"), "no_card"),
    ],
    ids=lambda given: given if isinstance(given, str) else given.code,
)
def test_declines_are_counted_by_reason_and_not_by_the_providers_code(
    readings: Readings, decline: Decline, reason: str
) -> None:
    readings.meter.done("collect", [], Charge(ChargeOutcome.DECLINED, decline=decline))

    assert readings.of("tenure_charges_total", outcome="declined") == 1
    assert readings.of("tenure_declines_total", reason=reason) == 1


def test_a_payment_is_a_charge_and_no_decline(readings: Readings) -> None:
    readings.meter.done("begin", [], Charge(ChargeOutcome.PAID))
    assert readings.of("tenure_charges_total", outcome="paid") == 1


@pytest.mark.parametrize("outcome", ["sent", "refused", "given up", "not needed"])
def test_mails_are_counted_by_what_came_of_them(readings: Readings, outcome: str) -> None:
    readings.meter.done("deliver", ["id"], outcome)
    assert readings.of("tenure_mails_total", outcome=outcome.replace(" ", "_")) == 1


def test_deliveries_of_events_are_counted_with_the_attempts_that_failed(readings: Readings) -> None:
    readings.meter.failed(ApplicationError("503", type=NOT_DELIVERED))
    readings.meter.failed(ApplicationError("the database is away", type="database_unavailable"))
    readings.meter.done("deliver_event", ["delivery"], "delivered")

    assert readings.of("tenure_event_deliveries_total", outcome="not_delivered") == 1
    assert readings.of("tenure_event_deliveries_total", outcome="delivered") == 1
    assert readings.of("tenure_event_deliveries_total", outcome="database_unavailable") == 0


def test_differences_are_counted_by_kind_and_outcome(readings: Readings) -> None:
    found = Found(Discrepancy(DifferenceKind.BLOCKED, ""), Outcome.FAILED)
    readings.meter.done("note_findings", [NoteRequest("run", (found, found))], None)
    assert readings.of("tenure_reconciliation_differences_total", kind="blocked", outcome="failed") == 2


@pytest.mark.parametrize(
    ("report", "outcome"),
    [
        (RunReport("run", NOW, heals=True), "complete"),
        (RunReport("run", NOW, heals=True, not_compared="Stripe does not respond"), "incomplete"),
        (RunReport("run", NOW, heals=True, not_heard="Stripe does not respond"), "incomplete"),
    ],
)
def test_a_reconciliation_that_could_not_look_at_everything_is_incomplete(
    readings: Readings, report: RunReport, outcome: str
) -> None:
    readings.meter.done("note_reconciliation", [report], None)
    assert readings.of("tenure_reconciliation_runs_total", outcome=outcome) == 1


@pytest.mark.parametrize("arguments", [(), ("something", "else")])
def test_what_is_of_no_interest_is_not_counted(readings: Readings, arguments: tuple[Any, ...]) -> None:
    readings.meter.done("sweep", arguments, None)
    assert readings.of("tenure_steps_total", cause="timer") == 0
