"""Liveness and readiness."""

import asyncio
from collections.abc import Awaitable
from datetime import timedelta

from fastapi import APIRouter, Response
from pydantic import BaseModel, Field
from sqlalchemy.ext.asyncio import AsyncEngine
from temporalio.api.workflowservice.v1 import DescribeNamespaceRequest
from temporalio.client import Client
from temporalio.service import RPCError

from api.crossings import Crossings
from api.http.dependencies import WithDependencies, WithRepositories
from domain.errors import GatewayUnavailable
from storage.db.health import check

router = APIRouter(tags=["Operations"])

DATABASE_TIMEOUT = timedelta(seconds=2.5)
"""Longer than it takes to notice that a database hangs."""
TEMPORAL_TIMEOUT = timedelta(seconds=0.5)
"""Short: probes wait for the answer, and give up on it within a second."""


class Health(BaseModel):
    status: str = Field(examples=["ok"])


class Readiness(BaseModel):
    """Whether requests can be served; `checks` says what is missing.

    `degraded` means that commands are refused for now, while checks, consume, lists, pages and webhooks work.
    """

    status: str = Field(examples=["ready", "degraded", "not ready"])
    checks: dict[str, str] = Field(examples=[{"database": "ok", "temporal": "ok", "catalog": "ok"}])


@router.get("/healthz", operation_id="health", summary="Check that the process is alive")
async def health() -> Health:
    return Health(status="ok")


@router.get(
    "/readyz",
    operation_id="readiness",
    summary="Check that the database is available and the catalog is published",
    responses={503: {"model": Readiness}},
)
async def readiness(dependencies: WithDependencies, repositories: WithRepositories, response: Response) -> Readiness:
    """Without Temporal the process is degraded, and ready: most requests do not need it."""
    database, temporal = await asyncio.gather(
        checked(ask_database(dependencies.engine, repositories.crossings), DATABASE_TIMEOUT),
        checked(ask_temporal(dependencies.client), TEMPORAL_TIMEOUT),
    )
    checks = {
        "database": database,
        "temporal": temporal,
        "catalog": repositories.crossings.offer.reason_unpublished or "ok",
    }
    missing = {name for name, found in checks.items() if found != "ok"}
    status = "ready" if not missing else "degraded" if missing == {"temporal"} else "not ready"
    response.status_code = 503 if status == "not ready" else 200
    return Readiness(status=status, checks=checks)


async def checked(check: Awaitable[object], within: timedelta) -> str:
    """Return `ok` or a short reason, without addresses or passwords, which a driver's message may contain."""
    try:
        async with asyncio.timeout(within.total_seconds()):
            await check
    except TimeoutError:
        return f"no response within {within.total_seconds():g} s"
    except GatewayUnavailable as error:
        return error.message
    except Exception as error:  # noqa: BLE001 - any error is a reason
        return f"failed: {type(error).__name__}"
    return "ok"


async def ask_database(engine: AsyncEngine, crossings: Crossings) -> None:
    """Find out whether both roles can use the database.

    Raises:
        GatewayUnavailable: one cannot.
    """
    fault = await check(engine) or await crossings.fault()
    if fault is not None:
        # The part after the colon may be a driver's message.
        raise GatewayUnavailable(fault.partition(": ")[0])


async def ask_temporal(client: Client) -> None:
    """Find out whether Temporal responds.

    Raises:
        GatewayUnavailable: it does not.
    """
    request = DescribeNamespaceRequest(namespace=client.namespace)
    try:
        await client.workflow_service.describe_namespace(request, timeout=TEMPORAL_TIMEOUT)
    except (RPCError, RuntimeError) as error:  # RuntimeError: the client has not connected yet
        raise GatewayUnavailable(f"Temporal is unavailable for namespace {client.namespace!r}") from error
