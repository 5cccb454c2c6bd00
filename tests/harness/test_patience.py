"""Whoever waits for what does not come is told what was waited for, and where."""

import asyncio
import signal
import sys
from pathlib import Path

import pytest

from sandbox.stripe import gates
from sandbox.stripe.gates import Gates
from tests import conftest
from tests.chaos.clocks import executed
from tests.harness import patience, typed
from tests.harness.patience import until
from tests.harness.typed import Forker

DEAF = "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('ready', flush=True); time.sleep(600)"
SOON = 0.05


async def test_what_does_not_come_about_is_told_as_it_is_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(patience, "PATIENT", SOON)
    mails: list[str] = []

    with pytest.raises(TimeoutError, match=r"len\(mails\) == 1.*; the last answer was False"):
        await until(lambda: len(mails) == 1)


@pytest.mark.parametrize(("is_done", "how"), [(False, "came"), (True, "has been executed")])
async def test_a_gate_that_no_call_reaches_says_which_call_it_waits_for(
    monkeypatch: pytest.MonkeyPatch, is_done: bool, how: str
) -> None:
    monkeypatch.setattr(gates, "REACHED_WITHIN", SOON)

    why = f"no call to /v1/subscriptions {how} within 0.05 s"
    with Gates().one("/v1/subscriptions", is_done=is_done) as gate, pytest.raises(TimeoutError, match=why):
        await gate.reached()


async def test_a_test_that_waits_for_ever_is_ended_where_it_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(conftest, "HANGS_AFTER", SOON)

    async def waits_for_ever() -> None:
        await asyncio.Event().wait()

    with pytest.raises(TimeoutError) as caught:
        await conftest._limited(waits_for_ever)()

    assert caught.value.__cause__ is not None
    traceback, names = caught.value.__cause__.__traceback__, []
    while traceback is not None:
        names.append(traceback.tb_frame.f_code.co_name)
        traceback = traceback.tb_next
    assert "waits_for_ever" in names


async def test_a_process_that_does_not_stop_when_it_is_told_to_is_killed_and_named(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    log = tmp_path / "log"
    log.touch()
    process = await executed([sys.executable, "-c", DEAF], tmp_path, {}, log)
    await until(lambda: "ready" in log.read_text())
    monkeypatch.setattr(typed, "PATIENT", SOON)

    with pytest.raises(TimeoutError, match=f"process {process.pid} was told to stop and still ran"):
        await process.stop()

    assert await process.wait() == -signal.SIGKILL


async def test_who_waits_for_a_command_is_told_when_nobody_will_hear_of_it(tmp_path: Path) -> None:
    async with Forker.at_work() as forker:
        starter = forker._process
        starter.send_signal(signal.SIGSTOP)
        asked = asyncio.create_task(forker.start(["--help"], tmp_path, {}, tmp_path / "out", tmp_path / "err"))
        await asyncio.sleep(0)
        starter.kill()
        with pytest.raises(RuntimeError, match="what starts the commands of tests has ended"):
            await asked
