"""How the parts of the installation are."""

from datetime import datetime

from fastapi import APIRouter
from pydantic import BaseModel, Field

from api.http.auth import InstallationAnalyst
from api.http.dependencies import WithDependencies, WithRepositories
from api.http.openapi import READING
from api.system.status import SystemStatus, system_status
from services.system import QueueStatus, Routing
from storage.catalog.offered import Published

router = APIRouter(prefix="/v1/system", tags=["Operations"])


class WorkerView(BaseModel):
    """A worker that has asked for work within the last minutes."""

    identity: str = Field(description="its process and machine", examples=["4711@worker-1"])
    build: str | None = Field(description="the build that it runs, such as a release or a digest of its code")
    deployment: str | None = Field(
        description="the deployment that the build is a version of; null: the worker has no version"
    )
    last_seen: datetime


class RoutingView(BaseModel):
    """The builds that new work of a queue goes to, where workers have versions."""

    current_build: str | None = Field(description="null: new work goes to workers without versions")
    ramping_build: str | None = Field(description="which gets a share of new work")
    ramping_percentage: float

    @classmethod
    def of(cls, routing: Routing) -> "RoutingView":
        return cls(
            current_build=None if routing.current is None else routing.current.build_id,
            ramping_build=None if routing.ramping is None else routing.ramping.build_id,
            ramping_percentage=routing.ramping_percentage,
        )


class QueueView(BaseModel):
    """A task queue of Temporal."""

    name: str = Field(examples=["payments"])
    is_known: bool = Field(description="false: Temporal does not respond, and the rest says nothing")
    workers: list[WorkerView]
    backlog: int | None = Field(description="tasks that no worker has taken yet, about")
    backlog_age_seconds: float | None = Field(description="of the oldest of them")
    routing: RoutingView

    @classmethod
    def of(cls, status: QueueStatus) -> "QueueView":
        workers = [
            WorkerView(
                identity=one.identity,
                build=one.build or None,
                deployment=one.deployment or None,
                last_seen=one.last_seen,
            )
            for one in status.pollers
        ]
        backlog = status.backlog
        return cls(
            name=status.name,
            is_known=status.is_known,
            workers=workers,
            backlog=None if backlog is None else backlog.tasks,
            backlog_age_seconds=None if backlog is None else round(backlog.age.total_seconds(), 3),
            routing=RoutingView.of(status.routing),
        )


class CatalogInForceView(BaseModel):
    """The catalog in force."""

    name: str = Field(examples=["manufacturing_v1"])
    revision: int = Field(description="grows when it is changed in place")
    published_at: datetime
    in_force_since: datetime | None


class PolicyInForceView(BaseModel):
    """The policy that new subscriptions begin under."""

    version: str
    published_at: datetime | None = Field(description="null if it is not published, or that is not known")


class SystemView(BaseModel):
    """How the parts of the installation are."""

    version: str = Field(description="of the API process that answers")
    database: str = Field(description="`ok`, or what is wrong", examples=["ok"])
    temporal: str = Field(description="`ok`, or what is wrong", examples=["ok", "no response within 0.5 s"])
    queues: list[QueueView]
    catalog: CatalogInForceView | None = Field(description="null if none is in force, or that is not known")
    policy: PolicyInForceView

    @classmethod
    def of(cls, status: SystemStatus) -> "SystemView":
        published_at = None if status.policy is None else status.policy.published_at
        return cls(
            version=status.version,
            database=status.database,
            temporal=status.temporal,
            queues=[QueueView.of(queue) for queue in status.queues],
            catalog=None if status.catalog is None else _catalog(status.catalog),
            policy=PolicyInForceView(version=status.policy_version, published_at=published_at),
        )


def _catalog(published: Published) -> CatalogInForceView:
    return CatalogInForceView(
        name=published.name,
        revision=published.revision,
        published_at=published.published_at,
        in_force_since=published.in_force_since,
    )


@router.get("", operation_id="getSystem", summary="Show how the parts of the installation are", responses=READING)
async def get_system(
    _caller: InstallationAnalyst, dependencies: WithDependencies, repositories: WithRepositories
) -> SystemView:
    """For callers of tenant `default`. The audit says who pushed the catalog or the policy, under its name.

    A part that does not respond is reported as such within three seconds; the status is 200 all the same.
    """
    return SystemView.of(await system_status(dependencies, repositories))
