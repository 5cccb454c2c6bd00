"""Prepares a Temporal namespace: search attributes before anything runs, schedules once workers are running."""

from typing import Final

from temporalio.api.enums.v1 import IndexedValueType
from temporalio.api.operatorservice.v1 import AddSearchAttributesRequest, ListSearchAttributesRequest
from temporalio.client import Client
from temporalio.service import RPCError, RPCStatusCode

from domain.errors import GatewayRefused, GatewayUnavailable
from domain.names import SEARCH_ATTRIBUTE_TYPES
from worker.schedules import ensure_schedules

_TYPES: Final = {
    "Datetime": IndexedValueType.INDEXED_VALUE_TYPE_DATETIME,
    "Keyword": IndexedValueType.INDEXED_VALUE_TYPE_KEYWORD,
}
_NOT_ALLOWED: Final = (RPCStatusCode.PERMISSION_DENIED, RPCStatusCode.UNIMPLEMENTED)


async def missing_attributes(client: Client) -> list[str]:
    """Return the search attributes that the namespace does not have yet.

    Raises:
        GatewayUnavailable: Temporal does not respond.
    """
    try:
        known = await client.operator_service.list_search_attributes(
            ListSearchAttributesRequest(namespace=client.namespace), retry=True
        )
    except RPCError as error:
        raise GatewayUnavailable(f"Temporal does not list its search attributes: {error.message}") from error
    return [name for name in SEARCH_ATTRIBUTE_TYPES if name not in known.custom_attributes]


async def register(client: Client) -> list[str]:
    """Add the missing search attributes, and return their descriptions; safe to repeat.

    Raises:
        GatewayRefused: search attributes can only be added in this Temporal's console, as in Temporal Cloud.
    """
    missing = await missing_attributes(client)
    if missing:
        await _add(client, missing)
    return [f"search attribute {name} ({SEARCH_ATTRIBUTE_TYPES[name]})" for name in missing]


async def keep_schedules(client: Client) -> None:
    """Create missing schedules and update the others; safe to repeat and to run concurrently.

    Call it from running workers: workers of the previous release do not know the workflow of a new schedule.

    Raises:
        GatewayUnavailable: Temporal does not accept them.
    """
    try:
        await ensure_schedules(client)
    except RPCError as error:
        raise GatewayUnavailable(f"Temporal did not accept the schedules: {error.message}") from error


async def _add(client: Client, missing: list[str]) -> None:
    request = AddSearchAttributesRequest(
        namespace=client.namespace, search_attributes={name: _TYPES[SEARCH_ATTRIBUTE_TYPES[name]] for name in missing}
    )
    try:
        await client.operator_service.add_search_attributes(request, retry=True)
    except RPCError as error:
        if error.status in _NOT_ALLOWED:
            wanted = ", ".join(f"{name} ({SEARCH_ATTRIBUTE_TYPES[name]})" for name in missing)
            raise GatewayRefused(
                f"this Temporal does not allow adding search attributes; add them in its console: {wanted}"
            ) from error
        if error.status is not RPCStatusCode.ALREADY_EXISTS:
            raise GatewayUnavailable(f"Temporal did not accept the search attributes: {error.message}") from error
