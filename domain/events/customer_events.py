"""The events that are about a customer and no step of a subscription."""

from collections.abc import Sequence
from datetime import datetime

from domain.entitlements.usage_mails import Crossing
from domain.events.outbound import OutboundEvent, event_id
from domain.events.payloads import changed_payload, timestamp, usage_payload
from domain.events.types import EventType


def customer_updated(change: str, tenant: str, customer: str, fields: Sequence[str], at: datetime) -> OutboundEvent:
    """Customer data was changed; *fields* are the names of the changed fields."""
    type_ = EventType.CUSTOMER_UPDATED
    return OutboundEvent(event_id(change, type_), type_, tenant, customer, at, changed_payload(fields))


def customer_erased(tenant: str, customer: str, at: datetime) -> OutboundEvent:
    """Names the customer by our id alone: their external id was erased."""
    type_ = EventType.CUSTOMER_ERASED
    return OutboundEvent(event_id(customer, type_), type_, tenant, customer, at, {})


def threshold_reached(crossing: Crossing, tenant: str, customer: str, subscription: str) -> OutboundEvent:
    """Usage has crossed a threshold: once per feature, period, threshold and limit, as with the mail."""
    type_ = EventType.THRESHOLD_REACHED
    parts = (crossing.feature, timestamp(crossing.period_start), crossing.threshold, crossing.included)
    payload = {"usage": usage_payload(crossing, subscription)}
    id_ = event_id(customer, *parts, type_)
    return OutboundEvent(id_, type_, tenant, customer, crossing.at, payload, subscription)
