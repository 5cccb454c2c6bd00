"""The cookie of a billing session."""

from typing import Final

from fastapi import Request, Response

COOKIE: Final = "__Host-tenure_billing"
"""The prefix makes browsers accept it from this host alone, over https or on the same machine, and for every path."""
_LASTS: Final = 12 * 3600


def set_cookie(response: Response, token: str, *, embed: bool) -> None:
    """Give the browser its session.

    In a frame of another site only a cookie arrives that is partitioned: kept for that site alone.
    """
    where = "SameSite=None; Partitioned" if embed else "SameSite=Lax"
    _set(response, f"{COOKIE}={token}; Max-Age={_LASTS}; Path=/; HttpOnly; Secure; {where}")


def drop_cookie(response: Response, *, embed: bool) -> None:
    """Take the session from the browser."""
    where = "SameSite=None; Partitioned" if embed else "SameSite=Lax"
    _set(response, f"{COOKIE}=; Max-Age=0; Path=/; HttpOnly; Secure; {where}")


def _set(response: Response, cookie: str) -> None:
    # By hand: the library writes Partitioned on Python 3.14 alone.
    response.headers.append("Set-Cookie", cookie)


def cookie_of(request: Request) -> str:
    """Return the session's token; empty if the browser has none."""
    return request.cookies.get(COOKIE, "")
