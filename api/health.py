"""Liveness, readiness and metrics."""

import asyncio
from collections.abc import Awaitable
from datetime import timedelta

from fastapi import APIRouter, Request, Response
from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, Gauge, generate_latest
from pydantic import BaseModel, Field
from sqlalchemy.exc import TimeoutError as PoolTimeout
from sqlalchemy.ext.asyncio import AsyncEngine
from temporalio.api.workflowservice.v1 import DescribeNamespaceRequest
from temporalio.client import Client
from temporalio.service import RPCError

from api.http.dependencies import WithDependencies, WithRepositories
from domain.errors import GatewayUnavailable, TenureError
from storage.db.health import check

router = APIRouter(tags=["Operations"])

ANSWER_TIMEOUT = timedelta(seconds=3)


class Health(BaseModel):
    status: str = Field(examples=["ok"])


class Readiness(BaseModel):
    """Whether requests can be served; `checks` says what is missing."""

    status: str = Field(examples=["ready", "not ready"])
    checks: dict[str, str] = Field(examples=[{"database": "ok", "temporal": "ok", "catalog": "ok"}])


@router.get("/healthz", operation_id="health", summary="Check that the process is alive")
async def health() -> Health:
    return Health(status="ok")


@router.get(
    "/readyz",
    operation_id="readiness",
    summary="Check that the database and Temporal are available and the catalog is published",
    responses={503: {"model": Readiness}},
)
async def readiness(dependencies: WithDependencies, repositories: WithRepositories, response: Response) -> Readiness:
    database, temporal = await asyncio.gather(
        _checked(_ask_database(dependencies.engine)), _checked(_ask_temporal(dependencies.client))
    )
    checks = {
        "database": database,
        "temporal": temporal,
        "catalog": repositories.catalog_publisher.reason_unpublished or "ok",
    }
    is_ready = all(found == "ok" for found in checks.values())
    response.status_code = 200 if is_ready else 503
    return Readiness(status="ready" if is_ready else "not ready", checks=checks)


async def _checked(check: Awaitable[object]) -> str:
    """Return `ok` or a short reason, without addresses or passwords, which a driver's message may contain."""
    try:
        async with asyncio.timeout(ANSWER_TIMEOUT.total_seconds()):
            await check
    except TimeoutError:
        return f"no response within {ANSWER_TIMEOUT.total_seconds():g} s"
    except GatewayUnavailable as error:
        return error.message
    except Exception as error:  # noqa: BLE001 - any error is a reason
        return f"failed: {type(error).__name__}"
    return "ok"


async def _ask_database(engine: AsyncEngine) -> None:
    fault = await check(engine)
    if fault is not None:
        # The part after the colon may be a driver's message.
        raise GatewayUnavailable(fault.partition(": ")[0])


async def _ask_temporal(client: Client) -> None:
    request = DescribeNamespaceRequest(namespace=client.namespace)
    try:
        await client.workflow_service.describe_namespace(request, timeout=ANSWER_TIMEOUT)
    except (RPCError, RuntimeError) as error:  # RuntimeError: the client has not connected yet
        raise GatewayUnavailable(f"Temporal is unavailable for namespace {client.namespace!r}") from error


@router.get("/metrics", include_in_schema=False)
async def metrics(request: Request, repositories: WithRepositories) -> Response:
    registry = request.app.state.registry
    assert isinstance(registry, CollectorRegistry)  # noqa: S101 - set by create_app
    return Response(generate_latest(registry) + await _blocked(repositories), media_type=CONTENT_TYPE_LATEST)


async def _blocked(repositories: WithRepositories) -> bytes:
    """The number of blocked subscriptions; empty while the database is unavailable."""
    counted = CollectorRegistry()
    description = "Subscriptions with a step that an external system blocks"
    number = Gauge("tenure_subscriptions_blocked", description, registry=counted)
    by_code = Gauge("tenure_subscriptions_blocked_by_code", f"{description}, by error code", ["code"], registry=counted)
    try:
        async with asyncio.timeout(ANSWER_TIMEOUT.total_seconds()):
            found = await repositories.subscriptions.blocked()
    except (TimeoutError, TenureError, PoolTimeout):
        return b""
    number.set(sum(found.values()))
    for code, count in found.items():
        by_code.labels(code).set(count)
    return generate_latest(counted)
