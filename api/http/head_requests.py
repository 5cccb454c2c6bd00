"""HEAD is answered wherever GET is: health probes, link scanners and monitors ask by it."""

from starlette.types import ASGIApp, Message, Receive, Scope, Send

IS_HEAD = "tenure.head"


class Heads:
    """Has a HEAD answered as the same GET would be, with its status and headers, and sends no body."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["method"] != "HEAD":
            await self._app(scope, receive, send)
            return

        async def without_body(message: Message) -> None:
            if message["type"] == "http.response.body":
                message = {**message, "body": b""}
            await send(message)

        # A copy: the server goes by the method, too. What is noted of the request is one for both.
        scope.setdefault("state", {})
        asked: Scope = {**scope, "method": "GET", IS_HEAD: True}
        try:
            await self._app(asked, receive, without_body)
        finally:
            if "route" in asked:
                scope["route"] = asked["route"]


def is_head(scope: Scope) -> bool:
    """Whether only the headers of an answer are asked for: then nothing may come of asking."""
    return bool(scope.get(IS_HEAD, False))
