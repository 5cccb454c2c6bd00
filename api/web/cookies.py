"""The cookies of sessions: one of the billing pages, one of the console."""

from dataclasses import dataclass
from typing import Final

from fastapi import Request, Response
from starlette.types import ASGIApp, Receive, Scope, Send

_LASTS: Final = 12 * 3600


@dataclass(frozen=True)
class SessionCookie:
    """A cookie with the token of a session."""

    name: str
    """The prefix `__Host-` makes browsers accept it from this host alone, over https or on the same machine, and for
    every path."""

    def set(self, response: Response, token: str, *, embed: bool = False) -> None:
        """Give the browser its session.

        In a frame of another site only a cookie arrives that is partitioned: kept for that site alone.
        """
        self._write(response, token, _LASTS, embed=embed)

    def drop(self, response: Response, *, embed: bool = False) -> None:
        """Take the session from the browser."""
        self._write(response, "", 0, embed=embed)

    def of(self, request: Request) -> str:
        """Return the session's token; empty if the browser has none."""
        return request.cookies.get(self.name, "")

    def _write(self, response: Response, token: str, seconds: int, *, embed: bool) -> None:
        where = "SameSite=None; Partitioned" if embed else "SameSite=Lax"
        # Written here: the library writes Partitioned on Python 3.14 alone.
        cookie = f"{self.name}={token}; Max-Age={seconds}; Path=/; HttpOnly; Secure; {where}"
        response.headers.append("Set-Cookie", cookie)


BILLING: Final = SessionCookie("__Host-tenure_billing")
CONSOLE: Final = SessionCookie("__Host-tenure_console")


class PlainCookies:
    """Leaves out cookies with escapes, before anything reads them. Ours have none.

    Python before 3.11.10 takes a quarter of a minute to read 64 KiB of them, and FastAPI reads those of every request.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and any(_has_escapes(*header) for header in scope["headers"]):
            scope["headers"] = [_without_escapes(*header) for header in scope["headers"]]
        await self._app(scope, receive, send)


def _has_escapes(name: bytes, value: bytes) -> bool:
    return name == b"cookie" and b"\\" in value


def _without_escapes(name: bytes, value: bytes) -> tuple[bytes, bytes]:
    if _has_escapes(name, value):
        value = b";".join(each for each in value.split(b";") if b"\\" not in each)
    return name, value
