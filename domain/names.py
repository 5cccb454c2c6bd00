"""Names shared between packages: task queues, workflow ids, search attributes."""

from collections.abc import Mapping
from enum import StrEnum
from typing import Final

DEFAULT_TENANT: Final = "default"

LIFECYCLE_QUEUE: Final = "lifecycle"
"""Workflow tasks, and the database activities that run with them."""
RECORDS_QUEUE: Final = "records"
"""Activities that access PostgreSQL outside a workflow task."""
PAYMENTS_QUEUE: Final = "payments"
MAIL_QUEUE: Final = "mail"
EVENTS_QUEUE: Final = "events"
"""Activities that send events to the endpoints of products."""


class SearchAttribute(StrEnum):
    """What operators filter by in the Temporal UI: ids and plan codes, never personal data."""

    STATUS = "TenureStatus"
    PLAN = "TenurePlan"
    CUSTOMER = "TenureCustomer"
    NEXT_ACTION = "TenureNextAction"
    NEXT_ACTION_AT = "TenureNextActionAt"
    BLOCKED = "TenureBlocked"


SEARCH_ATTRIBUTE_TYPES: Final[Mapping[str, str]] = {
    name.value: "Datetime" if name is SearchAttribute.NEXT_ACTION_AT else "Keyword" for name in SearchAttribute
}
"""The type of each search attribute, as the `temporal` CLI writes it."""


def subscription_workflow_id(subscription_id: str) -> str:
    return f"subscription/{subscription_id}"


def customer_workflow_id(customer: str) -> str:
    """The workflow that syncs a customer's contact changes to the provider; *customer* is our id."""
    return f"customer/{customer}"


def mail_workflow_id(mail_id: str) -> str:
    return f"mail/{mail_id}"


def event_delivery_id(event: str, endpoint: str, round_: int) -> str:
    """One event on its way to one endpoint; *round_* counts how often it was begun again."""
    return f"event/{event}/{endpoint}" + (f"/{round_}" if round_ else "")


def bulk_workflow_id(run: str) -> str:
    """The workflow that works off a bulk run; also what the audit names as the cause of its commands."""
    return f"bulk/{run}"


def sweep_schedule_id() -> str:
    return "sweep-webhooks"


def report_usage_schedule_id() -> str:
    return "report-usage"


def report_usage_workflow_id() -> str:
    """A usage report that was started manually."""
    return "report-usage/by-hand"


def reconcile_schedule_id() -> str:
    return "reconcile"


def roll_up_schedule_id() -> str:
    return "roll-up-usage"


def roll_up_workflow_id() -> str:
    """A roll-up that was started manually."""
    return "roll-up-usage/by-hand"


def reconcile_workflow_id(*, fix: bool) -> str:
    """A reconciliation that was started manually: one that fixes differences, or one that only lists them."""
    return f"reconcile/{'fix' if fix else 'list'}"


def heal_workflow_id(discrepancy: str) -> str:
    """The healing of one difference that reconciliation has found."""
    return f"heal/{discrepancy}"
