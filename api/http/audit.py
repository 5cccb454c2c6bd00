"""Notes in the audit who has asked for what, before it is done, and what came of it.

Every command of an operator, an admin or a key for webhooks is noted, and every one with a reason in somebody's own
words: these are kept there alone, and workflows get a reference.
"""

import json
from collections.abc import Callable, Coroutine, Mapping, Sequence
from typing import Any, Final
from uuid import UUID

from fastapi import Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.routing import APIRoute
from starlette.exceptions import HTTPException

from api.http.auth import (
    OPERATOR_ROLES,
    WEBHOOK_OPERATOR_ROLES,
    Caller,
    CallerKind,
    authenticate,
    require_role,
    roles_of,
)
from api.http.bodies import parsed_body
from api.http.dependencies import repositories_of
from api.http.request_context import current_request
from domain.audit import Actor, ActorKind, AuditedCommand, AuditOutcome, AuditTarget
from domain.errors import Rejected
from services.audit import audited
from storage.access.api_keys import Role
from storage.access.audit import CUSTOMER, SUBSCRIPTION
from storage.db.cursors import plain_text

Handler = Callable[[Request], Coroutine[Any, Any, Response]]

LONGEST: Final = 10_000
"""Bytes of a reason; none that an endpoint accepts is longer."""
WORDS: Final = ("comment", "reason", "text")
"""The fields of requests that hold what somebody wrote."""
AUDITED_ROLES: Final = frozenset({*OPERATOR_ROLES, *WEBHOOK_OPERATOR_ROLES})
"""All commands of these are noted."""
RECORDS_OF_USE: Final = frozenset({"recordUsage"})
"""Reports what products have seen happen, by the thousand: nobody's command."""
KINDS: Final = {
    "subscription_id": SUBSCRIPTION,
    "key_id": "api_key",
    "external_id": CUSTOMER,
    "event_id": "event",
    "discrepancy_id": "discrepancy",
    "schedule_id": "schedule",
    "run_id": "bulk_run",
    "mail_id": "mail",
    "endpoint_id": "webhook_endpoint",
    "delivery_id": "event_delivery",
}
"""The kinds of targets, by the parameter of the path."""
PLAIN_KINDS: Final = frozenset({"event", "discrepancy", "schedule"})
"""Kinds whose ids are no UUIDs, and say nothing about anybody."""
MADE_BY: Final = {
    "createApiKey": KINDS["key_id"],
    "runReconciliation": KINDS["schedule_id"],
    "startBulk": KINDS["run_id"],
    "createWebhookEndpoint": KINDS["endpoint_id"],
}
"""What is made, or acted on, where the path names nothing, other than subscriptions."""


class AuditedRoute(APIRoute):
    """Notes commands in the audit. Their reason is in `request.state.reference` from then on, not in what is sent."""

    def get_route_handler(self) -> Handler:
        handle, roles, action = super().get_route_handler(), roles_of(self.dependant), str(self.operation_id)
        if not roles or roles[0] is Role.READ_ONLY or action in RECORDS_OF_USE:
            return handle

        async def handle_audited(request: Request) -> Response:
            caller = await authenticate(request)
            if request.method in ("GET", "HEAD"):
                return await handle(request)
            await check_role(request, caller, roles, action)
            reason = _reason(request)
            if caller.role not in AUDITED_ROLES and not reason:
                return await handle(request)
            command = await _command(request, caller, action, reason)
            async with audited(repositories_of(request).audit, command) as asked:
                request.state.reference, request.state.noted = asked.reference, asked.noted
                try:
                    response = await handle(request)
                except (RequestValidationError, HTTPException):
                    asked.refused = "malformed"
                    raise
                # Not every refusal is raised: some are returned, with headers of their own.
                asked.refused = _code(response) if response.status_code >= 400 else ""
                asked.target = asked.target or _made(response)
                return response

        return handle_audited


async def check_role(
    request: Request, caller: Caller, roles: Sequence[Role], action: str, what: str = "do this"
) -> None:
    """Require one of *roles*. What an operator tries without may be of interest later, and is noted.

    Raises:
        Rejected: code `forbidden`.
    """
    try:
        require_role(caller, *roles, what=what)
    except Rejected as error:
        if caller.role in OPERATOR_ROLES:
            command = await _command(request, caller, action, "")
            await repositories_of(request).audit.note(command, AuditOutcome.REFUSED, error.code)
        raise


def actor_of(caller: Caller) -> Actor:
    """Return the caller as the audit names them."""
    kind = ActorKind.OPERATOR if caller.kind is CallerKind.OPERATOR else ActorKind.KEY
    return Actor(kind, caller.key_id, caller.role)


async def _command(request: Request, caller: Caller, action: str, reason: str) -> AuditedCommand:
    return AuditedCommand(
        caller.tenant,
        actor_of(caller),
        action,
        await _target(request, caller.tenant, action),
        current_request().request_id,
        getattr(request.state, "command_key", ""),
        reason,
        request.client.host if request.client is not None else "",
    )


async def _target(request: Request, tenant: str, action: str) -> AuditTarget:
    """What the path names. Of customers our own id: theirs may say who they are."""
    for parameter, kind in KINDS.items():
        value = request.path_params.get(parameter)
        if value is None:
            continue
        if kind == CUSTOMER:
            if not _can_be_stored(value):
                return AuditTarget(kind)
            found = await repositories_of(request).customers.id_of(tenant=tenant, external_id=value)
            return AuditTarget(kind, found or "")
        if kind in PLAIN_KINDS:
            return AuditTarget(kind, value if _can_be_stored(value) else "")
        return AuditTarget(kind, _uuid(value))
    return AuditTarget(MADE_BY.get(action, SUBSCRIPTION))


def _uuid(text: str) -> str:
    """The id, written as we do; empty if it is none, as of something that does not exist."""
    try:
        return str(UUID(text))
    except ValueError:
        return ""


def _reason(request: Request) -> str:
    """What the caller wrote."""
    body = parsed_body(request)
    given: Mapping[str, object] = body if isinstance(body, dict) else {}
    found = next((given[name] for name in WORDS if given.get(name)), request.query_params.get("reason"))
    # It is read before the request is checked: what cannot be kept is refused then.
    return found.strip() if isinstance(found, str) and _can_be_stored(found) else ""


def _can_be_stored(text: str) -> bool:
    """False for what PostgreSQL does not take, or nobody would write."""
    try:
        return len(plain_text(text).encode()) <= LONGEST
    except ValueError:
        return False


def _made(response: Response) -> str:
    """The id of what was made, if the response has it."""
    body = _content(response)
    found = body.get("id") or body.get("subscription")
    return _uuid(found) if isinstance(found, str) else ""


def _code(response: Response) -> str:
    """Why nothing was done."""
    return str(_content(response).get("code") or "refused")


def _content(response: Response) -> Mapping[str, object]:
    try:
        body = json.loads(bytes(response.body))
    except (ValueError, AttributeError):
        return {}
    return body if isinstance(body, dict) else {}
