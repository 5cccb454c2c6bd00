"""What `tenure deployment` prints, and what it refuses before it asks Temporal."""

from datetime import UTC, datetime

import pytest

from services.worker_deployments import DeploymentStatus, RunningWorkers, Version, VersionState
from tenure.cli.deployments import in_words
from tests.tenure.conftest import Terminal

SINCE = datetime(2026, 3, 1, 12, 30, tzinfo=UTC)


def test_versions_are_listed_with_what_they_get_and_whether_their_workers_run() -> None:
    versions = [
        Version("C", VersionState.RAMPING, SINCE),
        Version("B", VersionState.CURRENT, SINCE),
        Version("A", VersionState.DRAINING, SINCE),
    ]
    running = RunningWorkers(frozenset({"B", "C"}), has_unversioned=False)

    assert in_words(DeploymentStatus(versions, 12.5), running) == [
        "BUILD  STATE           SINCE             WORKERS",
        "C      ramping 12.5 %  2026-03-01 12:30  running",
        "B      current         2026-03-01 12:30  running",
        "A      draining        2026-03-01 12:30  none",
    ]


def test_it_is_said_who_gets_the_work_while_no_version_is_current() -> None:
    nobody = RunningWorkers(frozenset(), has_unversioned=True)
    waiting = DeploymentStatus([Version("A", VersionState.INACTIVE, SINCE)])

    assert in_words(DeploymentStatus(), nobody) == ["no worker of this deployment has been started yet"]
    assert in_words(waiting, nobody)[-1] == "no version is current: workers without versions get the work"


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("ramp", "120", "B"), "a share is 0 to 100 percent, not 120"),
        (("set-current", "B", "--unversioned"), "name a build or --unversioned, not both"),
        (("status",), "TENURE_DEPLOYMENT is missing: the name of the deployment that the workers' versions are of"),
    ],
    ids=["share", "both", "no deployment"],
)
async def test_what_makes_no_sense_is_refused(terminal: Terminal, words: tuple[str, ...], said: str) -> None:
    refused = await terminal.run("deployment", *words)

    assert refused.status == 1
    assert said in refused.err
