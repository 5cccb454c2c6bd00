"""Repeats of a POST under the same `Idempotency-Key` are answered as the first was."""

import hashlib
import json
from collections.abc import Callable, Coroutine
from typing import Any
from uuid import uuid4

from fastapi import Request, Response
from fastapi.routing import APIRoute

from api.auth import Caller, authenticate
from api.errors import CONTENT_TYPE, answer_to
from api.parts import stores_of
from domain.errors import Malformed, Rejected
from storage.idempotency import Done, Running
from storage.keys import Role

HEADER = "Idempotency-Key"
REPLAYED = "Idempotency-Replayed"
MAX_LENGTH = 255
PASSED_ON = 100
"""Longer keys are passed on as a digest: ours becomes part of the provider's, which has a limit of its own."""

KEPT = frozenset({200, 201, 402})
"""Answers to what was done; a decline counts, for the card was tried. Any other changed nothing: the key stays free."""

Handler = Callable[[Request], Coroutine[Any, Any, Response]]


class IdempotentRoute(APIRoute):
    """Carries out a POST once per tenant and key, and gives the answer again to whoever repeats it."""

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
    except (ValueError, RecursionError):  # no JSON, or nested too deeply: refused when it is read in earnest
        content = body
    return hashlib.sha256(b"\n".join((method.encode(), path.encode(), content))).hexdigest()


async def _once(request: Request, caller: Caller, key: str, handle: Handler) -> Response:
    keys = stores_of(request).idempotency
    asked = fingerprint(request.method, request.url.path, await request.body())
    if caller.role is Role.READ_ONLY:
        # One who may only look gets no answer again that was given to somebody who may do more.
        asked = f"{asked}/{caller.role}"
    match await keys.begin(caller.tenant, key, asked):
        case Done() as done:
            return _again(done)
        case Running():
            raise Rejected(
                "the request with this key is being carried out right now; repeat it in a moment",
                code="request_in_progress",
            )
    try:
        answer = await _answered(request, handle)
    except Exception:
        await keys.abandon(caller.tenant, key)
        raise
    if answer.status_code in KEPT:
        location = answer.headers.get("Location")
        await keys.complete(caller.tenant, key, answer.status_code, bytes(answer.body), location)
    else:
        await keys.abandon(caller.tenant, key)
    return answer


async def _answered(request: Request, handle: Handler) -> Response:
    try:
        return await handle(request)
    except Exception as error:
        answer = answer_to(error)
        if answer is None:
            raise
        return answer


def _again(done: Done) -> Response:
    is_problem = done.status >= 400
    answer = Response(done.body, done.status, media_type=CONTENT_TYPE if is_problem else "application/json")
    answer.headers[REPLAYED] = "true"
    if done.location is not None:
        answer.headers["Location"] = done.location
    return answer
