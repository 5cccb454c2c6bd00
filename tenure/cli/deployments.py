"""`tenure deployment`: which version of the workers gets the work."""

import asyncio
from dataclasses import asdict
from datetime import timedelta
from json import dumps
from typing import Annotated, Final

from cyclopts import Parameter

from configuration.loading import Process, load_settings
from configuration.settings import DeploymentSettings
from domain.errors import Rejected
from domain.formatting import moment
from services.worker_deployments import DeploymentStatus, RunningWorkers, Version, VersionState, WorkerDeployments
from tenure.cli.connections import temporal
from tenure.cli.options import AsJson
from tenure.cli.tables import aligned

WORKERS_START_WITHIN: Final = timedelta(minutes=1)
LOOK_EVERY: Final = timedelta(seconds=1)

Build = Annotated[str, Parameter(help="the version's build; by default TENURE_BUILD_ID")]


def status(*, as_json: AsJson = False) -> None:
    """List the versions of the workers, newest first, with what work each gets.

    Parameters
    ----------
    as_json
        Print JSON instead of text.
    """
    found, running = asyncio.run(_status())
    if as_json:
        print(dumps([_as_json(one, running) for one in found.versions], indent=2))
        return
    print("\n".join(in_words(found, running)))


def set_current(
    build: Build = "",
    /,
    *,
    unversioned: Annotated[bool, Parameter(help="give the work back to workers without versions", negative="")] = False,
) -> None:
    """Give new workflows and all subscriptions to a version; its workers have a minute to start. Safe to repeat."""
    if build and unversioned:
        raise Rejected("name a build or --unversioned, not both")
    made = asyncio.run(_set_current(build, unversioned=unversioned))
    print(f"build {made} is current" if made else "no version is current: workers without versions get the work")


def ramp(percentage: Annotated[float, Parameter(help="0 to 100; 0: no more")], build: Build = "", /) -> None:
    """Give a share of new workflows and of subscriptions to a version, before it is made current."""
    if not 0 <= percentage <= 100:
        raise Rejected(f"a share is 0 to 100 percent, not {percentage:g}")
    ramped = asyncio.run(_ramp(percentage, build))
    print(f"build {ramped} gets {percentage:g} %")


def in_words(found: DeploymentStatus, running: RunningWorkers) -> list[str]:
    """Return the lines that `status` prints."""
    if not found.versions:
        return ["no worker of this deployment has been started yet"]
    rows = []
    for one in found.versions:
        share = f" {found.ramping_percentage:g} %" if one.state is VersionState.RAMPING else ""
        works = "running" if one.build_id in running.builds else "none"
        rows.append((one.build_id, f"{one.state}{share}", f"{one.since:%Y-%m-%d %H:%M}", works))
    lines = aligned(("BUILD", "STATE", "SINCE", "WORKERS"), rows)
    if not found.current:
        lines = [*lines, "no version is current: workers without versions get the work"]
    return [*lines]


def _as_json(version: Version, running: RunningWorkers) -> dict[str, object]:
    return asdict(version) | {"since": moment(version.since), "has_workers": version.build_id in running.builds}


async def _status() -> tuple[DeploymentStatus, RunningWorkers]:
    settings = load_settings(Process.DEPLOYMENT)
    deployment = await _deployment(settings)
    return await deployment.status(), await deployment.running()


async def _set_current(build: str, *, unversioned: bool) -> str:
    settings = load_settings(Process.DEPLOYMENT)
    deployment = await _deployment(settings)
    wanted = "" if unversioned else _build(build, settings)
    if wanted:
        await _started(deployment, wanted)
    await deployment.set_current(wanted)
    return wanted


async def _ramp(percentage: float, build: str) -> str:
    settings = load_settings(Process.DEPLOYMENT)
    wanted = _build(build, settings)
    deployment = await _deployment(settings)
    await _started(deployment, wanted)
    await deployment.ramp(wanted, percentage)
    return wanted


async def _deployment(settings: DeploymentSettings) -> WorkerDeployments:
    return WorkerDeployments(await temporal(settings), settings.deployment)


def _build(named: str, settings: DeploymentSettings) -> str:
    build = named or settings.build_id
    if not build:
        raise Rejected("name the build, or set TENURE_BUILD_ID")
    return build


async def _started(deployment: WorkerDeployments, build: str) -> None:
    """Give workers that are starting some time; if they do not come, what follows says so."""
    for _ in range(WORKERS_START_WITHIN // LOOK_EVERY):
        if not await deployment.missing_queues(build):
            return
        await asyncio.sleep(LOOK_EVERY.total_seconds())
