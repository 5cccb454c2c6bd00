"""Whether the API lives, whether it can work, and what it measures."""

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

ANSWER_TIMEOUT = 3.0


class Health(BaseModel):
    status: str = Field(examples=["ok"])


class Readiness(BaseModel):
    """Whether requests can be served; what is missing says why."""

    status: str = Field(examples=["ready", "not ready"])
    checks: dict[str, str] = Field(examples=[{"database": "ok", "temporal": "ok", "catalog": "ok"}])


@router.get("/healthz", operation_id="health", summary="Whether the process lives")
async def health() -> Health:
    return Health(status="ok")


@router.get(
    "/readyz",
    operation_id="readiness",
    summary="Whether the database and Temporal answer, and the catalog is published",
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
    """`ok`, or in a few words what is wrong; never an address or a password, as a driver's message may hold."""
    try:
        async with asyncio.timeout(ANSWER_TIMEOUT):
            await check
    except TimeoutError:
        return f"no answer within {ANSWER_TIMEOUT:g} s"
    except GatewayUnavailable as error:
        return error.message
    except Exception as error:  # noqa: BLE001 - whatever it is, it is what is wrong
        return f"failed: {type(error).__name__}"
    return "ok"


async def _ask_database(engine: AsyncEngine) -> None:
    wrong = await check(engine)
    if wrong is not None:
        # What follows the colon may be a driver's message.
        raise GatewayUnavailable(wrong.partition(": ")[0])


async def _ask_temporal(client: Client) -> None:
    request = DescribeNamespaceRequest(namespace=client.namespace)
    try:
        await client.workflow_service.describe_namespace(request, timeout=timedelta(seconds=ANSWER_TIMEOUT))
    except (RPCError, RuntimeError) as error:  # the latter of a client that could not connect yet
        raise GatewayUnavailable(f"Temporal does not answer for namespace {client.namespace!r}") from error


@router.get("/metrics", include_in_schema=False)
async def metrics(request: Request, repositories: WithRepositories) -> Response:
    registry = request.app.state.registry
    assert isinstance(registry, CollectorRegistry)  # noqa: S101 - set by create_app
    return Response(generate_latest(registry) + await _blocked(repositories), media_type=CONTENT_TYPE_LATEST)


async def _blocked(repositories: WithRepositories) -> bytes:
    """How many subscriptions wait for the outside; left out while the database does not tell."""
    counted = CollectorRegistry()
    words = "Subscriptions of which a step waits for the outside"
    number = Gauge("tenure_subscriptions_blocked", words, registry=counted)
    by_code = Gauge("tenure_subscriptions_blocked_by_code", f"{words}, by what it is", ["code"], registry=counted)
    try:
        async with asyncio.timeout(ANSWER_TIMEOUT):
            found = await repositories.subscriptions.blocked()
    except (TimeoutError, TenureError, PoolTimeout):
        return b""
    number.set(sum(found.values()))
    for code, so_many in found.items():
        by_code.labels(code).set(so_many)
    return generate_latest(counted)
