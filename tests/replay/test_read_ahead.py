"""A query replays events after the last workflow task: a workflow must not act on them yet."""

import json
from typing import Any

import pytest
from temporalio.client import WorkflowHistory
from temporalio.worker import Replayer

from services.payload_codec import converter_with
from tests.replay.record import HISTORIES
from tests.replay.test_kept_histories import broken_off
from worker.build import WORKFLOWS, workflow_runner
from workflows.subscription.main_loop import ReadAheadError

EVENTS: list[dict[str, Any]] = json.loads((HISTORIES / "expired-1-subscription.json").read_text())["events"]
FIRED = [number for number, event in enumerate(EVENTS) if event["eventType"] == "EVENT_TYPE_TIMER_FIRED"]


@pytest.mark.parametrize("fired", FIRED)
async def test_a_fired_timer_is_left_to_the_workflow_task_that_carries_the_time(
    fired: int, caplog: pytest.LogCaptureFixture
) -> None:
    scheduled, started = fired + 2, fired + 3
    assert EVENTS[started - 1]["eventType"] == "EVENT_TYPE_WORKFLOW_TASK_STARTED"
    replayer = Replayer(workflows=WORKFLOWS, workflow_runner=workflow_runner(), data_converter=converter_with(()))

    await replayer.replay_workflow(WorkflowHistory.from_json("kept/queried", {"events": EVENTS[:scheduled]}))
    assert broken_off(caplog) == [ReadAheadError.__name__]

    caplog.clear()
    await replayer.replay_workflow(WorkflowHistory.from_json("kept/goes-on", {"events": EVENTS[:started]}))
    assert broken_off(caplog) == []
