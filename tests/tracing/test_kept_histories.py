"""Traces may be switched on while workflows run: what was written without them replays with them, and sends nothing."""

from collections.abc import Sequence
from pathlib import Path

import pytest
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from temporalio.api.enums.v1 import EventType
from temporalio.client import WorkflowHistory
from temporalio.worker import Replayer, UnsandboxedWorkflowRunner, WorkflowRunner

from services.payload_codec import converter_with
from tests.replay.test_kept_histories import KEPT_FILES, broken_off
from tracing.open_telemetry import OpenTelemetrySpans
from worker.build import WORKFLOWS, workflow_runner
from worker.traced_work import TracedWork

UNDER_WAY = (EventType.EVENT_TYPE_WORKFLOW_TASK_SCHEDULED, EventType.EVENT_TYPE_WORKFLOW_TASK_STARTED)
"""A history that ends with one of these goes on with what was never done, which is no replay."""


ONE_OF_EACH_KIND = {file.stem.rsplit("-", 1)[1]: file for file in KEPT_FILES}


@pytest.mark.parametrize(
    ("files", "runner"),
    [
        pytest.param(KEPT_FILES, UnsandboxedWorkflowRunner(), id="all"),
        # As a worker runs them, which takes three times as long.
        pytest.param(list(ONE_OF_EACH_KIND.values()), workflow_runner(), id="one of each kind, in the sandbox"),
    ],
)
async def test_kept_histories_replay_with_traces_on(
    files: Sequence[Path], runner: WorkflowRunner, caplog: pytest.LogCaptureFixture
) -> None:
    sent = InMemorySpanExporter()
    spans = OpenTelemetrySpans(SimpleSpanProcessor(sent), "replays")
    replayer = Replayer(
        workflows=WORKFLOWS,
        workflow_runner=runner,
        data_converter=converter_with(()),
        interceptors=[TracedWork(spans)],
    )

    for file in files:
        history = WorkflowHistory.from_json(f"kept/{file.stem}", file.read_text())
        await replayer.replay_workflow(history)
        if history.events[-1].event_type in UNDER_WAY:
            sent.clear()
        assert [one.name for one in sent.get_finished_spans()] == [], file.stem

    assert broken_off(caplog) == []
