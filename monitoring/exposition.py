"""The answer to a scrape."""

from collections.abc import Awaitable, Callable, Iterable
from typing import Final

from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, generate_latest

PATH: Final = "/metrics"
CONTENT_TYPE: Final = CONTENT_TYPE_LATEST

Expose = Callable[[], Awaitable[bytes]]
"""Answers one scrape."""


def exposed(registries: Iterable[CollectorRegistry]) -> bytes:
    """Return all series of the registries, whose names differ, in Prometheus' text format."""
    return b"".join(generate_latest(registry) for registry in registries)
