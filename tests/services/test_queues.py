"""What is shown of the task queues while Temporal does not respond."""

import asyncio
import json
from pathlib import Path
from typing import Any, cast

import pytest
from temporalio.client import Client
from temporalio.service import RPCError, RPCStatusCode

from services import system
from services.system import Queues
from services.worker_deployments import QUEUES


class AnsweringClient:
    """A Temporal client whose calls all fail, or never end."""

    namespace = "default"

    def __init__(self, error: Exception | None) -> None:
        self._error = error
        self.workflow_service = self

    async def describe_task_queue(self, _request: object) -> None:
        if self._error is not None:
            raise self._error
        await asyncio.Event().wait()


@pytest.mark.parametrize(
    "error",
    [None, RPCError("away", RPCStatusCode.UNAVAILABLE, b""), RuntimeError("not connected")],
    ids=["hangs", "away", "not-connected"],
)
async def test_queues_are_not_known_while_temporal_is_away(
    error: Exception | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(system, "WITHIN", system.WITHIN / 100)
    found = await Queues(cast("Client", cast("Any", AnsweringClient(error)))).all()
    assert [(queue.name, queue.is_known, queue.backlog) for queue in found] == [
        (name, False, None) for name in ("lifecycle", "payments", "mail", "events", "records")
    ]


def test_every_queue_that_a_worker_polls_is_watched() -> None:
    names = json.loads((Path(__file__).parents[1] / "contracts" / "wire_names.json").read_text(encoding="utf-8"))
    polled = {activity["queue"] for activity in names["temporal"]["activities"].values()}

    assert polled == set(QUEUES)
