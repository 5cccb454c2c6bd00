"""Converts a subscription's state to JSON and back."""

from datetime import UTC, datetime
from typing import Any

from pydantic import TypeAdapter

from domain.subscription.agenda import Due
from domain.subscription.state import Subscription

_SUBSCRIPTION = TypeAdapter(Subscription)


def state_to_json(subscription: Subscription) -> dict[str, Any]:
    found: dict[str, Any] = _SUBSCRIPTION.dump_python(subscription, mode="json")
    return found


def state_from_json(state: dict[str, Any]) -> Subscription:
    return _SUBSCRIPTION.validate_python(state)


def rfc3339(at: datetime) -> str:
    return at.astimezone(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")


def due_to_json(due: Due) -> dict[str, str]:
    return {"at": rfc3339(due.at), "action": due.action.value, "why": due.why}
