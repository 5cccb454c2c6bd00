"""All that an API process tells at a scrape."""

from collections.abc import Sequence

from fastapi import FastAPI
from prometheus_client import CollectorRegistry

from api.monitoring.installation import Installation
from monitoring.exposition import exposed


class Exposition:
    """Its requests, how the installation is, and what else the process measures."""

    def __init__(
        self, requests: CollectorRegistry, installation: Installation, others: Sequence[CollectorRegistry]
    ) -> None:
        self.requests = requests
        self._installation = installation
        self._others = others

    async def __call__(self) -> bytes:
        """Answer a scrape. The database and Temporal are asked if nobody has within some seconds."""
        return exposed([self.requests, await self._installation.registry(), *self._others])


def exposition_of(app: FastAPI) -> Exposition:
    """Return what an application tells, to serve it elsewhere."""
    found = app.state.exposition
    assert isinstance(found, Exposition)  # noqa: S101 - set by create_app
    return found
