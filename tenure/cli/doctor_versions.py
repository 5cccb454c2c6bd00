"""What `tenure doctor` says about the versions of the workers."""

from temporalio.client import Client

from configuration.settings import VersionSettings
from domain.errors import GatewayUnavailable
from services.worker_deployments import DeploymentStatus, RunningWorkers, VersionState, WorkerDeployments


async def examine_versions(client: Client, settings: VersionSettings) -> str:
    """Return which versions get the work.

    Raises:
        GatewayUnavailable: there is work that no worker gets.
    """
    deployment = WorkerDeployments(client, settings.deployment or "")
    running = await deployment.running()
    if settings.deployment is None:
        return _without_versions(running)
    return _with_versions(await deployment.status(), running)


def _without_versions(running: RunningWorkers) -> str:
    if running.serving is not None:
        raise GatewayUnavailable(
            f"build {running.serving.build_id} of deployment {running.serving.deployment} is current, so workers"
            " without versions get no new work: set TENURE_DEPLOYMENT, or `tenure deployment set-current --unversioned`"
        )
    return "without versions"


def _with_versions(found: DeploymentStatus, running: RunningWorkers) -> str:
    if not found.current and not running.has_unversioned:
        raise GatewayUnavailable("no version is current, so nothing runs: `tenure deployment set-current`")
    if found.current and found.current not in running.builds:
        raise GatewayUnavailable(f"build {found.current} is current, but none of its workers runs: start one")
    for one in found.versions:
        if one.state is VersionState.DRAINING and one.build_id not in running.builds:
            raise GatewayUnavailable(
                f"workflows that began on build {one.build_id} still run there, but none of its workers runs: start one"
            )
    said = [f"build {found.current} current" if found.current else "work goes to workers without versions"]
    if found.ramping:
        said.append(f"build {found.ramping} gets {found.ramping_percentage:g} %")
    said += [f"build {one.build_id} draining" for one in found.versions if one.state is VersionState.DRAINING]
    return ", ".join(said)
