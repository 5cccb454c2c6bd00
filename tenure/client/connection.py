"""What both clients know of HTTP: the address and the key, requests as httpx takes them, and errors as replies."""

from collections.abc import Mapping
from typing import Any

import httpx

from tenure.client.core import Core, Options, Send
from tenure.client.errors import CannotSend
from tenure.client.requests import Answer, Lost, Reply

LONGEST_LABEL, LARGEST_PORT = 64, 65_535
CONNECTIONS = 100
"""Maximum number of connections; all are kept alive for reuse."""


MISTAKES = (
    *(httpx.LocalProtocolError, httpx.UnsupportedProtocol, httpx.InvalidURL, httpx.CookieConflict),
    *(RuntimeError, ValueError, TypeError),  # a closed client, a closed loop, an invalid host
)
"""Errors that httpx raises before anything is sent; some are subclasses of TransportError."""
LOST = (httpx.TransportError, httpx.DecodingError, OSError)


class BaseClient:
    """What both clients share."""

    def __init__(self, url: str, key: str, options: Options) -> None:
        self._at: Mapping[str, Any] = {
            "base_url": _checked_url(url),
            "limits": httpx.Limits(max_connections=CONNECTIONS, max_keepalive_connections=CONNECTIONS),
            "headers": {"Authorization": f"Bearer {_checked_key(key)}", "Accept": "application/json"},
        }
        self._core = Core(options)

    def invalidate(self, customer: str | None = None) -> None:
        """Drop the cache of one customer, or of all."""
        self._core.memory.forget(customer)

    def _request_of(self, send: Send) -> dict[str, Any]:
        call, content = send.call, send.call.content
        headers = {"Idempotency-Key": call.key} if call.key else {}
        if content is not None:
            headers["Content-Type"] = "application/json"
        return {
            "method": call.method,
            "url": call.path,
            "params": dict(call.query),
            "content": content,
            "headers": headers,
            "timeout": send.within,
        }


def _checked_key(key: object) -> str:
    """The key, if it is valid in a header; errors never contain it, as they are logged."""
    if not isinstance(key, str) or not key:
        raise ValueError("there is no API key: is the setting that should hold it there?")
    if not (key.isascii() and key.isprintable()) or " " in key:
        raise ValueError(
            "the API key cannot be sent: it holds blanks, line breaks or letters that no key of Tenure has"
        )
    return key


def _checked_url(url: object) -> str:
    if not isinstance(url, str) or not url.startswith(("http://", "https://")):
        raise ValueError(f"{url!r} is no address of an API: it begins with https:// or http://")
    try:
        found = httpx.URL(url)
        names = found.raw_host.split(b".")
        is_known = found.host and " " not in url and all(len(one) < LONGEST_LABEL for one in names)
    except httpx.InvalidURL as error:
        raise ValueError(f"this is no address of an API: {error}") from None
    if not is_known or (found.port or 0) > LARGEST_PORT or found.query or found.fragment:
        raise ValueError("this is no address of an API: it is a host, and perhaps a path, without ? and #")
    return url.rstrip("/")


def reply_without_answer(error: Exception) -> Reply:
    """The lost reply, for the decision whether to retry.

    Raises:
        CannotSend: nothing was sent, so a retry is of no use.
    """
    if isinstance(error, MISTAKES) and not isinstance(error, OSError):
        raise CannotSend(f"nothing was sent: {type(error).__name__} {error}", code="cannot_send") from error
    return Lost(error)


def answer_of(answer: httpx.Response) -> Answer:
    return Answer(answer.status_code, {name.lower(): value for name, value in answer.headers.items()}, answer.content)
