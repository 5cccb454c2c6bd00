"""The connections of a process to its database."""

from collections.abc import Iterator
from typing import Protocol

from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector


class Pool(Protocol):
    """Connections that are used in turns."""

    @property
    def most(self) -> int:
        """How many there may be."""
        ...

    @property
    def in_use(self) -> int: ...

    @property
    def waiting(self) -> int:
        """How many wait for one to become free."""
        ...


class ConnectionPools(Collector):
    """Reads the pools of a process at each scrape."""

    def __init__(self) -> None:
        self._pools: dict[str, Pool] = {}

    def watch(self, name: str, pool: Pool | None) -> None:
        """Tell of a pool from now on; None, of an engine without one, is left out."""
        if pool is not None:
            self._pools[name] = pool

    def collect(self) -> Iterator[Metric]:
        limit = GaugeMetricFamily("tenure_database_connections_limit", "The most connections", labels=["pool"])
        in_use = GaugeMetricFamily("tenure_database_connections_in_use", "Connections in use", labels=["pool"])
        waiting = GaugeMetricFamily("tenure_database_waiting", "Callers that wait for a connection", labels=["pool"])
        for name, pool in self._pools.items():
            limit.add_metric([name], pool.most)
            in_use.add_metric([name], pool.in_use)
            waiting.add_metric([name], pool.waiting)
        yield from (limit, in_use, waiting)
