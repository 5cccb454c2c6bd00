"""What a Temporal namespace must know: search attributes before anything runs in it, schedules once workers do."""

from collections.abc import Mapping
from typing import Final

from temporalio.api.enums.v1 import IndexedValueType
from temporalio.api.operatorservice.v1 import AddSearchAttributesRequest, ListSearchAttributesRequest
from temporalio.client import Client
from temporalio.service import RPCError, RPCStatusCode

from domain.errors import GatewayRefused, GatewayUnavailable
from domain.names import SearchAttribute
from worker.schedules import ensure_schedules

KINDS: Final[Mapping[str, str]] = {
    name.value: "Datetime" if name is SearchAttribute.NEXT_ACTION_AT else "Keyword" for name in SearchAttribute
}
"""Each search attribute's type, as the `temporal` command writes it."""

_TYPES: Final = {
    "Datetime": IndexedValueType.INDEXED_VALUE_TYPE_DATETIME,
    "Keyword": IndexedValueType.INDEXED_VALUE_TYPE_KEYWORD,
}
_NOT_OURS_TO_MAKE: Final = (RPCStatusCode.PERMISSION_DENIED, RPCStatusCode.UNIMPLEMENTED)


async def missing_attributes(client: Client) -> list[str]:
    """The search attributes that the namespace does not have yet.

    Raises:
        GatewayUnavailable: Temporal does not answer.
    """
    try:
        known = await client.operator_service.list_search_attributes(
            ListSearchAttributesRequest(namespace=client.namespace)
        )
    except RPCError as error:
        raise GatewayUnavailable(f"Temporal does not tell its search attributes: {error.message}") from error
    return [name for name in KINDS if name not in known.custom_attributes]


async def register(client: Client) -> list[str]:
    """Make the search attributes that are missing, and say which; safe to repeat.

    Raises:
        GatewayRefused: this Temporal takes search attributes only by its own console, as Temporal Cloud does.
    """
    missing = await missing_attributes(client)
    if missing:
        await _add(client, missing)
    return [f"search attribute {name} ({KINDS[name]})" for name in missing]


async def keep_schedules(client: Client) -> None:
    """Make the schedules that are missing, and bring the others up to date; safe to repeat, and for several at once.

    Called by workers that are at work: those of the release before do not know what a new schedule starts.

    Raises:
        GatewayUnavailable: Temporal does not take them.
    """
    try:
        await ensure_schedules(client)
    except RPCError as error:
        raise GatewayUnavailable(f"Temporal does not take the schedules: {error.message}") from error


async def _add(client: Client, missing: list[str]) -> None:
    request = AddSearchAttributesRequest(
        namespace=client.namespace, search_attributes={name: _TYPES[KINDS[name]] for name in missing}
    )
    try:
        await client.operator_service.add_search_attributes(request)
    except RPCError as error:
        if error.status in _NOT_OURS_TO_MAKE:
            wanted = ", ".join(f"{name} ({KINDS[name]})" for name in missing)
            raise GatewayRefused(
                f"this Temporal does not let us add search attributes; add them in its console: {wanted}"
            ) from error
        if error.status is not RPCStatusCode.ALREADY_EXISTS:
            raise GatewayUnavailable(f"Temporal did not take the search attributes: {error.message}") from error
