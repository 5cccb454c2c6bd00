"""How the parts of the installation are. A part that does not respond is reported as such within three seconds."""

import asyncio
from collections.abc import Awaitable, Sequence
from dataclasses import dataclass
from importlib.metadata import version
from typing import TypeVar

from sqlalchemy.exc import TimeoutError as PoolTimeout

from api.health import DATABASE_TIMEOUT, TEMPORAL_TIMEOUT, ask_database, ask_temporal, checked
from api.http.dependencies import AppDependencies, Repositories
from domain.errors import TenureError
from services.system import QueueStatus
from storage.catalog.offered import Published

T = TypeVar("T")


@dataclass(frozen=True)
class SystemStatus:
    """What is known now."""

    version: str
    """Of this API process."""
    database: str
    """`ok`, or what is wrong."""
    temporal: str
    queues: Sequence[QueueStatus]
    catalog: Published | None
    """None: none is in force, or the database does not respond."""
    policy: Published | None
    """None: it is not published, or the database does not respond."""
    policy_version: str
    """Of the policy that this API process offers."""


async def system_status(dependencies: AppDependencies, repositories: Repositories) -> SystemStatus:
    """Look at everything at once."""
    policy = dependencies.policy.version
    database, temporal, queues, catalog, published = await asyncio.gather(
        checked(ask_database(dependencies.engine, repositories.crossings), DATABASE_TIMEOUT),
        checked(ask_temporal(dependencies.client), TEMPORAL_TIMEOUT),
        repositories.queues.all(),
        _if_known(repositories.offered.catalog()),
        _if_known(repositories.offered.policy(policy)),
    )
    return SystemStatus(version("tenure"), database, temporal, queues, catalog, published, policy)


async def _if_known(look: Awaitable[T]) -> T | None:
    try:
        async with asyncio.timeout(DATABASE_TIMEOUT.total_seconds()):
            return await look
    except (TimeoutError, TenureError, PoolTimeout):
        return None
