"""API keys; it requires one of role `admin`.

Each operation is defined once here; `Tenure` and `AsyncTenure` have it as a method of the same name, without `core`.
"""

from datetime import timedelta
from typing import Unpack

from tenure.client.api_keys import ApiKey, ApiKeyPage, NewApiKey
from tenure.client.core import Core, Steps, new_key
from tenure.client.paging import PAGE_SIZE, Listing, Pages
from tenure.client.requests import Call, body_of, step_of
from tenure.client.values import Role


def list_api_keys(
    core: Core, *, cursor: str | None = None, limit: int | None = None, **part: Unpack[Listing]
) -> Steps[ApiKeyPage]:
    """Return one page of API keys, newest first, including revoked and expired ones."""
    return core.ask(Call("GET", "/v1/api-keys", ApiKeyPage, query=body_of(cursor=cursor, limit=limit, **part)))


def api_keys(core: Core, **part: Unpack[Listing]) -> Pages[ApiKey]:
    """Iterate over all API keys, newest first; pages are fetched as needed."""
    return lambda cursor: list_api_keys(core, cursor=cursor, limit=PAGE_SIZE, **part)


def create_api_key(
    core: Core, role: Role, name: str | None = None, *, expires_in: timedelta | None = None, key: str | None = None
) -> Steps[NewApiKey]:
    """Create an API key; it does not expire unless *expires_in* is given."""
    body = body_of(role=role, name=name, expires_in=_seconds(expires_in))
    return core.ask(Call("POST", "/v1/api-keys", NewApiKey, body=body, key=key or new_key()))


def rotate_api_key(
    core: Core,
    key_id: str,
    *,
    overlap: timedelta | None = None,
    expires_in: timedelta | None = None,
    key: str | None = None,
) -> Steps[NewApiKey]:
    """Replace an API key by a new one of the same role and name; the old one stays valid for *overlap*, else a day.

    Raises:
        Conflict: the key was revoked, has expired or was rotated before.
    """
    body = body_of(overlap=_seconds(overlap), expires_in=_seconds(expires_in))
    path = f"/v1/api-keys/{step_of('key_id', key_id)}/rotate"
    return core.ask(Call("POST", path, NewApiKey, body=body, key=key or new_key()))


def revoke_api_key(core: Core, key_id: str, *, key: str | None = None) -> Steps[ApiKey]:
    """Revoke an API key: within seconds it is accepted nowhere."""
    path = f"/v1/api-keys/{step_of('key_id', key_id)}/revoke"
    return core.ask(Call("POST", path, ApiKey, body={}, key=key or new_key()))


def _seconds(length: timedelta | None) -> int | None:
    return None if length is None else int(length.total_seconds())
