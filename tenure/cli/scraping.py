"""What a production process measures, and where it is scraped."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from importlib.metadata import version

from configuration.loading import Process, SettingsError
from configuration.settings import PREFIX, MonitoringSettings, WorkerSettings
from monitoring.exposition import Expose, exposed
from monitoring.process import ProcessMetrics
from monitoring.server import listening, serving


def process_metrics(process: Process) -> ProcessMetrics:
    return ProcessMetrics(process.value.removeprefix("tenure "), version("tenure"))


@asynccontextmanager
async def scraped(settings: MonitoringSettings, process: Process, expose: Expose) -> AsyncIterator[None]:
    """Answer scrapes at the address of the settings, if they name one, while the block runs.

    Raises:
        SettingsError: the address is not available.
    """
    address = settings.metrics_address
    if address is None:
        yield
        return
    try:
        listener = listening(address)
    except OSError as error:
        problem = f"{PREFIX}METRICS_ADDRESS: {address} is not available: {error.strerror}"
        raise SettingsError(process, [problem]) from error
    async with serving(expose, listener):
        yield


@asynccontextmanager
async def measured_worker(settings: WorkerSettings) -> AsyncIterator[ProcessMetrics | None]:
    """Yield the metrics of a worker, which is scraped meanwhile; None: nobody scrapes it, and nothing is measured.

    Raises:
        SettingsError: its address is not available.
    """
    if settings.metrics_address is None:
        yield None
        return
    metrics = process_metrics(Process.WORKER)

    async def expose() -> bytes:
        return exposed([metrics.registry])

    async with metrics.temporal_sdk.running(), scraped(settings, Process.WORKER, expose):
        yield metrics
