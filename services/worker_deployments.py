"""The versions of the workers, and to which of them Temporal gives work.

Each release of the workers is a version of one deployment. New workflows start on the current version; a share of
them on the ramping one, if there is one.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from typing import Final, NoReturn

from google.protobuf.timestamp_pb2 import Timestamp
from temporalio.api.deployment.v1 import WorkerDeploymentInfo
from temporalio.api.deployment.v1 import WorkerDeploymentVersion as VersionMessage
from temporalio.api.enums.v1 import TaskQueueType, WorkerDeploymentVersionStatus, WorkerVersioningMode
from temporalio.api.taskqueue.v1 import PollerInfo, TaskQueue
from temporalio.api.workflowservice.v1 import (
    DescribeTaskQueueRequest,
    DescribeWorkerDeploymentRequest,
    DescribeWorkerDeploymentVersionRequest,
    SetWorkerDeploymentCurrentVersionRequest,
    SetWorkerDeploymentRampingVersionRequest,
)
from temporalio.client import Client
from temporalio.service import RPCError, RPCStatusCode

from domain.errors import GatewayUnavailable, Rejected
from domain.names import EVENTS_QUEUE, LIFECYCLE_QUEUE, MAIL_QUEUE, PAYMENTS_QUEUE, RECORDS_QUEUE

QUEUES: Final = {
    LIFECYCLE_QUEUE: TaskQueueType.TASK_QUEUE_TYPE_WORKFLOW,
    PAYMENTS_QUEUE: TaskQueueType.TASK_QUEUE_TYPE_ACTIVITY,
    MAIL_QUEUE: TaskQueueType.TASK_QUEUE_TYPE_ACTIVITY,
    EVENTS_QUEUE: TaskQueueType.TASK_QUEUE_TYPE_ACTIVITY,
    RECORDS_QUEUE: TaskQueueType.TASK_QUEUE_TYPE_ACTIVITY,
}
"""The task queues that a worker's process polls, and what for."""
_REFUSALS: Final = frozenset({RPCStatusCode.FAILED_PRECONDITION, RPCStatusCode.INVALID_ARGUMENT})


class VersionState(StrEnum):
    """What work a version gets."""

    CURRENT = "current"
    RAMPING = "ramping"
    DRAINING = "draining"
    """No new workflows: those that began on it still run there."""
    DRAINED = "drained"
    """Its workers can be stopped."""
    INACTIVE = "inactive"
    """It has not had any work yet."""


_STATES: Final = {
    WorkerDeploymentVersionStatus.WORKER_DEPLOYMENT_VERSION_STATUS_CURRENT: VersionState.CURRENT,
    WorkerDeploymentVersionStatus.WORKER_DEPLOYMENT_VERSION_STATUS_RAMPING: VersionState.RAMPING,
    WorkerDeploymentVersionStatus.WORKER_DEPLOYMENT_VERSION_STATUS_DRAINING: VersionState.DRAINING,
    WorkerDeploymentVersionStatus.WORKER_DEPLOYMENT_VERSION_STATUS_DRAINED: VersionState.DRAINED,
}


@dataclass(frozen=True)
class Version:
    """A release of the workers that has polled at least once."""

    build_id: str
    state: VersionState
    since: datetime
    """When it got into this state; of an inactive one: when Temporal first heard of it."""


@dataclass(frozen=True)
class VersionId:
    """A version of any deployment."""

    deployment: str
    build_id: str

    @classmethod
    def of(cls, message: VersionMessage) -> "VersionId | None":
        """None for the message that names no version."""
        return cls(message.deployment_name, message.build_id) if message.build_id else None


@dataclass(frozen=True)
class DeploymentStatus:
    """A deployment with its versions."""

    versions: Sequence[Version] = ()
    """Newest first."""
    ramping_percentage: float = 0.0
    """Of new workflows, and of subscriptions, that the ramping version gets."""

    @property
    def current(self) -> str:
        """The current version's build; empty if there is none: then workers without versions get new work."""
        return self._in_state(VersionState.CURRENT)

    @property
    def ramping(self) -> str:
        """The ramping version's build; empty if there is none."""
        return self._in_state(VersionState.RAMPING)

    def _in_state(self, state: VersionState) -> str:
        return next((one.build_id for one in self.versions if one.state is state), "")


@dataclass(frozen=True)
class RunningWorkers:
    """Which workers have polled for workflow tasks within the last minutes."""

    builds: frozenset[str]
    """Of the deployment."""
    has_unversioned: bool
    """There are workers without versions as well."""
    serving: VersionId | None = None
    """The version that new workflows go to, of whichever deployment; None: to workers without versions."""


class WorkerDeployments:
    """Reads and changes one deployment."""

    def __init__(self, client: Client, name: str) -> None:
        self._client, self._name = client, name

    async def status(self) -> DeploymentStatus:
        """Return the deployment; without versions if none of its workers has ever polled.

        Raises:
            GatewayUnavailable: Temporal does not respond.
        """
        request = DescribeWorkerDeploymentRequest(namespace=self._client.namespace, deployment_name=self._name)
        try:
            found = await self._client.workflow_service.describe_worker_deployment(request, retry=True)
        except RPCError as error:
            if error.status is RPCStatusCode.NOT_FOUND:
                return DeploymentStatus()
            _unavailable(error)
        return _status(found.worker_deployment_info)

    async def running(self) -> RunningWorkers:
        """Return whose workers are running.

        Raises:
            GatewayUnavailable: Temporal does not respond.
        """
        request = DescribeTaskQueueRequest(
            namespace=self._client.namespace,
            task_queue=TaskQueue(name=LIFECYCLE_QUEUE),
            task_queue_type=TaskQueueType.TASK_QUEUE_TYPE_WORKFLOW,
        )
        try:
            found = await self._client.workflow_service.describe_task_queue(request, retry=True)
        except RPCError as error:
            _unavailable(error)
        ours = [one for one in found.pollers if _is_versioned(one)]
        builds = {
            one.deployment_options.build_id for one in ours if one.deployment_options.deployment_name == self._name
        }
        serving = VersionId.of(found.versioning_info.current_deployment_version)
        return RunningWorkers(frozenset(builds), len(ours) < len(found.pollers), serving)

    async def missing_queues(self, build_id: str) -> list[str]:
        """Return the task queues that no worker of a version polls yet, as far as Temporal has heard.

        Raises:
            GatewayUnavailable: Temporal does not respond.
        """
        request = DescribeWorkerDeploymentVersionRequest(
            namespace=self._client.namespace,
            deployment_version=VersionMessage(deployment_name=self._name, build_id=build_id),
        )
        try:
            found = await self._client.workflow_service.describe_worker_deployment_version(request, retry=True)
        except RPCError as error:
            if error.status is RPCStatusCode.NOT_FOUND:
                return sorted(QUEUES)
            _unavailable(error)
        polled = {queue.name for queue in found.worker_deployment_version_info.task_queue_infos}
        return sorted(QUEUES.keys() - polled)

    async def set_current(self, build_id: str) -> None:
        """Give new workflows, and all subscriptions, to this version; empty: to workers without versions.

        Raises:
            Rejected: it has no workers, or another client manages the deployment.
            GatewayUnavailable: Temporal does not respond.
        """
        if build_id:
            await self._check_polled(build_id)
        request = SetWorkerDeploymentCurrentVersionRequest(
            namespace=self._client.namespace,
            deployment_name=self._name,
            build_id=build_id,
            # Without a version there are no queues that could be checked.
            ignore_missing_task_queues=not build_id,
            identity=self._client.identity,
        )
        try:
            await self._client.workflow_service.set_worker_deployment_current_version(request, retry=True)
        except RPCError as error:
            self._refused(error)

    async def ramp(self, build_id: str, percentage: float) -> None:
        """Give this share, in percent, of new workflows and of subscriptions to this version; 0: none.

        Raises:
            Rejected: as for `set_current`.
            GatewayUnavailable: Temporal does not respond.
        """
        await self._check_polled(build_id)
        request = SetWorkerDeploymentRampingVersionRequest(
            namespace=self._client.namespace,
            deployment_name=self._name,
            build_id=build_id if percentage else "",
            percentage=percentage,
            identity=self._client.identity,
        )
        try:
            await self._client.workflow_service.set_worker_deployment_ramping_version(request, retry=True)
        except RPCError as error:
            self._refused(error)

    async def _check_polled(self, build_id: str) -> None:
        missing = await self.missing_queues(build_id)
        if missing:
            raise Rejected(
                f"no worker of build {build_id} polls {', '.join(missing)} yet:"
                f" start `tenure worker` with TENURE_DEPLOYMENT={self._name} and TENURE_BUILD_ID={build_id}"
            )

    def _refused(self, error: RPCError) -> NoReturn:
        if error.status is RPCStatusCode.NOT_FOUND:
            raise Rejected(f"Temporal knows no deployment {self._name} with this version: {error.message}") from error
        if error.status in _REFUSALS:
            raise Rejected(f"Temporal refuses: {error.message}") from error
        _unavailable(error)


def _status(found: WorkerDeploymentInfo) -> DeploymentStatus:
    versions = [
        Version(
            one.deployment_version.build_id,
            _STATES.get(one.status, VersionState.INACTIVE),
            _moment(one.routing_update_time if one.HasField("routing_update_time") else one.create_time),
        )
        for one in sorted(found.version_summaries, key=lambda one: one.create_time.ToNanoseconds(), reverse=True)
    ]
    return DeploymentStatus(versions, found.routing_config.ramping_version_percentage)


def _moment(stamp: Timestamp) -> datetime:
    return stamp.ToDatetime(UTC)


def _is_versioned(poller: PollerInfo) -> bool:
    return poller.deployment_options.worker_versioning_mode == WorkerVersioningMode.WORKER_VERSIONING_MODE_VERSIONED


def _unavailable(error: RPCError) -> NoReturn:
    raise GatewayUnavailable(f"Temporal does not tell about the workers' versions: {error.message}") from error
