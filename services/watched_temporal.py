"""A connection to Temporal on which no call waits for a server that hangs."""

import asyncio
from collections.abc import Mapping
from datetime import timedelta
from typing import Any, Final

from temporalio.api.workflowservice.v1 import GetSystemInfoRequest
from temporalio.client import Client
from temporalio.service import RPCError, RPCStatusCode, ServiceClient

from liveness.pulse import NotAnswering, Patience, Pulse

PATIENCE: Final = Patience(before_asking=1.0, for_an_answer=1.0)
NO_ANSWER: Final = frozenset({RPCStatusCode.CANCELLED, RPCStatusCode.DEADLINE_EXCEEDED, RPCStatusCode.UNAVAILABLE})
NOT_CONNECTED: Final = "connect error"
"""In the message of a call for which there was no connection."""


class TemporalLost(RPCError):
    """Temporal does not answer."""

    def __init__(self, message: str, *, may_have_arrived: bool) -> None:
        super().__init__(message, RPCStatusCode.UNAVAILABLE, b"")
        self.may_have_arrived = may_have_arrived
        """False: the request was not sent."""


def watched(client: Client) -> Client:
    """Return the same client, on a connection whose calls fail soon while Temporal hangs or is gone."""
    config = client.config()
    config["service_client"] = _WatchedConnection(client.service_client)
    return Client(**config)


class _WatchedConnection(ServiceClient):
    """Every call goes through `_rpc_call`, raw ones too: interceptors see only those of a client's methods."""

    def __init__(self, connection: ServiceClient) -> None:
        super().__init__(connection.config)
        self._connection = connection
        self._pulse = Pulse("Temporal", self._ask, PATIENCE)
        self._failing_since: float | None = None

    @property
    def worker_service_client(self) -> Any:
        return self._connection.worker_service_client

    def update_rpc_metadata(self, metadata: Mapping[str, str | bytes]) -> None:
        self._connection.update_rpc_metadata(metadata)

    def update_api_key(self, api_key: str | None) -> None:
        self._connection.update_api_key(api_key)

    async def _ask(self) -> None:
        try:
            await self._connection.workflow_service.get_system_info(
                GetSystemInfoRequest(), timeout=timedelta(seconds=PATIENCE.for_an_answer)
            )
        except RPCError as error:
            if error.status in NO_ANSWER:
                raise

    async def _rpc_call(
        self,
        rpc: str,
        req: Any,
        resp_type: Any,
        *,
        service: str,
        retry: bool,
        metadata: Mapping[str, str | bytes],
        timeout: timedelta | None,  # noqa: ASYNC109 - the SDK's
    ) -> Any:
        try:
            self._pulse.check()
        except NotAnswering as error:
            raise TemporalLost(str(error), may_have_arrived=False) from error
        clock = asyncio.get_running_loop().time
        try:
            async with asyncio.timeout(None) as limit:
                call = self._pulse.begin(lambda: limit.reschedule(clock()))
                try:
                    answer = await self._connection._rpc_call(  # noqa: SLF001 - there is no other way in between
                        rpc, req, resp_type, service=service, retry=retry, metadata=metadata, timeout=timeout
                    )
                finally:
                    self._pulse.end(call)
        except TimeoutError as error:
            raise TemporalLost("Temporal has stopped answering", may_have_arrived=True) from error
        except RuntimeError as error:  # there never was a connection
            self._note_failure(clock())
            raise TemporalLost(f"Temporal is unreachable: {error}", may_have_arrived=False) from error
        except RPCError as error:
            if error.status is RPCStatusCode.UNAVAILABLE:
                self._note_failure(clock())
            raise
        self._failing_since = None
        return answer

    def _note_failure(self, now: float) -> None:
        """Suspects the server when calls fail at once for longer than one of several servers takes to restart."""
        if self._failing_since is None:
            self._failing_since = now
        elif now - self._failing_since >= PATIENCE.before_asking:
            self._pulse.suspect()
