"""Delivers one stored event again, because an operator asks for it."""

from dataclasses import replace
from datetime import UTC, datetime

from domain.errors import GatewayUnavailable, Rejected, TenureError
from domain.webhooks.inbox import InboxRow
from domain.webhooks.ports import Deliver, StoredEvents


class EventReplay:
    """Delivers events again. Safe to repeat: an event is a hint where to look, and the subscription looks again.

    Args:
        events: the stored events.
        deliver: delivers them, and records the outcome in place of the earlier one.

    """

    def __init__(self, events: StoredEvents, deliver: Deliver) -> None:
        self._events = events
        self._deliver = deliver

    async def replay(self, tenant: str, event_id: str) -> InboxRow:
        """Deliver an event again and return it with its new outcome.

        Raises:
            Rejected: code `unknown_event`. Code `not_deliverable`: nothing we know can take it now; it is as it was.
            GatewayUnavailable: Temporal, the provider or the database does not respond; it is as it was.
        """
        found = await self._events.event(tenant, event_id)
        if found is None:
            raise Rejected(f"no event {event_id!r} was received", code="unknown_event")
        kept, row = found
        delivered = await self._deliver([kept], redelivered=True)
        if failure := delivered.failed.get(kept.event.id):
            if isinstance(failure, TenureError):
                raise failure
            raise GatewayUnavailable("the event cannot be delivered, because of an error in Tenure") from failure
        routing = delivered.verdicts.get(kept.event.id)
        if routing is None:
            raise Rejected(
                "its customer is not known here yet, or the workflow of its subscription is lost: reconcile first",
                code="not_deliverable",
            )
        handled_at = row.handled_at or datetime.now(UTC)
        return replace(row, handled_at=handled_at, disposition=routing.disposition, outcome=routing.words)
