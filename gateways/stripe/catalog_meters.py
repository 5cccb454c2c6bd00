"""Stripe's meters, which count usage beyond the plans' limits. A meter is never changed."""

from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from typing import Any

import stripe
from stripe.params.billing import MeterCreateParams, MeterListParams

from gateways.stripe.catalog_plan import Problem, PushStep
from gateways.stripe.catalog_prices import Offer

CUSTOMER, VALUE = "stripe_customer_id", "value"
"""The payload of a meter event: whose usage, and how much."""
_SETTINGS: Mapping[str, Any] = {
    "default_aggregation": {"formula": "sum"},
    "customer_mapping": {"type": "by_id", "event_payload_key": CUSTOMER},
    "value_settings": {"event_payload_key": VALUE},
}
"""The settings of a meter that never change, as `_make` sends them."""

Meters = dict[str, dict[str, Any]]
"""Meters by event name."""


async def found(client: stripe.StripeClient, wanted: Sequence[Offer]) -> Meters:
    """The existing meters of these offers; an active one wins over a deactivated one."""
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
    """What prevents usage of this offer from being counted."""
    meter = meters.get(offer.event_name)
    if meter is not None and meter["status"] != "active":
        message = f"Stripe has deactivated the meter {offer.event_name}: reactivate it there"
        yield Problem("meter_differs", message)
    elif meter is not None:
        differ = [name for name, value in _SETTINGS.items() if not _matches(meter.get(name), value)]
        if meter.get("event_time_window"):
            differ.append("event_time_window")
        if differ:
            message = (
                f"Stripe has a meter {offer.event_name} with another {', '.join(differ)}. Meters cannot be changed: "
                "deactivate it there, or rename the feature"
            )
            yield Problem("meter_differs", message)
    counted_by = ((price or {}).get("recurring") or {}).get("meter")
    if counted_by and (meter is None or meter["id"] != counted_by):
        message = f"Stripe counts {offer.lookup_key} with a meter other than {offer.event_name}: raise the version"
        yield Problem("price_in_use", message)


def _matches(given: Any, wanted: Mapping[str, str]) -> bool:
    return given is not None and all(given.get(name) == value for name, value in wanted.items())


def steps(client: stripe.StripeClient, wanted: Sequence[Offer], meters: Meters) -> Iterator[PushStep]:
    """Creates the missing meters and adds each to *meters*."""
    missing = {offer.event_name: offer for offer in wanted if offer.event_name and offer.event_name not in meters}
    for name, offer in missing.items():
        yield PushStep(f"meter {name} ({offer.counted})", partial(_make, client, offer, meters))


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
