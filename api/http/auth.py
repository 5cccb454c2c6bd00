"""Authentication by API key, and what each role may do."""

from dataclasses import dataclass
from typing import Annotated

from fastapi import Depends, Request

from api.http.dependencies import repositories_of
from domain.errors import Rejected
from storage.access.api_keys import Role


@dataclass(frozen=True)
class Caller:
    """The holder of the API key sent with a request."""

    key_id: str
    tenant: str
    role: Role

    @property
    def actor(self) -> str:
        """The caller's name in the journal."""
        return f"{self.role} {self.key_id}"


async def authenticate(request: Request) -> Caller:
    """Return the caller, looked up once per request.

    Raises:
        Rejected: code `unauthorized`.
    """
    known = getattr(request.state, "caller", None)
    if isinstance(known, Caller):
        return known
    scheme, _, secret = request.headers.get("Authorization", "").partition(" ")
    if scheme.lower() != "bearer" or not secret.strip():
        raise Rejected("an API key is required: send it as 'Authorization: Bearer <key>'", code="unauthorized")
    key = await repositories_of(request).keys.verify(secret.strip())
    if key is None:
        raise Rejected("this API key is unknown or has been revoked", code="unauthorized")
    caller = Caller(key.id, key.tenant, key.role)
    request.state.caller, request.state.caller_id = caller, caller.key_id
    return caller


def require_role(caller: Caller, *roles: Role, what: str = "do this") -> None:
    """Require one of *roles*.

    Raises:
        Rejected: code `forbidden`.
    """
    if caller.role not in roles:
        raise Rejected(
            f"a key with role {caller.role} may not {what}; this requires {' or '.join(roles)}", code="forbidden"
        )


class _RoleRequirement:
    """A FastAPI dependency that requires a role; `roles` is read before the request is handled."""

    def __init__(self, *roles: Role) -> None:
        self.roles = roles

    async def __call__(self, request: Request) -> Caller:
        caller = await authenticate(request)
        require_role(caller, *self.roles)
        return caller


OPERATOR_ROLES = (Role.ADMIN, Role.OPERATOR)
SERVICE_ROLES = (*OPERATOR_ROLES, Role.SERVICE)

Reader = Annotated[Caller, Depends(_RoleRequirement(*Role))]
"""May read everything."""
Service = Annotated[Caller, Depends(_RoleRequirement(*SERVICE_ROLES))]
"""May create and control subscriptions: a product's back end."""
Operator = Annotated[Caller, Depends(_RoleRequirement(*OPERATOR_ROLES))]
"""May override: suspend, reactivate, extend trials."""
