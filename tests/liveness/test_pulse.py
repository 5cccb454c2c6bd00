"""A server is asked whether it is alive when a call takes long, and only a silent one is lost."""

import asyncio
from collections.abc import AsyncIterator

import pytest

from liveness import pulse
from liveness.pulse import NotAnswering, Patience, Pulse
from tests.harness.patience import until


class Server:
    """One that answers, or not."""

    def __init__(self) -> None:
        self.answers = asyncio.Event()
        self.answers.set()
        self.asked = 0
        self.error: Exception | None = None

    async def ask(self) -> None:
        self.asked += 1
        if self.error is not None:
            raise self.error
        await self.answers.wait()


@pytest.fixture
def server() -> Server:
    return Server()


@pytest.fixture
async def watched(server: Server) -> AsyncIterator[Pulse]:
    yield Pulse("the server", server.ask, Patience(0.01, 0.02, between_questions=0.01))
    server.answers.set()
    server.error = None


def given_up(watched: Pulse) -> asyncio.Event:
    """A call that takes long; the event is set when it is given up."""
    ended = asyncio.Event()

    def give_up() -> None:
        ended.set()
        watched.end(call)

    call = watched.begin(give_up)
    return ended


async def test_a_slow_call_to_a_server_that_answers_goes_on(server: Server, watched: Pulse) -> None:
    ended = given_up(watched)
    await until(lambda: server.asked)
    watched.check()
    assert not ended.is_set()


async def test_nobody_is_asked_while_calls_are_fast(server: Server, watched: Pulse) -> None:
    for _ in range(100):
        watched.end(watched.begin(lambda: pytest.fail("it was fast")))
    await asyncio.sleep(2 * pulse.TICK)
    assert server.asked == 0


@pytest.mark.parametrize("error", [None, OSError("refused")], ids=["silent", "refusing"])
async def test_calls_that_wait_for_a_lost_server_are_given_up_and_new_ones_refused_until_it_answers(
    server: Server, watched: Pulse, error: Exception | None
) -> None:
    server.answers.clear()
    server.error = error
    calls = [given_up(watched), given_up(watched)]

    async with asyncio.timeout(60):
        await asyncio.gather(*(call.wait() for call in calls))
    with pytest.raises(NotAnswering, match="the server does not answer"):
        watched.check()

    server.error = None
    server.answers.set()
    await until(lambda: not watched.is_lost)
    watched.check()


async def test_a_lost_server_is_forgotten_when_nobody_asks_for_it_and_the_next_caller_finds_out(
    server: Server, watched: Pulse, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pulse, "FORGOTTEN_AFTER", 0.0)
    server.answers.clear()
    async with asyncio.timeout(60):
        await given_up(watched).wait()
    await until(lambda: not watched.is_lost)
    asked = server.asked

    watched.check()
    async with asyncio.timeout(60):
        await given_up(watched).wait()

    assert server.asked > asked


async def test_a_server_of_which_nobody_wants_to_know_any_more_is_not_asked(server: Server, watched: Pulse) -> None:
    server.answers.clear()
    watched.begin(lambda: None)
    await until(lambda: watched.is_lost)

    watched.forget()

    await until(lambda: not watched.is_lost)
    asked = server.asked
    await asyncio.sleep(2 * pulse.TICK)
    assert server.asked == asked
