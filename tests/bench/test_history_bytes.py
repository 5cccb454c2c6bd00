"""Where the bytes of histories are, and what is over the budget."""

from datetime import UTC, datetime, timedelta

from temporalio.api.enums.v1 import EventType
from temporalio.api.history.v1 import HistoryEvent

from bench.history import Budget, Tally
from bench.history_bytes import average_open_bytes, bytes_by_kind, payload_sizes, without_failed_tasks

BEGUN = datetime(2026, 1, 1, tzinfo=UTC)


def an_event(number: int, kind: EventType.ValueType, after: timedelta = timedelta()) -> HistoryEvent:
    event = HistoryEvent(event_id=number, event_type=kind)
    event.event_time.FromDatetime(BEGUN + after)
    return event


def a_run(*days: int) -> list[HistoryEvent]:
    return [an_event(n, EventType.EVENT_TYPE_TIMER_FIRED, timedelta(days=day)) for n, day in enumerate(days, start=1)]


def test_the_open_runs_size_is_weighted_by_time() -> None:
    first, second = a_run(0, 1), a_run(1, 2, 5)
    one = first[0].ByteSize()

    assert average_open_bytes([first]) == one
    assert average_open_bytes([first, second]) == (one * 1 + one * 1 + (one + second[1].ByteSize()) * 3) / 5


def test_no_time_has_no_average() -> None:
    assert average_open_bytes([a_run(0)]) == 0


def test_bytes_are_told_by_kind_and_by_payload() -> None:
    scheduled = an_event(1, EventType.EVENT_TYPE_ACTIVITY_TASK_SCHEDULED)
    scheduled.activity_task_scheduled_event_attributes.activity_type.name = "standing"
    completed = an_event(2, EventType.EVENT_TYPE_ACTIVITY_TASK_COMPLETED)
    completed.activity_task_completed_event_attributes.scheduled_event_id = 1
    payload = completed.activity_task_completed_event_attributes.result.payloads.add(data=b"a result")
    run = [scheduled, completed]

    sizes = payload_sizes([run])

    assert bytes_by_kind([run])["activity task completed"] == completed.ByteSize()
    assert {place: each.total for place, each in sizes.items()} == {
        "activity task completed standing result": payload.ByteSize()
    }


def test_a_workflow_task_that_was_taken_again_does_not_count() -> None:
    run = a_run(0, 1, 2)
    failed = an_event(4, EventType.EVENT_TYPE_WORKFLOW_TASK_FAILED)
    failed.workflow_task_failed_event_attributes.scheduled_event_id = 2
    failed.workflow_task_failed_event_attributes.started_event_id = 3

    assert without_failed_tasks([*run, failed]) == run[:1]


def test_what_is_over_the_budget_is_named() -> None:
    life = Tally()
    life.add(a_run(0, 1, 2))

    assert Budget(events=3, actions=0, open_bytes=1_000).excess(life) == []
    assert Budget(events=2, actions=0, open_bytes=1).excess(life) == [
        "3 events of the subscription's workflow, 2 are allowed",
        f"{round(life.open_bytes):,} bytes of an open run on average, 1 are allowed",
    ]


def test_a_workflow_task_that_only_waited_for_a_local_activity_does_not_count() -> None:
    run = a_run(*[0] * 6)
    for event, kind in zip(run, ["scheduled", "started", "completed"] * 2, strict=True):
        getattr(event, f"workflow_task_{kind}_event_attributes").SetInParent()
    run[2].workflow_task_completed_event_attributes.started_event_id = run[1].event_id

    assert without_failed_tasks(run) == [run[0], run[4], run[5]]

    run[3].event_time.seconds += 1
    assert without_failed_tasks(run) == run
