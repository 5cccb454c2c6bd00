"""How values are stored: a subscription's state as JSON, what is due, the id of a mail."""

from datetime import UTC, datetime
from typing import Any
from uuid import UUID, uuid5

from pydantic import TypeAdapter

from domain.notifications.mail_types import Mail
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


def mail_id(subscription: str, mail: Mail) -> UUID:
    """The id of a mail: the same however often the step is written."""
    return uuid5(UUID(subscription), mail.key)
