"""What stands before several APIs: each request goes to the next one of them, and on to another if that one is gone."""

import httpx
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

GONE = Response("no API has answered", 503, {"Retry-After": "1"})
OF_ONE_HOP = frozenset({"connection", "content-encoding", "content-length", "host", "transfer-encoding"})


class RoundRobin:
    """An ASGI application."""

    def __init__(self, http: httpx.AsyncClient) -> None:
        self.apis: list[str] = []
        self._http = http

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            await (await self._answer(Request(scope, receive)))(scope, receive, send)

    async def _answer(self, request: Request) -> Response:
        body = await request.body()
        headers = [(name, value) for name, value in request.headers.items() if name not in OF_ONE_HOP]
        query = request.scope["query_string"]
        target = (request.scope["raw_path"] + (b"?" + query if query else b"")).decode()
        for _ in range(len(self.apis)):
            self.apis.append(api := self.apis.pop(0))
            try:
                answer = await self._http.request(request.method, api + target, headers=headers, content=body)
            except httpx.ConnectError:
                continue
            except httpx.TransportError:
                if request.method != "GET":
                    return GONE
            else:
                kept = [(n.encode(), v.encode()) for n, v in answer.headers.multi_items() if n not in OF_ONE_HOP]
                passed_on = Response(answer.content, answer.status_code)
                passed_on.raw_headers += kept
                return passed_on
        return GONE
