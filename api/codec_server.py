"""Decrypts payloads for people who look at workflows in Temporal's pages: Temporal's protocol for remote codecs.

It decrypts and does not encrypt. Workflows are of all tenants, so it takes keys of the installation's own tenant alone.
"""

import base64
import binascii
import json
from collections.abc import Awaitable, Callable, Sequence
from typing import Final
from urllib.parse import urlsplit

import structlog
from google.protobuf.json_format import MessageToDict, ParseDict, ParseError
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.middleware.cors import CORSMiddleware
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route
from temporalio.api.common.v1 import Payloads
from temporalio.converter import PayloadCodec

from domain.errors import GatewayUnavailable
from domain.names import DEFAULT_TENANT
from storage.access.api_keys import ApiKey, Role

LARGEST_BODY: Final = 16 * 1024 * 1024
"""Bytes: a page of a history, in base64."""
READERS: Final = frozenset({Role.ADMIN, Role.OPERATOR})
CHALLENGE: Final = {"WWW-Authenticate": 'Basic realm="an API key as the password"'}

Verify = Callable[[str], Awaitable[ApiKey | None]]

log = structlog.get_logger("tenure.codec")


def codec_app(codec: PayloadCodec, verify: Verify, pages: Sequence[str]) -> Starlette:
    """Build the application.

    Args:
        codec: decrypts.
        verify: returns what an API key is, or None.
        pages: where Temporal's pages are, maybe below a path; browsers let no other sites ask.
    """
    server = _Server(codec, verify)
    return Starlette(
        routes=[
            Route("/", server.sign_in),
            Route("/healthz", server.healthy),
            Route("/decode", server.decode, methods=["POST"]),
        ],
        middleware=[
            Middleware(
                CORSMiddleware,
                allow_origins=[_origin(each) for each in pages],
                allow_methods=["POST"],
                allow_headers=["authorization", "content-type", "x-namespace"],
                allow_credentials=True,
            )
        ],
    )


class _Server:
    def __init__(self, codec: PayloadCodec, verify: Verify) -> None:
        self._codec = codec
        self._verify = verify

    async def healthy(self, _request: Request) -> Response:
        return PlainTextResponse("alive")

    async def sign_in(self, request: Request) -> Response:
        """For a browser, which asks for the key and sends it from then on."""
        refusal, _ = await self._refusal(request)
        return refusal or PlainTextResponse("You are signed in. Temporal's pages can decrypt now.")

    async def decode(self, request: Request) -> Response:
        refusal, key = await self._refusal(request)
        if refusal is not None:
            return refusal
        body = await _body(request)
        try:
            payloads = ParseDict(body, Payloads()) if isinstance(body, dict) else None
        except ParseError:
            payloads = None
        if payloads is None:
            return _problem(400, 'the body must be {"payloads": [...]}, of at most 16 MB')
        try:
            decoded = await self._codec.decode(payloads.payloads)
        except GatewayUnavailable as error:
            return _problem(400, error.message)
        log.info("decoded", payloads=len(decoded), key=key)
        return JSONResponse(MessageToDict(Payloads(payloads=decoded)))

    async def _refusal(self, request: Request) -> tuple[Response | None, str]:
        """Return why not, and the id of the key."""
        given = _key_in(request.headers.get("authorization", ""))
        try:
            key = await self._verify(given) if given else None
        except GatewayUnavailable as error:
            return _problem(503, error.message), ""
        if key is None:
            return _problem(401, "send an API key: `Authorization: Bearer <key>`, or as the password of Basic"), ""
        if key.role not in READERS or key.tenant != DEFAULT_TENANT:
            return _problem(403, f"the key must be of an admin or operator, of the tenant {DEFAULT_TENANT!r}"), ""
        return None, key.id


def _origin(page: str) -> str:
    """What a browser says of where a page is from."""
    return urlsplit(page)._replace(path="").geturl().lower()


def _key_in(authorization: str) -> str:
    scheme, _, given = authorization.partition(" ")
    if scheme.lower() == "bearer":
        return given.strip()
    if scheme.lower() != "basic":
        return ""
    try:
        return base64.b64decode(given, validate=True).decode().partition(":")[2]
    except (binascii.Error, UnicodeDecodeError):
        return ""


async def _body(request: Request) -> object:
    """Return the body; None if it is no JSON, or too large."""
    read = bytearray()
    async for chunk in request.stream():
        read += chunk
        if len(read) > LARGEST_BODY:
            return None

    try:
        found: object = json.loads(read)
    except ValueError:
        return None
    return found


def _problem(status: int, detail: str) -> Response:
    return JSONResponse({"status": status, "detail": detail}, status, headers=CHALLENGE if status == 401 else None)
