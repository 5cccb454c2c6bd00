"""What is shown of the Schedules while Temporal does not respond, and of one that nobody has made."""

import asyncio
from typing import Any, cast

import pytest
from temporalio.client import Client
from temporalio.service import RPCError, RPCStatusCode

from domain.errors import GatewayUnavailable, Rejected
from services import schedules
from services.schedules import Schedules, ScheduleState, schedule_ids


class AnsweringClient:
    """A Temporal client whose calls all end in the same way."""

    def __init__(self, error: Exception | None = None) -> None:
        self._error = error
        self.id = "reconcile"

    def get_schedule_handle(self, _id: str) -> "AnsweringClient":
        return self

    async def describe(self) -> None:
        if self._error is not None:
            raise self._error
        await asyncio.Event().wait()

    async def list_workflows(self, *_: object, **__: object) -> Any:
        await self.describe()
        yield


def of(client: AnsweringClient) -> Schedules:
    return Schedules(cast("Client", cast("Any", client)))


@pytest.mark.parametrize(
    ("error", "state"),
    [
        (None, ScheduleState.UNKNOWN),
        (RPCError("away", RPCStatusCode.UNAVAILABLE, b""), ScheduleState.UNKNOWN),
        (RuntimeError("not connected"), ScheduleState.UNKNOWN),
        (RPCError("no such schedule", RPCStatusCode.NOT_FOUND, b""), ScheduleState.MISSING),
    ],
    ids=["hangs", "away", "not-connected", "missing"],
)
async def test_what_temporal_does_not_tell_is_said_to_be_unknown(
    error: Exception | None, state: ScheduleState, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(schedules, "WITHIN", schedules.WITHIN / 100)
    found = await of(AnsweringClient(error)).all()
    assert [(one.id, one.state) for one in found] == [(id_, state) for id_ in schedule_ids()]


async def test_an_action_says_what_is_wrong() -> None:
    away = AnsweringClient(RPCError("away", RPCStatusCode.UNAVAILABLE, b""))
    with pytest.raises(GatewayUnavailable) as failure:
        await of(away).trigger("reconcile")
    assert failure.value.code == "temporal_unavailable"
    with pytest.raises(Rejected) as refused:
        await of(away).pause("nightly")
    assert refused.value.code == "unknown_schedule"
