"""A collector of traces that answers and forgets: `python -m bench.collector`, on the port `BARE_PORT`."""

import os

import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route


async def _forget(request: Request) -> Response:
    await request.body()
    return Response(media_type="application/x-protobuf")


async def _healthy(_request: Request) -> Response:
    return Response()


if __name__ == "__main__":
    app = Starlette(routes=[Route("/v1/traces", _forget, methods=["POST"]), Route("/healthz", _healthy)])
    uvicorn.run(app, host="127.0.0.1", port=int(os.environ["BARE_PORT"]), log_config=None, access_log=False)
