"""Answers probes: whether this worker's process is alive, and whether it has started."""

from starlette.types import Receive, Scope, Send

ALIVE, READY = "/healthz", "/readyz"


class Health:
    """What probes are told.

    It depends on nothing outside of the process: while Temporal or PostgreSQL is away, to restart the worker helps
    nobody.
    """

    def __init__(self) -> None:
        self.is_ready = False

    def status(self, path: str) -> int:
        """Return the status of the answer."""
        if path == READY:
            return 200 if self.is_ready else 503
        return 200 if path == ALIVE else 404

    async def __call__(self, scope: Scope, _receive: Receive, send: Send) -> None:
        """Answer a request."""
        if scope["type"] != "http":
            return
        status = self.status(scope["path"]) if scope["method"] in ("GET", "HEAD") else 405
        await send({"type": "http.response.start", "status": status, "headers": [(b"content-length", b"0")]})
        await send({"type": "http.response.body", "body": b""})
