"""Stripe's meters: what counts use beyond the plans' limits. A meter is never changed."""

from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from typing import Any

import stripe
from stripe.params.billing import MeterCreateParams, MeterListParams

from gateways.stripe.catalog_plan import Deed, Problem
from gateways.stripe.catalog_prices import Offer

CUSTOMER, VALUE = "stripe_customer_id", "value"
"""What a meter's events say: whose use, and how much."""
_SETTINGS: Mapping[str, Any] = {
    "default_aggregation": {"formula": "sum"},
    "customer_mapping": {"type": "by_id", "event_payload_key": CUSTOMER},
    "value_settings": {"event_payload_key": VALUE},
}
"""What is never changed of a meter, as `_make` asks for it."""

Meters = dict[str, dict[str, Any]]
"""By the name of their events."""


async def found(client: stripe.StripeClient, wanted: Sequence[Offer]) -> Meters:
    """The meters of these offers that there are: the one that counts, else one that was switched off."""
    names = {offer.event_name for offer in wanted if offer.event_name}
    there: Meters = {}
    asked: MeterListParams = {"limit": 100}
    while names:
        listed = await client.v1.billing.meters.list_async(asked)
        for meter in listed.data:
            known = there.get(meter.event_name)
            if meter.event_name in names and (known is None or known["status"] != "active"):
                there[meter.event_name] = meter.to_dict()
        if not listed.has_more:
            break
        asked["starting_after"] = listed.data[-1].id
    return there


def problems(offer: Offer, meters: Meters, price: Mapping[str, Any] | None) -> Iterator[Problem]:
    """What is in the way of counting what is sold by use."""
    meter = meters.get(offer.event_name)
    if meter is not None and meter["status"] != "active":
        words = f"Stripe has switched off the meter {offer.event_name}: reactivate it there"
        yield Problem("meter_differs", words)
    elif meter is not None:
        differ = [name for name, value in _SETTINGS.items() if not _holds(meter.get(name), value)]
        if meter.get("event_time_window"):
            differ.append("event_time_window")
        if differ:
            words = (
                f"Stripe has a meter {offer.event_name} with another {', '.join(differ)}: that is never changed, "
                "switch it off there, or name the feature otherwise"
            )
            yield Problem("meter_differs", words)
    counted_by = ((price or {}).get("recurring") or {}).get("meter")
    if counted_by and (meter is None or meter["id"] != counted_by):
        words = f"Stripe counts {offer.lookup_key} with another meter than {offer.event_name}: raise the version"
        yield Problem("price_in_use", words)


def _holds(given: Any, wanted: Mapping[str, str]) -> bool:
    return given is not None and all(given.get(name) == value for name, value in wanted.items())


def deeds(client: stripe.StripeClient, wanted: Sequence[Offer], meters: Meters) -> Iterator[Deed]:
    """Make the meters that are missing; each is put among *meters* once it is made."""
    missing = {offer.event_name: offer for offer in wanted if offer.event_name and offer.event_name not in meters}
    for name, offer in missing.items():
        yield Deed(f"meter {name} ({offer.counted})", partial(_make, client, offer, meters))


async def _make(client: stripe.StripeClient, offer: Offer, meters: Meters) -> None:
    params: MeterCreateParams = {
        "event_name": offer.event_name,
        "display_name": offer.counted,
        "default_aggregation": {"formula": "sum"},
        "customer_mapping": {"type": "by_id", "event_payload_key": CUSTOMER},
        "value_settings": {"event_payload_key": VALUE},
    }
    key = f"tenure/meter/{offer.event_name}"
    made = await client.v1.billing.meters.create_async(params, {"idempotency_key": key})
    meters[offer.event_name] = made.to_dict()
