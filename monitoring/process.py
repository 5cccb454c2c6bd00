"""What every process measures: its build, its memory, its connections and its calls of others."""

from typing import Final

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, ProcessCollector

from monitoring.pools import ConnectionPools
from monitoring.temporal_sdk import TemporalSdkMetrics

CALL_SECONDS: Final = (0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)


class ProviderCalls:
    """Counts calls of the payment provider."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._requests = Counter(
            "tenure_provider_requests",
            "Requests to the payment provider; status 0: no answer",
            ["method", "resource", "status"],
            registry=registry,
        )
        self._seconds = Histogram(
            "tenure_provider_request_seconds",
            "Time until the payment provider's answer",
            ["method", "resource"],
            buckets=CALL_SECONDS,
            registry=registry,
        )
        self._waits = Counter(
            "tenure_provider_wait_seconds",
            "Time that requests to the payment provider have waited for their turn at our own rate",
            registry=registry,
        )

    def answered(self, method: str, resource: str, status: int, seconds: float) -> None:
        """Note a request; *resource* is the first part of its path, *status* 0 if there was no answer."""
        self._requests.labels(method.upper(), resource, str(status)).inc()
        self._seconds.labels(method.upper(), resource).observe(seconds)

    def waited(self, seconds: float) -> None:
        """Note for how long a request has waited for its turn."""
        self._waits.inc(seconds)


class ProcessMetrics:
    """The metrics of one process, whatever it does.

    Only a process that is scraped has them: `temporal_sdk` costs a little with every task.
    """

    def __init__(self, process: str, version: str, build: str = "") -> None:
        """*build* is that of a worker whose releases are versions of a deployment; else it is empty."""
        self.registry = CollectorRegistry()
        ProcessCollector(registry=self.registry)
        labels = ["process", "version", "build"]
        info = Gauge("tenure_build_info", "The release that runs", labels, registry=self.registry)
        info.labels(process, version, build).set(1)
        self.provider = ProviderCalls(self.registry)
        self.pools = ConnectionPools()
        self.registry.register(self.pools)
        self.temporal_sdk = TemporalSdkMetrics()
        self.registry.register(self.temporal_sdk)
