"""A past is lived to its end also where the servers are busy."""

import pytest

from domain.errors import GatewayUnavailable
from sandbox.crowd import past_life
from sandbox.crowd.past_life import patiently


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
