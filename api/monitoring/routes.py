"""`GET /metrics`, where it is not served on an address of its own."""

from fastapi import APIRouter, HTTPException, Request, Response

from api.http.dependencies import WithDependencies
from api.monitoring.exposition import exposition_of
from monitoring.exposition import CONTENT_TYPE, PATH

router = APIRouter(tags=["Operations"])


@router.get(PATH, include_in_schema=False)
async def metrics(request: Request, dependencies: WithDependencies) -> Response:
    if dependencies.metrics_are_apart:
        raise HTTPException(404)
    return Response(await exposition_of(request.app)(), media_type=CONTENT_TYPE)
