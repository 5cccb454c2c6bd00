"""A run of all tests fails when one of the gateway's calls was made by none of them.

The processes of a run tell theirs to the one that they belong to. A run of some tests proves nothing about the others:
only one of all of them is judged.
"""

from contextlib import ExitStack
from typing import Any

import pytest

from tests.harness.stripe_call_sites import Line, never_called, noted
from tests.harness.whole_run import is_whole
from tests.harness.wire_record import SEEN

TOLD = "lines that call Stripe"
LINES = pytest.StashKey[set[Line]]()
MISSING = pytest.StashKey[list[str]]()


@pytest.hookimpl(tryfirst=True)
def pytest_sessionstart(session: pytest.Session) -> None:
    lines: set[Line] = set()
    session.config.stash[LINES] = lines
    until_the_end = ExitStack()
    until_the_end.enter_context(noted(lines, session.config.stash[SEEN].called))
    session.config.add_cleanup(until_the_end.close)


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node: Any) -> None:
    """A process of the run is done: what it has come by counts."""
    told = getattr(node, "workeroutput", {}).get(TOLD, [])
    node.config.stash[LINES].update((module, line) for module, line in told)


def pytest_sessionfinish(session: pytest.Session, exitstatus: int) -> None:
    config = session.config
    if hasattr(config, "workeroutput"):
        lines = config.stash[LINES]
        config.workeroutput[TOLD] = sorted(lines)
    elif exitstatus == pytest.ExitCode.OK and is_whole(config):
        lines = config.stash[LINES]
        config.stash[MISSING] = [str(site) for site in never_called(lines)]
        if config.stash[MISSING]:
            session.exitstatus = pytest.ExitCode.TESTS_FAILED


def pytest_terminal_summary(terminalreporter: Any, config: pytest.Config) -> None:
    for site in config.stash.get(MISSING, []):
        terminalreporter.write_line(f"No test makes this call of Stripe's: {site}", red=True)
