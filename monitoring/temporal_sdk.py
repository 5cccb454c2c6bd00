"""The metrics of the Temporal SDK, in the same registry as our own."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, suppress
from typing import Final

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily, Metric
from prometheus_client.registry import Collector
from temporalio.runtime import (
    BUFFERED_METRIC_KIND_COUNTER,
    BUFFERED_METRIC_KIND_GAUGE,
    BufferedMetric,
    BufferedMetricUpdate,
    MetricBuffer,
    MetricBufferDurationFormat,
    Runtime,
    TelemetryConfig,
)

BUFFERED: Final = 100_000
"""Updates that are kept until they are read. Beyond that the SDK drops them, and logs it."""
READ_EVERY: Final = 2.0
"""Seconds."""
SECONDS: Final = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0)

Labels = frozenset[tuple[str, str | int | float | bool]]


class _Series:
    """One series: a sum, the latest value, or a histogram."""

    def __init__(self) -> None:
        self.value = 0.0
        self.buckets = [0] * (len(SECONDS) + 1)

    def observe(self, value: float) -> None:
        self.value += value
        place = next((place for place, limit in enumerate(SECONDS) if value <= limit), len(SECONDS))
        self.buckets[place] += 1


class TemporalSdkMetrics(Collector):
    """Keeps what the SDK reports, from its buffer, for the next scrape.

    The SDK would serve its metrics itself, on a port of its own: then a process would have two addresses to scrape.
    """

    def __init__(self) -> None:
        self.runtime: Runtime | None = None
        """For the process's client of Temporal, while it is running."""
        self._buffer: MetricBuffer | None = None
        self._series: dict[str, tuple[BufferedMetric, dict[Labels, _Series]]] = {}

    @asynccontextmanager
    async def running(self) -> AsyncIterator[Runtime]:
        """Keep what the runtime reports, and yield it."""
        self._buffer = MetricBuffer(BUFFERED, duration_format=MetricBufferDurationFormat.SECONDS)
        self.runtime = Runtime(telemetry=TelemetryConfig(metrics=self._buffer))
        reading = asyncio.create_task(self._keep_reading())
        try:
            yield self.runtime
        finally:
            reading.cancel()
            with suppress(asyncio.CancelledError):
                await reading

    async def _keep_reading(self) -> None:
        while True:
            await asyncio.sleep(READ_EVERY)
            self._read()

    def _read(self) -> None:
        for update in self._buffer.retrieve_updates() if self._buffer is not None else ():
            metric, series = update.metric, self._series_of(update)
            if metric.kind == BUFFERED_METRIC_KIND_COUNTER:
                series.value += update.value
            elif metric.kind == BUFFERED_METRIC_KIND_GAUGE:
                series.value = update.value
            else:
                series.observe(update.value)

    def _series_of(self, update: BufferedMetricUpdate) -> _Series:
        _, found = self._series.setdefault(update.metric.name, (update.metric, {}))
        return found.setdefault(frozenset(update.attributes.items()), _Series())

    def collect(self) -> Iterator[Metric]:
        self._read()
        for metric, found in self._series.values():
            names = sorted({name for labels in found for name, _ in labels})
            family = _family(metric, names)
            for labels, series in found.items():
                values = [str(dict(labels).get(name, "")) for name in names]
                if isinstance(family, HistogramMetricFamily):
                    family.add_metric(values, _cumulative(series.buckets), series.value)
                else:
                    family.add_metric(values, series.value)
            yield family


def _family(
    metric: BufferedMetric, labels: list[str]
) -> CounterMetricFamily | GaugeMetricFamily | HistogramMetricFamily:
    text = metric.description or "By the Temporal SDK"
    if metric.kind == BUFFERED_METRIC_KIND_COUNTER:
        return CounterMetricFamily(metric.name, text, labels=labels)
    if metric.kind == BUFFERED_METRIC_KIND_GAUGE:
        return GaugeMetricFamily(metric.name, text, labels=labels)
    return HistogramMetricFamily(f"{metric.name}_seconds" if metric.unit else metric.name, text, labels=labels)


def _cumulative(buckets: list[int]) -> list[tuple[str, float]]:
    total, found = 0, []
    for limit, count in zip([*map(str, SECONDS), "+Inf"], buckets, strict=True):
        total += count
        found.append((limit, float(total)))
    return found
