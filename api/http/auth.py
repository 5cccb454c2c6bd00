"""Authentication by API key, and what each role may do."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Annotated, Final

from fastapi import Depends, Request
from fastapi.dependencies.models import Dependant

from api.http.dependencies import dependencies_of, repositories_of
from api.http.rates import rate_limits_of
from domain.api_keys import KeyMode, mode_of_key
from domain.errors import Rejected
from domain.names import DEFAULT_TENANT
from storage.access.api_keys import Role

READER_ROLES: Final = (Role.READ_ONLY, Role.SERVICE, Role.OPERATOR, Role.ADMIN)
ANALYST_ROLES: Final = (Role.READ_ONLY, Role.OPERATOR, Role.ADMIN)
SERVICE_ROLES: Final = (Role.SERVICE, Role.OPERATOR, Role.ADMIN)
OPERATOR_ROLES: Final = (Role.OPERATOR, Role.ADMIN)
ADMIN_ROLES: Final = (Role.ADMIN,)
WEBHOOK_ADMIN_ROLES: Final = (Role.WEBHOOKS, Role.ADMIN)
WEBHOOK_OPERATOR_ROLES: Final = (Role.WEBHOOKS, Role.OPERATOR, Role.ADMIN)
"""Each begins with the role that OpenAPI and docs/api-roles.md name."""

LIVE_ONLY: Final = (
    "this is a test key, tn_test_..., and this installation takes real money: create a key here,"
    " with `tenure keys create` or POST /v1/api-keys"
)


class CallerKind(StrEnum):
    """Who calls."""

    KEY = "key"
    OPERATOR = "operator"
    """A person who has signed in."""


@dataclass(frozen=True)
class Caller:
    """Who sent a request: the holder of an API key, or an operator."""

    key_id: str
    """Our id of the key, or of the operator."""
    tenant: str
    role: Role
    name: str = ""
    kind: CallerKind = CallerKind.KEY

    @property
    def actor(self) -> str:
        """The caller's name in the journal."""
        return f"{self.role} {self.key_id}"


async def authenticate(request: Request) -> Caller:
    """Return the caller, looked up and counted once per request.

    Raises:
        Rejected: code `unauthorized`.
        RateLimited: the key, or the address of a caller without a valid key, sends too many requests.
    """
    known = getattr(request.state, "caller", None)
    if isinstance(known, Caller | Rejected):
        return _known(known)
    limits = rate_limits_of(request)
    try:
        try:
            caller = await _look_up(request)
        except Rejected:
            limits.count_unknown(request)
            raise
        request.state.caller_id = caller.key_id
        limits.count(request.scope, caller.key_id, caller.role)
    except Rejected as refusal:
        request.state.caller = refusal
        raise
    request.state.caller = caller
    return caller


def _known(found: "Caller | Rejected") -> Caller:
    if isinstance(found, Rejected):
        raise found
    return found


async def _look_up(request: Request) -> Caller:
    scheme, _, text = request.headers.get("Authorization", "").partition(" ")
    plaintext = text.strip()
    if scheme.lower() != "bearer" or not plaintext:
        raise Rejected("an API key is required: send it as 'Authorization: Bearer <key>'", code="unauthorized")
    if dependencies_of(request).key_mode is KeyMode.LIVE and mode_of_key(plaintext) is KeyMode.TEST:
        raise Rejected(LIVE_ONLY, code="unauthorized")
    key = await repositories_of(request).crossings.keys.verify(plaintext)
    if key is None:
        raise Rejected(
            "this API key is unknown, or has expired or been revoked: `tenure keys list` shows those that are valid",
            code="unauthorized",
        )
    return Caller(key.id, key.tenant, key.role, key.name)


def require_role(caller: Caller, *roles: Role, what: str = "do this") -> None:
    """Require one of *roles*.

    Raises:
        Rejected: code `forbidden`.
    """
    if caller.role not in roles:
        only = ": it is for webhook endpoints and deliveries alone" if caller.role is Role.WEBHOOKS else ""
        raise Rejected(
            f"a key with role {caller.role} may not {what}{only}; this requires {_either(roles)}", code="forbidden"
        )


def _either(roles: Sequence[Role]) -> str:
    *others, last = roles
    return f"{', '.join(others)} or {last}" if others else f"{last}"


class RoleRequirement:
    """A FastAPI dependency that requires one of its roles, which begin with the least.

    It alone says who may call an endpoint: the check of repeated requests, OpenAPI and docs/api-roles.md read it.
    """

    def __init__(self, *roles: Role) -> None:
        self.roles = roles

    async def __call__(self, request: Request) -> Caller:
        caller = await authenticate(request)
        require_role(caller, *self.roles)
        return caller


def require_installation(caller: Caller) -> None:
    """Require a caller of tenant `default`, for what concerns every tenant.

    Raises:
        Rejected: code `forbidden`.
    """
    if caller.tenant != DEFAULT_TENANT:
        raise Rejected(
            f"this concerns every tenant: it is for operators of tenant {DEFAULT_TENANT!r}", code="forbidden"
        )


class InstallationRole(RoleRequirement):
    """A role requirement for what concerns every tenant: it is for callers of tenant `default` alone."""

    async def __call__(self, request: Request) -> Caller:
        caller = await super().__call__(request)
        require_installation(caller)
        return caller


def roles_of(dependant: Dependant) -> tuple[Role, ...]:
    """Return the roles that may call an endpoint, the least first; empty: it asks for no key."""
    for one in dependant.dependencies:
        if roles := one.call.roles if isinstance(one.call, RoleRequirement) else roles_of(one):
            return roles
    return ()


Reader = Annotated[Caller, Depends(RoleRequirement(*READER_ROLES))]
"""May look at everything that belongs to customers, previews included: nothing that it calls changes anything."""
Analyst = Annotated[Caller, Depends(RoleRequirement(*ANALYST_ROLES))]
"""May look at the figures of the business, which a product's back end has no use for."""
Service = Annotated[Caller, Depends(RoleRequirement(*SERVICE_ROLES))]
"""May create and control subscriptions: a product's back end."""
Operator = Annotated[Caller, Depends(RoleRequirement(*OPERATOR_ROLES))]
"""May override: suspend, reactivate, extend trials."""
Admin = Annotated[Caller, Depends(RoleRequirement(*ADMIN_ROLES))]
"""May decide who else gets in, and do what cannot be undone: erase customers."""
WebhookAdmin = Annotated[Caller, Depends(RoleRequirement(*WEBHOOK_ADMIN_ROLES))]
"""May decide where events are sent."""
WebhookOperator = Annotated[Caller, Depends(RoleRequirement(*WEBHOOK_OPERATOR_ROLES))]
"""May look after what is sent there."""
InstallationAnalyst = Annotated[Caller, Depends(InstallationRole(*ANALYST_ROLES))]
"""May look at what all tenants share: Schedules, reconciliation runs, workers."""
InstallationOperator = Annotated[Caller, Depends(InstallationRole(*OPERATOR_ROLES))]
"""May run what is done for all tenants."""
InstallationAdmin = Annotated[Caller, Depends(InstallationRole(*ADMIN_ROLES))]
"""May switch it off."""
