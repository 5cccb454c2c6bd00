"""The inbox of the payment provider's events, as operators see it."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from domain.provider.events import Disposition


class EventState(StrEnum):
    """What has become of an event."""

    WAITING = "waiting"
    """Not delivered yet: the sweep tries it again every minute."""
    DELIVERED = Disposition.DELIVERED.value
    PASSED_OVER = Disposition.PASSED_OVER.value
    SET_ASIDE = Disposition.SET_ASIDE.value


@dataclass(frozen=True)
class InboxRow:
    """An event with its state, for an operator."""

    event_id: str
    type: str
    object_id: str
    customer_ref: str
    agreement_ref: str
    received_at: datetime
    handled_at: datetime | None
    disposition: Disposition | None
    outcome: str

    @property
    def state(self) -> EventState:
        return EventState.WAITING if self.disposition is None else EventState(self.disposition.value)


@dataclass(frozen=True)
class InboxSummary:
    """How far behind the inbox is, for one tenant."""

    waiting: int
    """At most `COUNTED`, as is `set_aside`."""
    oldest_waiting: datetime | None
    set_aside: int
    received: int
    """Events of the last hour, of the newest `COUNTED`, as with what follows."""
    delivered: int
    median_delay: timedelta | None
    """From receipt to delivery; None: nothing was delivered."""
    slow_delay: timedelta | None
    """Nineteen of twenty deliveries took no longer."""


COUNTED = 10_000
"""The most events that are counted: enough to act on."""
