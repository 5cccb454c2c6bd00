"""Stripe's list of past events, which goes back 30 days."""

import json
from datetime import datetime
from typing import Any

import stripe
from stripe.params import EventListParams, EventListParamsCreated

from domain.errors import Rejected
from domain.provider.events import PastEvent, PastEvents
from gateways.stripe.errors import translated
from gateways.stripe.webhooks import CUSTOMER_UPDATED, EVENT_KINDS, event_of

PAGE = 100


class StripeEventHistory:
    """The port `EventHistory`. Returns only relevant events, as snapshots."""

    def __init__(self, client: stripe.StripeClient) -> None:
        self._api = client.v1

    async def events(
        self, since: datetime, until: datetime | None, cursor: str | None, *, undelivered: bool
    ) -> PastEvents:
        created: EventListParamsCreated = {"gte": int(since.timestamp())}
        if until is not None:
            created["lt"] = int(until.timestamp())
        params: EventListParams = {"limit": PAGE, "created": created, "types": sorted((*EVENT_KINDS, CUSTOMER_UPDATED))}
        if undelivered:
            params["delivery_success"] = False
        if cursor is not None:
            params["starting_after"] = cursor
        with translated():
            listed = await self._api.events.list_async(params)
        found = [each.to_dict() for each in listed.data]
        events = tuple(past for past in map(_past, found) if past is not None)
        return PastEvents(events, found[-1]["id"] if listed.has_more and found else None)


def _past(found: dict[str, Any]) -> PastEvent | None:
    try:
        return PastEvent(event_of(found), json.dumps(found, default=str).encode())
    except Rejected:
        # The webhook endpoint would have rejected it as well.
        return None
