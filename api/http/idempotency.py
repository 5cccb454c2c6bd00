"""Repeats of a POST under the same `Idempotency-Key` are answered as the first was."""

import hashlib
import json
from collections.abc import Callable, Coroutine, Iterator, Mapping, Sequence
from typing import Any, Final
from uuid import uuid4

from fastapi import Request, Response
from fastapi.dependencies.models import Dependant
from fastapi.routing import APIRoute

from api.http import auth
from api.http.auth import Caller, authenticate, require_role
from api.http.bodies import parsed_body
from api.http.dependencies import repositories_of
from api.http.errors import CONTENT_TYPE, response_to
from domain.errors import Malformed, Rejected
from domain.subscription.command_keys import hashed
from storage.access.api_keys import Role
from storage.access.idempotency import Done, Running

HEADER = "Idempotency-Key"
REPLAYED = "Idempotency-Replayed"
MAX_LENGTH = 255
PLAIN_LENGTH = 100
"""Longer keys go into the ids of subscriptions as a digest."""

OPERATOR_FIELDS: Final[Mapping[str, tuple[str, str]]] = {
    "createSubscription": ("allow_another_trial", "allow another trial"),
    "changePlan": ("accept_misfits", "have a change that current use does not fit"),
}
"""By operation: a field that only operators may set in a body that others may send, too, and what others may not."""

KEPT = frozenset({200, 201, 402})
"""Answers to what was done; a decline counts, for the card was tried. Any other changed nothing: the key stays free."""

PASSING = frozenset({"authentication_required"})
"""Codes of answers that hold only for now: a repeat is answered as things stand then, and does nothing twice."""

Handler = Callable[[Request], Coroutine[Any, Any, Response]]


class IdempotentRoute(APIRoute):
    """Carries out a POST once per tenant and key, and gives the answer again to whoever repeats it."""

    def get_route_handler(self) -> Handler:
        handle, roles = super().get_route_handler(), list(roles_of(self.dependant))
        operation = self.operation_id

        async def handle_once(request: Request) -> Response:
            if request.method != "POST":
                return await handle(request)
            caller = await authenticate(request)
            key = idempotency_key(request)
            _check_role(request, caller, roles, operation)
            named = str(uuid4()) if key is None else key
            request.state.command_key = named if key is None else hashed(named)
            request.state.sign_up_key = sign_up_key(named)
            return await handle(request) if key is None else await _once(request, caller, key, handle)

        return handle_once


def _check_role(request: Request, caller: Caller, roles: Sequence[Sequence[Role]], operation: str | None) -> None:
    """Refuse who may not do this, before they are told what somebody else was answered.

    Raises:
        Rejected: code `forbidden`.
    """
    for allowed in roles:
        require_role(caller, *allowed)
    field, what = OPERATOR_FIELDS.get(str(operation), ("", ""))
    body = parsed_body(request)
    if isinstance(body, dict) and body.get(field) is True:
        require_role(caller, *auth.OPERATOR_ROLES, what=what)


def idempotency_key(request: Request) -> str | None:
    """The key that came with the request.

    Raises:
        Malformed: it is empty, too long or holds characters that cannot be printed.
    """
    key = request.headers.get(HEADER)
    if key is not None and not (1 <= len(key) <= MAX_LENGTH and key.isascii() and key.isprintable()):
        raise Malformed(f"{HEADER} must be 1 to {MAX_LENGTH} printable ASCII characters", field=HEADER)
    return key


def sign_up_key(key: str) -> str:
    """The key as it goes into the id of the subscription that it begins: never anything else than at the first time."""
    return key if len(key) <= PLAIN_LENGTH else hashed(key)


def roles_of(dependant: Dependant) -> Iterator[Sequence[Role]]:
    """Who may call an endpoint, by whatever it depends on."""
    for one in dependant.dependencies:
        roles = getattr(one.call, "roles", None)
        if roles is not None:
            yield roles
        yield from roles_of(one)


def fingerprint(method: str, path: str, body: bytes) -> str:
    """What makes two requests the same; the order of fields and blanks between them do not matter."""
    try:
        content = json.dumps(json.loads(body), sort_keys=True).encode() if body else b""
    except (ValueError, RecursionError):  # no JSON, or nested too deeply: refused when it is read in earnest
        content = body
    return hashlib.sha256(b"\n".join((method.encode(), path.encode(), content))).hexdigest()


async def _once(request: Request, caller: Caller, key: str, handle: Handler) -> Response:
    keys = repositories_of(request).idempotency
    asked = fingerprint(request.method, request.url.path, await request.body())
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
    if answer.status_code in KEPT and not _is_passing(answer):
        location = answer.headers.get("Location")
        await keys.complete(caller.tenant, key, answer.status_code, bytes(answer.body), location)
    else:
        await keys.abandon(caller.tenant, key)
    return answer


def _is_passing(answer: Response) -> bool:
    return answer.status_code == 402 and json.loads(bytes(answer.body)).get("code") in PASSING


async def _answered(request: Request, handle: Handler) -> Response:
    try:
        return await handle(request)
    except Exception as error:
        answer = response_to(error)
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
