"""A past is lived to its end also where the servers are busy."""

import pytest
from temporalio.exceptions import ApplicationError

from activities.failures import as_failure
from domain.errors import GatewayForbidden, GatewayUnavailable, TenureError
from sandbox.crowd import past_life, past_workflow
from sandbox.crowd.past_life import patiently
from sandbox.crowd.past_workflow import tried


class Busy:
    """A server that answers the third question."""

    asked = 0

    async def ask(self) -> str:
        self.asked += 1
        if self.asked < 3:
            raise GatewayUnavailable("not now")
        return "here you are"


async def test_a_server_that_is_busy_is_asked_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(past_life, "PAUSE", 0.0)
    assert await patiently(Busy().ask) == "here you are"


async def test_a_server_that_never_answers_is_told_of(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(past_life, "PAUSE", 0.0)
    monkeypatch.setattr(past_life, "TRIES", 2)
    busy = Busy()
    with pytest.raises(GatewayUnavailable, match="not now"):
        await patiently(busy.ask)
    assert busy.asked == 2


@pytest.mark.parametrize(
    ("error", "attempts"), [(GatewayForbidden("no such key"), 1), (GatewayUnavailable("not now"), 3)]
)
async def test_a_step_is_tried_again_only_where_that_may_help(
    error: TenureError, attempts: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(past_workflow, "FIRST_PAUSE", 0.0)
    monkeypatch.setattr(past_workflow, "ATTEMPTS", 3)
    made = []

    async def step() -> None:
        made.append(error)
        raise as_failure(error)

    with pytest.raises(ApplicationError, match=error.message):
        await tried(step, ())
    assert len(made) == attempts
