"""The workers and the task queues, as Temporal sees them."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final

from temporalio.api.taskqueue.v1 import PollerInfo, TaskQueue, TaskQueueVersioningInfo
from temporalio.api.workflowservice.v1 import DescribeTaskQueueRequest
from temporalio.client import Client
from temporalio.service import RPCError

from services.worker_deployments import QUEUES, VersionId

WITHIN: Final = timedelta(seconds=2)
"""How long Temporal may take to tell about a queue."""


@dataclass(frozen=True)
class Poller:
    """A worker that has asked a queue for work within the last minutes."""

    identity: str
    """Its process and machine."""
    build: str
    """The build that it runs, such as a release or a digest of its code; empty: Temporal does not say."""
    last_seen: datetime
    deployment: str = ""
    """The deployment that the build is a version of; empty: the worker has no version."""
    rate: float = 0.0
    """Tasks a second that it wants the queue to hand out; a very high one if it has no limit."""


@dataclass(frozen=True)
class Backlog:
    """Tasks that no worker has taken yet."""

    tasks: int
    age: timedelta
    """Of the oldest."""


@dataclass(frozen=True)
class Routing:
    """The versions that new work goes to."""

    current: VersionId | None = None
    """None: to workers without versions."""
    ramping: VersionId | None = None
    ramping_percentage: float = 0.0


@dataclass(frozen=True)
class QueueStatus:
    """A task queue."""

    name: str
    is_known: bool
    """False: Temporal does not respond."""
    pollers: Sequence[Poller] = ()
    backlog: Backlog | None = None
    routing: Routing = Routing()
    rate: float = 0.0
    """Tasks a second that the queue hands out: as set by the worker that polled last, or in Temporal."""


class Queues:
    """Reads the task queues."""

    def __init__(self, client: Client) -> None:
        self._client = client

    async def all(self) -> list[QueueStatus]:
        """All of them; what Temporal does not tell in time is not known."""
        return list(await asyncio.gather(*(self.one(name) for name in QUEUES)))

    async def one(self, name: str) -> QueueStatus:
        """One of them; not known if Temporal does not tell in time."""
        request = DescribeTaskQueueRequest(
            namespace=self._client.namespace,
            task_queue=TaskQueue(name=name),
            task_queue_type=QUEUES[name],
            report_stats=True,
        )
        try:
            async with asyncio.timeout(WITHIN.total_seconds()):
                found = await self._client.workflow_service.describe_task_queue(request)
        except (TimeoutError, RPCError, RuntimeError):  # RuntimeError: the client has not connected yet
            return QueueStatus(name, is_known=False)
        age = found.stats.approximate_backlog_age.ToTimedelta()
        pollers = sorted(map(_poller, found.pollers), key=lambda poller: poller.identity)
        backlog = Backlog(found.stats.approximate_backlog_count, age)
        rate = found.effective_rate_limit.requests_per_second
        return QueueStatus(name, True, pollers, backlog, _routing(found.versioning_info), rate)


def _poller(found: PollerInfo) -> Poller:
    build = found.deployment_options.build_id or found.worker_version_capabilities.build_id
    deployment = found.deployment_options.deployment_name
    seen = found.last_access_time.ToDatetime(UTC)
    return Poller(found.identity, build, seen, deployment, found.rate_per_second)


def _routing(found: TaskQueueVersioningInfo) -> Routing:
    current, ramping = found.current_deployment_version, found.ramping_deployment_version
    return Routing(VersionId.of(current), VersionId.of(ramping), found.ramping_version_percentage)
