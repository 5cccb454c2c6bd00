"""What a production process measures, and where it is scraped and probed."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from importlib.metadata import version
from socket import socket

from configuration.base_settings import PREFIX
from configuration.loading import Process, SettingsError
from configuration.settings import MonitoringSettings, WorkerSettings
from monitoring.exposition import Expose, exposed
from monitoring.process import ProcessMetrics
from monitoring.server import answering, listening, serving
from worker.health import Health


def process_metrics(process: Process, build: str = "") -> ProcessMetrics:
    return ProcessMetrics(process.value.removeprefix("tenure "), version("tenure"), build)


@asynccontextmanager
async def scraped(settings: MonitoringSettings, process: Process, expose: Expose) -> AsyncIterator[None]:
    """Answer scrapes at the address of the settings, if they name one, while the block runs.

    Raises:
        SettingsError: the address is not available.
    """
    if settings.metrics_address is None:
        yield
        return
    async with serving(expose, _listener("METRICS_ADDRESS", settings.metrics_address, process)):
        yield


@asynccontextmanager
async def probed(settings: WorkerSettings, health: Health) -> AsyncIterator[None]:
    """Answer a worker's probes at the address of the settings, if they name one, while the block runs.

    Raises:
        SettingsError: the address is not available.
    """
    if settings.health_address is None:
        yield
        return
    async with answering(health, _listener("HEALTH_ADDRESS", settings.health_address, Process.WORKER)):
        yield


def _listener(setting: str, address: str, process: Process) -> socket:
    try:
        return listening(address)
    except OSError as error:
        problem = f"{PREFIX}{setting}: {address} is not available: {error.strerror}"
        raise SettingsError(process, [problem]) from error


@asynccontextmanager
async def measured_worker(settings: WorkerSettings) -> AsyncIterator[ProcessMetrics | None]:
    """Yield the metrics of a worker, which is scraped meanwhile; None: nobody scrapes it, and nothing is measured.

    Raises:
        SettingsError: its address is not available.
    """
    if settings.metrics_address is None:
        yield None
        return
    metrics = process_metrics(Process.WORKER, settings.build_id or "")

    async def expose() -> bytes:
        return exposed([metrics.registry])

    async with metrics.temporal_sdk.running(), scraped(settings, Process.WORKER, expose):
        yield metrics
