"""Forms that browsers send: read within a limit, and only from our own pages."""

import hmac
from collections.abc import Mapping
from typing import Final
from urllib.parse import parse_qsl, urlsplit

from fastapi import HTTPException, Request

from domain.errors import Malformed, Rejected

MAX_BYTES: Final = 64 * 1024
MAX_FIELDS: Final = 200
FORM: Final = "application/x-www-form-urlencoded"
CSRF: Final = "csrf"
"""The hidden field with the token of the session."""


async def read_form(request: Request) -> Mapping[str, str]:
    """Return the fields of a form that one of our own pages has sent.

    Raises:
        Rejected: code `forbidden`; another site sent it.
        HTTPException: it is no form, or too large.
        Malformed: it cannot be read.
    """
    check_origin(request)
    kind = request.headers.get("Content-Type", FORM).partition(";")[0].strip().lower()
    if kind != FORM:
        raise HTTPException(415, "this is not a form")
    body = b""
    async for part in request.stream():
        body += part
        if len(body) > MAX_BYTES:
            raise HTTPException(413, f"a form may have at most {MAX_BYTES} bytes")
    try:
        pairs = parse_qsl(body.decode(), keep_blank_values=True, errors="strict", max_num_fields=MAX_FIELDS)
    except ValueError:
        raise Malformed("the form cannot be read", field="body") from None
    fields = dict(pairs)
    if len(fields) != len(pairs):
        raise Malformed("a field appears twice", field="body")
    return fields


def check_origin(request: Request) -> None:
    """Reject a form of another site. Browsers say where a form comes from, and pages cannot change that.

    Raises:
        Rejected: code `forbidden`.
    """
    site, origin = request.headers.get("Sec-Fetch-Site"), request.headers.get("Origin")
    is_own = site == "same-origin" if site is not None else origin is not None and _is_ours(origin, request)
    if not is_own:
        raise Rejected("this form was not sent by one of our pages", code="forbidden")


def _is_ours(origin: str, request: Request) -> bool:
    # Not by `urlsplit`, which raises for what is no address: an origin is a scheme and a host, and nothing else.
    host = origin.partition("://")[2]
    ours = urlsplit(request.app.state.dependencies.public_url)
    return bool(host) and host in (ours.netloc, request.headers.get("Host"))


class StaleForm(Rejected):
    """A form of our own that another session has shown."""

    code = "forbidden"


def check_csrf(fields: Mapping[str, str], expected: str) -> None:
    """Reject a form that does not carry the session's token.

    Raises:
        StaleForm: it has another one, or none.
    """
    if not hmac.compare_digest(fields.get(CSRF, "").encode(), expected.encode()):
        raise StaleForm("this form does not belong to the session")
