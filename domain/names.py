"""Names that more than one room must agree on: task queues, workflow ids, search attributes."""

from enum import StrEnum
from typing import Final

DEFAULT_TENANT: Final = "default"

LIFECYCLE_QUEUE: Final = "lifecycle"
"""Workflow tasks, and the database steps that run with them."""
RECORDS_QUEUE: Final = "records"
"""Activities that talk to PostgreSQL outside of a workflow task."""
PAYMENTS_QUEUE: Final = "payments"
MAIL_QUEUE: Final = "mail"


class SearchAttribute(StrEnum):
    """What operators filter by in the Temporal UI; ids and plan codes, never personal data."""

    STATUS = "TenureStatus"
    PLAN = "TenurePlan"
    CUSTOMER = "TenureCustomer"
    NEXT_ACTION = "TenureNextAction"
    NEXT_ACTION_AT = "TenureNextActionAt"
    BLOCKED = "TenureBlocked"


def subscription_workflow_id(subscription_id: str) -> str:
    return f"subscription/{subscription_id}"


def customer_workflow_id(customer: str) -> str:
    """Of what is to be told of a customer; *customer* is our id."""
    return f"customer/{customer}"


def mail_workflow_id(mail_id: str) -> str:
    return f"mail/{mail_id}"


def sweep_schedule_id() -> str:
    return "sweep-webhooks"


def report_usage_schedule_id() -> str:
    return "report-usage"


def report_usage_workflow_id() -> str:
    """Of a report that was asked for by hand."""
    return "report-usage/by-hand"


def reconcile_schedule_id() -> str:
    return "reconcile"


def roll_up_schedule_id() -> str:
    return "roll-up-usage"


def roll_up_workflow_id() -> str:
    """Of a roll-up that was asked for by hand."""
    return "roll-up-usage/by-hand"


def reconcile_workflow_id(*, fix: bool) -> str:
    """Of a reconciliation that was asked for by hand: one that heals, or one that only lists."""
    return f"reconcile/{'fix' if fix else 'list'}"
