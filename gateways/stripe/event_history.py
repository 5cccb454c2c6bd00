"""Events as Stripe remembers them, for 30 days."""

import json
from datetime import datetime
from typing import Any

from stripe.params import EventListParams, EventListParamsCreated

from domain.errors import Rejected
from domain.provider.events import PastEvent, PastEvents
from gateways.stripe.base import StripeAccount
from gateways.stripe.errors import translated
from gateways.stripe.webhooks import CUSTOMER, NEWS, event_of

PAGE = 100


class StripeHistory(StripeAccount):
    """The port `ProviderHistory` on Stripe's list of events: those that can tell us something, as snapshots."""

    async def events(
        self, since: datetime, until: datetime | None, cursor: str | None, *, undelivered: bool
    ) -> PastEvents:
        created: EventListParamsCreated = {"gte": int(since.timestamp())}
        if until is not None:
            created["lt"] = int(until.timestamp())
        params: EventListParams = {"limit": PAGE, "created": created, "types": sorted((*NEWS, CUSTOMER))}
        if undelivered:
            params["delivery_success"] = False
        if cursor is not None:
            params["starting_after"] = cursor
        with translated():
            listed = await self._api.events.list_async(params)
        found = [each.to_dict() for each in listed.data]
        told = tuple(past for past in map(_past, found) if past is not None)
        return PastEvents(told, found[-1]["id"] if listed.has_more and found else None)


def _past(found: dict[str, Any]) -> PastEvent | None:
    try:
        return PastEvent(event_of(found), json.dumps(found, default=str).encode())
    except Rejected:
        # What cannot be kept would not have been taken in as a webhook either.
        return None
