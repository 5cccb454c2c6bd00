"""Repeats of a POST under the same `Idempotency-Key` are answered as the first was."""

import hashlib
import json
from collections.abc import Callable, Coroutine
from typing import Any
from uuid import uuid4

from fastapi import Request, Response
from fastapi.routing import APIRoute

from api.auth import Caller, authenticate
from api.errors import answer_to
from api.parts import stores_of
from domain.errors import Malformed, Rejected

HEADER = "Idempotency-Key"
REPLAYED = "Idempotency-Replayed"
MAX_LENGTH = 255
PASSED_ON = 100
"""Longer keys are passed on as a digest: ours becomes part of the provider's, which has a limit of its own."""

NOT_KEPT = frozenset({401, 403, 413})
"""Answers that say nothing of the request itself: with a better API key it may be sent again."""

Handler = Callable[[Request], Coroutine[Any, Any, Response]]


class IdempotentRoute(APIRoute):
    """Carries out a POST once per tenant and key, and keeps its answer unless a fault or an outage gave it."""

    def get_route_handler(self) -> Handler:
        handle = super().get_route_handler()

        async def handle_once(request: Request) -> Response:
            if request.method != "POST":
                return await handle(request)
            caller = await authenticate(request)
            key = given_key(request)
            request.state.command_key = str(uuid4()) if key is None else command_key(key)
            return await handle(request) if key is None else await _once(request, caller, key, handle)

        return handle_once


def given_key(request: Request) -> str | None:
    """The key that came with the request.

    Raises:
        Malformed: it is empty, too long or holds characters that cannot be printed.
    """
    key = request.headers.get(HEADER)
    if key is not None and not (1 <= len(key) <= MAX_LENGTH and key.isascii() and key.isprintable()):
        raise Malformed(f"{HEADER} must be 1 to {MAX_LENGTH} printable ASCII characters", field=HEADER)
    return key


def command_key(key: str) -> str:
    """The key as workflow, journal and provider see it."""
    return key if len(key) <= PASSED_ON else f"sha256:{hashlib.sha256(key.encode()).hexdigest()}"


def fingerprint(method: str, path: str, body: bytes) -> str:
    """What makes two requests the same; the order of fields and blanks between them do not matter."""
    try:
        content = json.dumps(json.loads(body), sort_keys=True).encode() if body else b""
    except ValueError:
        content = body
    return hashlib.sha256(b"\n".join((method.encode(), path.encode(), content))).hexdigest()
