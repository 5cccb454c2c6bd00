"""HTTP for API keys."""

from datetime import datetime
from typing import Annotated
from uuid import NAMESPACE_URL, UUID, uuid5

from fastapi import APIRouter, Path, Request
from pydantic import BaseModel, Field

from api.api_keys.requests import CreateApiKeyRequest, RotateApiKeyRequest
from api.http.auth import Admin
from api.http.dependencies import WithDependencies, WithRepositories
from api.http.idempotency import ShownOnceRoute
from api.http.lists import NextCursor, WithPage
from api.http.openapi import READING, USING
from api.subscriptions.requests import EmptyRequest
from storage.access.api_keys import IssuedKey, KeyRecord, KeyStatus, Role

_IDS = uuid5(NAMESPACE_URL, "tenure/api-keys")
"""Namespace of keys' ids, so that a repeated request finds the key that it made."""

router = APIRouter(prefix="/v1/api-keys", tags=["API keys"], route_class=ShownOnceRoute)

KeyId = Annotated[
    str, Path(max_length=64, description="the key's id", examples=["5c1f2f0e-7a43-5d0b-9a52-3f0f6f1f8c11"])
]


class ApiKeyView(BaseModel):
    """An API key, without its text, which is not stored."""

    id: str
    name: str
    role: Role
    hint: str = Field(
        description="how the key begins and ends; empty for keys of earlier releases", examples=["tn_live_4fGh…x9Qz"]
    )
    status: KeyStatus = Field(description="active and rotated keys are accepted, rotated ones until `expires_at`")
    created_at: datetime
    created_by: str = Field(description="role and id of the key that made it, or the command; empty: not known")
    expires_at: datetime | None = Field(description="null: never")
    last_used_at: datetime | None = Field(description="about a minute behind; null: not since this is noted")
    revoked_at: datetime | None
    replaced_by: str | None = Field(description="the id of the key that a rotation made")

    @classmethod
    def of(cls, record: KeyRecord) -> "ApiKeyView":
        return cls(**{name: getattr(record, name) for name in cls.model_fields})


class NewApiKeyView(ApiKeyView):
    """A new API key, with its text."""

    key: str | None = Field(
        description="the key itself, shown once: it is not stored. Null if the request was made before under the same"
        " `Idempotency-Key`; if you do not have it from then, rotate the key with `overlap` 0"
    )

    @classmethod
    def of_issued(cls, issued: IssuedKey) -> "NewApiKeyView":
        return cls(**dict(ApiKeyView.of(issued.record)), key=issued.plaintext)


class ApiKeyList(BaseModel):
    """One page of API keys."""

    data: list[ApiKeyView]
    next_cursor: NextCursor


@router.get(
    "",
    operation_id="listApiKeys",
    summary="List API keys, including revoked and expired ones (admins)",
    responses=READING,
)
async def list_keys(caller: Admin, repositories: WithRepositories, page: WithPage) -> ApiKeyList:
    found = await repositories.api_keys.find(caller.tenant, page)
    return ApiKeyList(data=[ApiKeyView.of(row) for row in found.rows], next_cursor=found.next_cursor)


@router.post("", status_code=201, operation_id="createApiKey", summary="Create an API key (admins)", responses=USING)
async def create(
    body: CreateApiKeyRequest,
    request: Request,
    caller: Admin,
    dependencies: WithDependencies,
    repositories: WithRepositories,
) -> NewApiKeyView:
    """The response has the key, once: it is not stored, and a repeat under the same `Idempotency-Key` has null."""
    issued = await repositories.api_keys.issue(
        _new_id(request, caller.tenant, "create"),
        body.role,
        body.name or body.role.value,
        tenant=caller.tenant,
        mode=dependencies.key_mode,
        expires_in=body.expires_in,
        created_by=caller.actor,
    )
    return NewApiKeyView.of_issued(issued)


@router.post(
    "/{key_id}/rotate",
    status_code=201,
    operation_id="rotateApiKey",
    summary="Replace an API key by a new one (admins)",
    responses=USING,
)
async def rotate(
    key_id: KeyId,
    request: Request,
    caller: Admin,
    dependencies: WithDependencies,
    repositories: WithRepositories,
    body: RotateApiKeyRequest | None = None,
) -> NewApiKeyView:
    """The new key has the name and the role of the old one, which stays valid for `overlap`, by default 24 hours.

    The response has the new key, once, as when one is created.
    """
    body = body or RotateApiKeyRequest()
    issued = await repositories.api_keys.rotate(
        key_id,
        _new_id(request, caller.tenant, f"rotate {key_id}"),
        tenant=caller.tenant,
        mode=dependencies.key_mode,
        overlap=body.overlap,
        expires_in=body.expires_in,
        created_by=caller.actor,
    )
    return NewApiKeyView.of_issued(issued)


@router.post("/{key_id}/revoke", operation_id="revokeApiKey", summary="Revoke an API key (admins)", responses=USING)
async def revoke(
    key_id: KeyId, caller: Admin, repositories: WithRepositories, _body: EmptyRequest | None = None
) -> ApiKeyView:
    """Every process refuses it within 3 seconds. A key that is revoked already stays as it is."""
    return ApiKeyView.of(await repositories.api_keys.revoke(key_id, tenant=caller.tenant))


def _new_id(request: Request, tenant: str, purpose: str) -> UUID:
    return uuid5(_IDS, f"{tenant}/{purpose}/{request.state.command_key}")
