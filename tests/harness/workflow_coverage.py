"""A run of all workflow tests fails when an action, a command or a refusal of a subscription was met by none of them.

What is met is recorded as it happens (`tests/workflows/world/observed.py`), never by the name of a test.
"""

import ast
from pathlib import Path
from typing import Any, Final

import pytest

from tests.harness.whole_run import is_whole

TOLD = "what workflow tests have met"
MET = pytest.StashKey["WorkflowCoverage"]()
FOLDER = "tests/workflows"
UNREACHED: Final = {
    "transition_rejected": "checked earlier by guards that know more",
    "provider_unavailable": "a preview whose activity fails without the provider's own error",
    "resumed_period": "only histories of an earlier release lead there",
}
"""Refusals that no command meets today, and why."""

ROOT = Path(__file__).parents[2]
REFUSING = ("domain/subscription", "workflows/subscription")


def wanted() -> set[tuple[str, str]]:
    """Everything that is to be met: `action`, `command` or `refusal`, and which."""
    # Most runs, and most processes of a run, need none of these.
    from temporalio import workflow  # noqa: PLC0415

    from domain.subscription.agenda import Action  # noqa: PLC0415
    from workflows.subscription.workflow import SubscriptionWorkflow  # noqa: PLC0415

    definition = workflow._Definition.must_from_class(SubscriptionWorkflow)
    found = {("action", action.value) for action in Action} | {("command", str(name)) for name in definition.updates}
    return found | {("refusal", code) for code in codes() - UNREACHED.keys()}


def codes() -> set[str]:
    """The codes of errors that the rules and commands of a subscription raise."""
    modules = (module for folder in REFUSING for module in sorted((ROOT / folder).glob("*.py")))
    calls = (
        node for module in modules for node in ast.walk(ast.parse(module.read_text())) if isinstance(node, ast.Call)
    )
    given = (word.value for call in calls for word in call.keywords if word.arg == "code")
    return {str(value.value) for value in given if isinstance(value, ast.Constant)}


class WorkflowCoverage:
    """What the tests of a run have met; a plugin of that run."""

    def __init__(self, config: pytest.Config) -> None:
        self._config = config
        self.met: set[tuple[str, str]] = set()
        self._missing: list[tuple[str, str]] = []

    @pytest.hookimpl(optionalhook=True)
    def pytest_testnodedown(self, node: Any) -> None:
        """A process of the run is done: what it has met counts."""
        self.met |= {(of, which) for of, which in getattr(node, "workeroutput", {}).get(TOLD, [])}

    def pytest_sessionfinish(self, session: pytest.Session, exitstatus: int) -> None:
        if hasattr(self._config, "workeroutput"):
            self._config.workeroutput[TOLD] = sorted(self.met)
        elif exitstatus == pytest.ExitCode.OK and is_whole(self._config, FOLDER):
            self._missing = sorted(wanted() - self.met)
            if self._missing:
                session.exitstatus = pytest.ExitCode.TESTS_FAILED

    def pytest_terminal_summary(self, terminalreporter: Any) -> None:
        for of, which in self._missing:
            terminalreporter.write_line(f"No workflow test meets this {of}: {which}", red=True)


def configure(config: pytest.Config) -> None:
    config.stash[MET] = WorkflowCoverage(config)
    config.pluginmanager.register(config.stash[MET])
