"""Traces of a production process, as set."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from importlib import import_module

from configuration.loading import Process, SettingsError
from configuration.settings import TracingSettings
from tracing.spans import Spans


@asynccontextmanager
async def tracing(settings: TracingSettings, process: Process) -> AsyncIterator[Spans | None]:
    """Yield what makes the process's spans, or None where traces are off; what is left is sent at the end.

    Raises:
        SettingsError: they are on, and what they need is not installed.
    """
    if settings.otlp_endpoint is None:
        yield None
        return
    try:
        # It takes a fifth of a second, which nobody spends whose traces are off.
        open_telemetry = import_module("tracing.open_telemetry")
    except ImportError as error:
        need = f"TENURE_OTLP_ENDPOINT needs the extra `telemetry`: pip install 'tenure[telemetry]' ({error})"
        raise SettingsError(process, [need]) from error
    spans = open_telemetry.exporting(settings.otlp_endpoint, process.replace(" ", "-"), settings.trace_share)
    try:
        yield spans
    finally:
        await asyncio.to_thread(spans.close)
