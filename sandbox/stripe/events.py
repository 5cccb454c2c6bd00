"""Events: what happened, with the objects at that time."""

import copy
import json
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any

from sandbox.stripe.clock import TEST_CLOCK, Clocks
from sandbox.stripe.ids import new_id
from sandbox.stripe.store import Object, Store

THIN = "v2.core.event"
API_VERSION = "2026-10-28.endive"


PATHS = {"checkout.session": "checkout/sessions", TEST_CLOCK: "test_helpers/test_clocks"}
"""Where objects are, if not under their plural."""


def shown(thing: Mapping[str, Any]) -> Object:
    """*thing* without our own fields."""
    return {name: copy.deepcopy(value) for name, value in thing.items() if not name.startswith("_")}


ENABLED_EVENTS = "SELECT json_extract(body, '$.enabled_events') FROM objects WHERE kind = 'webhook_endpoint' LIMIT 1"


class Events:
    """Writes events and passes them to the deliverer."""

    def __init__(self, store: Store, clocks: Clocks) -> None:
        self._store = store
        self._clocks = clocks
        self.has_endpoint = False
        self.sends_thin = False
        """True if a second destination gets everything as thin events."""
        self.request: tuple[str | None, str | None] = (None, None)
        """Id and idempotency key of the API call being answered."""
        self.on_queued: Callable[[str], None] = lambda _lane: None

    def emit(self, kind: str, thing: Object, *, customer: str | None, before: Object | None = None) -> None:
        data: Object = {"object": shown(thing)}
        if before is not None:
            data["previous_attributes"] = before
        request, key = self.request
        is_told = self.has_endpoint and self._is_subscribed_to(kind)
        event: Object = {
            "id": new_id("evt"),
            "object": "event",
            "api_version": API_VERSION,
            "created": int(self._clocks.now(customer).timestamp()),
            "data": data,
            "livemode": False,
            "pending_webhooks": 1 if is_told else 0,
            "request": {"id": request, "idempotency_key": key},
            "type": kind,
            "_customer": customer,
        }
        self._store.save(event)
        if not is_told:
            return
        lane = self._clocks.name(customer) if customer else ""
        for each in [event, *([self._thin(event, thing)] if self.sends_thin else [])]:
            self._store.execute(
                "INSERT INTO deliveries (event, lane, state) VALUES (?, ?, 'pending')", each["id"], lane
            )
        self.on_queued(lane)

    def _is_subscribed_to(self, kind: str) -> bool:
        """True if the endpoint wants such events; without a registered one, all are sent."""
        [wanted] = self._store.query(ENABLED_EVENTS) or [(None,)]
        return wanted[0] is None or kind in (enabled := json.loads(wanted[0])) or "*" in enabled

    def _thin(self, event: Object, thing: Object) -> Object:
        """The same as a thin event: what happened, and where to look."""
        kind, at = thing["object"], datetime.fromtimestamp(event["created"], UTC)
        path = PATHS.get(kind, f"{kind}s")
        thin: Object = {
            "id": new_id("evt_test"),
            "object": THIN,
            "context": None,
            "created": at.strftime("%Y-%m-%dT%H:%M:%S.000Z"),
            "livemode": False,
            "reason": None,
            "related_object": {"id": thing["id"], "type": kind, "url": f"/v1/{path}/{thing['id']}"},
            "type": f"v1.{event['type']}",
            "_customer": event["_customer"],
        }
        return self._store.save(thin)


def changes(before: Mapping[str, Any], after: Mapping[str, Any]) -> Object:
    """The old values of changed fields: `previous_attributes`."""
    return {
        name: copy.deepcopy(value)
        for name, value in before.items()
        if not name.startswith("_") and after.get(name) != value
    }
