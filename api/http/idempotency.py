"""Answers a repeated POST under the same `Idempotency-Key` with the first response."""

import hashlib
import json
from collections.abc import Callable, Coroutine, Mapping, Sequence
from typing import Any, ClassVar, Final
from uuid import uuid4

from fastapi import Request, Response

from api.http import auth
from api.http.audit import AuditedRoute, check_role
from api.http.auth import Caller, authenticate, require_role, roles_of
from api.http.bodies import parsed_body
from api.http.dependencies import repositories_of
from api.http.errors import CONTENT_TYPE, response_to
from api.http.stored_responses import with_customer, without_customer
from domain.errors import Malformed, Rejected
from domain.subscription.command_keys import hashed
from storage.access.api_keys import Role
from storage.access.idempotency import Claim, Done, Running

HEADER = "Idempotency-Key"
REPLAYED = "Idempotency-Replayed"
MAX_LENGTH = 255
PLAIN_LENGTH = 100
"""Longer keys go into subscription ids as a digest."""

OPERATOR_FIELDS: Final[Mapping[str, tuple[str, str]]] = {
    "createSubscription": ("allow_another_trial", "allow another trial"),
    "changePlan": ("accept_misfits", "make a change that current usage does not fit"),
}
"""By operation: a field that only operators may set to true, and what it does, for the error message."""

STORED = frozenset({200, 201, 402})
"""Statuses of stored responses. A decline counts: the card was tried. Others changed nothing: the key stays free."""

TRANSIENT = frozenset({"authentication_required"})
"""Codes that hold only for now: a repeat returns the state at that time, and does nothing twice."""

Handler = Callable[[Request], Coroutine[Any, Any, Response]]


class IdempotentRoute(AuditedRoute):
    """Handles a POST once per tenant and key, and returns the same response to repeats."""

    stores_responses: ClassVar[bool] = True
    shown_once: ClassVar[frozenset[str]] = frozenset()
    """Fields of the response that are not stored: they are null in the response to a repeat."""

    def get_route_handler(self) -> Handler:
        handle, roles = super().get_route_handler(), roles_of(self.dependant)
        operation, stores, shown_once = self.operation_id, self.stores_responses, self.shown_once

        async def handle_once(request: Request) -> Response:
            if request.method != "POST":
                return await handle(request)
            caller = await authenticate(request)
            key = idempotency_key(request)
            await _check_role(request, caller, roles, str(operation))
            effective_key = str(uuid4()) if key is None else key
            request.state.command_key = effective_key if key is None else hashed(effective_key)
            request.state.sign_up_key = sign_up_key(effective_key)
            if key is None:
                return await handle(request)
            return await _once(request, caller, key, handle, stores=stores, shown_once=shown_once)

        return handle_once


class SecretRoute(IdempotentRoute):
    """As its base, for responses that contain a secret: they are not stored, and a repeat makes the same one again.

    The endpoint has to derive the response from `request.state.command_key`.
    """

    stores_responses = False


class ShownOnceRoute(IdempotentRoute):
    """As its base, for responses with a secret or an API key: a repeat gets the same response without it."""

    shown_once = frozenset({"key", "secret"})


async def _check_role(request: Request, caller: Caller, roles: Sequence[Role], operation: str) -> None:
    """Check the role first, so that nobody sees a stored response that their own role does not allow.

    Raises:
        Rejected: code `forbidden`.
    """
    await check_role(request, caller, roles, operation)
    field, what = OPERATOR_FIELDS.get(operation, ("", ""))
    body = parsed_body(request)
    if isinstance(body, dict) and body.get(field) is True:
        require_role(caller, *auth.OPERATOR_ROLES, what=what)


def idempotency_key(request: Request) -> str | None:
    """Return the idempotency key of the request, if it has one.

    Raises:
        Malformed: it is empty, too long or not printable ASCII.
    """
    key = request.headers.get(HEADER)
    if key is not None and not (1 <= len(key) <= MAX_LENGTH and key.isascii() and key.isprintable()):
        raise Malformed(f"{HEADER} must be 1 to {MAX_LENGTH} printable ASCII characters", field=HEADER)
    return key


def sign_up_key(key: str) -> str:
    """Return the key as it goes into the new subscription's id. It must stay the same for the same key."""
    return key if len(key) <= PLAIN_LENGTH else hashed(key)


def fingerprint(method: str, path: str, body: bytes) -> str:
    """Identify a request, regardless of the order of fields and of whitespace."""
    try:
        content = json.dumps(json.loads(body), sort_keys=True).encode() if body else b""
    except (ValueError, RecursionError):  # not JSON, or nested too deeply: rejected when FastAPI reads it
        content = body
    return hashlib.sha256(b"\n".join((method.encode(), path.encode(), content))).hexdigest()


async def _once(
    request: Request, caller: Caller, key: str, handle: Handler, *, stores: bool, shown_once: frozenset[str]
) -> Response:
    repositories = repositories_of(request)
    request_hash = fingerprint(request.method, request.url.path, await request.body())
    match await repositories.idempotency.begin(caller.tenant, key, request_hash):
        case Done() as done:
            return await _replay(done, request, caller) if stores else _marked(await handle(request))
        case Running():
            raise Rejected(
                "a request with this key is still running; retry in a moment",
                code="request_in_progress",
            )
        case Claim() as claim:
            with repositories.claim_renewer.holding(claim):
                return await _carry_out(request, claim, handle, stores=stores, shown_once=shown_once)


async def _carry_out(
    request: Request, claim: Claim, handle: Handler, *, stores: bool, shown_once: frozenset[str]
) -> Response:
    keys = repositories_of(request).idempotency
    try:
        response = await _respond(request, handle)
    except Exception:
        await keys.abandon(claim)
        raise
    if response.status_code in STORED and not _is_transient(response):
        location = response.headers.get("Location")
        body = without_customer(_without(shown_once, bytes(response.body))) if stores else b""
        await keys.complete(claim, response.status_code, body, location)
    else:
        await keys.abandon(claim)
    return response


def _without(fields: frozenset[str], body: bytes) -> bytes:
    if not fields:
        return body
    return json.dumps({name: None if name in fields else value for name, value in json.loads(body).items()}).encode()


def _is_transient(response: Response) -> bool:
    return response.status_code == 402 and json.loads(bytes(response.body)).get("code") in TRANSIENT


async def _respond(request: Request, handle: Handler) -> Response:
    try:
        return await handle(request)
    except Exception as error:
        response = response_to(error)
        if response is None:
            raise
        return response


async def _replay(done: Done, request: Request, caller: Caller) -> Response:
    is_problem = done.status >= 400
    repositories = repositories_of(request)
    body = await with_customer(done.body, caller.tenant, repositories.customers, repositories.subscriptions)
    response = Response(body, done.status, media_type=CONTENT_TYPE if is_problem else "application/json")
    if done.location is not None:
        response.headers["Location"] = done.location
    return _marked(response)


def _marked(response: Response) -> Response:
    response.headers[REPLAYED] = "true"
    return response
