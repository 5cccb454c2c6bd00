"""What a worker with a version does once it has started: it waits for its turn."""

import asyncio
from datetime import timedelta
from typing import Final

import structlog
from temporalio.client import Client
from temporalio.common import WorkerDeploymentVersion

from domain.errors import TenureError
from services.worker_deployments import DeploymentStatus, WorkerDeployments
from worker.registry import keep_schedules

LOOK_EVERY: Final = timedelta(seconds=5)

log = structlog.get_logger("tenure")


class Turn:
    """Keeps the Schedules as this release has them, from the moment on at which its version is the current one.

    Earlier they could start workflows that the current version does not know. The first version of a deployment makes
    itself current where no other worker runs: otherwise everything would wait, sign-ups included.
    """

    def __init__(self, client: Client, version: WorkerDeploymentVersion) -> None:
        self._client, self._build_id = client, version.build_id
        self._deployment = WorkerDeployments(client, version.deployment_name)
        self._waits_for: str | None = None

    async def wait(self) -> None:
        """Return once the version is current and its Schedules are kept."""
        while not await self._has_come():  # noqa: ASYNC110 - Temporal sends no notification
            await asyncio.sleep(LOOK_EVERY.total_seconds())
        log.info("version is current", build_id=self._build_id)

    async def _has_come(self) -> bool:
        try:
            status = await self._deployment.status()
            if status.current == self._build_id:
                await keep_schedules(self._client)
                return True
            if not status.current and not status.ramping and await self._is_alone():
                await self._deployment.set_current(self._build_id)
            else:
                self._tell(status)
        except TenureError as error:  # Temporal is away, or has not heard of all queues yet: the next look sees
            log.debug("version is not current yet", build_id=self._build_id, reason=error.message)
        return False

    async def _is_alone(self) -> bool:
        return not (await self._deployment.running()).has_unversioned

    def _tell(self, status: DeploymentStatus) -> None:
        if self._waits_for != status.current:
            self._waits_for = status.current
            log.info("version waits to be made current", build_id=self._build_id, current=status.current or "none")
