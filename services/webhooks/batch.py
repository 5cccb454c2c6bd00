"""One batch of event deliveries: the outcome of each event, and the failures."""

import asyncio
import logging
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from domain.errors import GatewayUnavailable
from domain.provider.events import ProviderEvent, Routing

_log = logging.getLogger("tenure.delivery")


@dataclass
class Batch:
    """The outcome of events so far, by event id."""

    limit: asyncio.Semaphore
    """Limits concurrent deliveries."""
    verdicts: dict[str, Routing] = field(default_factory=dict)
    failures: dict[str, Exception] = field(default_factory=dict)
    customers: dict[str, str] = field(default_factory=dict)
    """The customers' ids, for events about customers."""
    lost: set[str] = field(default_factory=set)
    """Events that were not delivered because their subscription's workflow is lost."""

    @property
    def temporal_failures(self) -> int:
        """How often Temporal did not take a signal, counting each subscription once."""
        return count_temporal_failures(self.failures.values())

    @property
    def other_outages(self) -> int:
        """How often the provider did not respond."""
        outages = sum(isinstance(failure, GatewayUnavailable) for failure in self.failures.values())
        return outages - self.temporal_failures

    @contextmanager
    def recording_failure(self, event: ProviderEvent) -> Iterator[None]:
        """Record any failure of one event, so that the others continue."""
        try:
            yield
        except GatewayUnavailable as error:
            self.failures[event.id] = error
        except Exception as error:  # noqa: BLE001 - a bug of ours must not hold up other events
            _log.exception("provider event %s cannot be delivered", event.id)
            self.failures[event.id] = error


def count_temporal_failures(failures: Iterable[Exception]) -> int:
    """How many of these are signals that Temporal did not take."""
    return sum(getattr(failure, "code", "") == "temporal_unavailable" for failure in failures)
