"""One round of delivering messages: what came of each, and what failed."""

import asyncio
import logging
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field

from domain.errors import GatewayUnavailable
from domain.provider.events import KeptEvent, ProviderEvent, Routing

_log = logging.getLogger("tenure.delivery")


@dataclass
class Batch:
    """What came of messages so far, by their ids."""

    turns: asyncio.Semaphore
    """Who may be at work at the same time."""
    verdicts: dict[str, Routing] = field(default_factory=dict)
    failures: dict[str, Exception] = field(default_factory=dict)
    customers: dict[str, str] = field(default_factory=dict)
    """Whom messages are about that tell of customers: our ids, by the messages'."""
    lost: set[str] = field(default_factory=set)
    """Those that were told to nobody, since the workflow of their subscription is gone."""

    @property
    def temporal_failures(self) -> int:
        """How often the workflow engine took nothing, each subscription counted once."""
        return _of_temporal(self.failures.values())

    @property
    def other_outages(self) -> int:
        """How often the provider gave no answer."""
        outages = sum(isinstance(failure, GatewayUnavailable) for failure in self.failures.values())
        return outages - self.temporal_failures

    @contextmanager
    def noting(self, event: ProviderEvent) -> Iterator[None]:
        """What fails for one message, whatever it is, is noted, so that the others go on."""
        try:
            yield
        except GatewayUnavailable as error:
            self.failures[event.id] = error
        except Exception as error:  # noqa: BLE001 - a fault of ours must not hold up other messages
            _log.exception("provider event %s cannot be delivered", event.id)
            self.failures[event.id] = error


@dataclass(frozen=True)
class Delivered:
    """What came of a batch."""

    verdicts: Mapping[str, Routing]
    """Of those that were dealt with, by their ids."""
    left: Sequence[KeptEvent]
    """Those that stay as they were: they failed, or cannot be addressed yet."""
    failed: Mapping[str, Exception]
    """Why those failed that did, by their ids."""
    last: KeptEvent
    """Of the batch, in the order in which it was given."""

    @property
    def temporal_failures(self) -> int:
        """How often the workflow engine took nothing."""
        return _of_temporal(self.failed.values())

    @property
    def failures(self) -> Sequence[Exception]:
        """Each failure there was."""
        return list(self.failed.values())


def _of_temporal(failures: Iterable[Exception]) -> int:
    return sum(getattr(failure, "code", "") == "temporal_unavailable" for failure in failures)
