"""How soon each kind of difference is found: by the next hourly run, or by the pass that takes a day."""

from collections.abc import Mapping
from enum import StrEnum
from typing import Final

from domain.reconciliation.differences import DifferenceKind


class FoundHourly(StrEnum):
    """When an hourly run finds a difference; otherwise the pass does, within a day."""

    ALWAYS = "always"
    IF_CHANGED = "if the agreement was made, or its period began, since the run before"
    IF_LATE = "if its next action is more than an hour late, or a step is blocked"
    NEVER = "never"


HOURLY: Final[Mapping[DifferenceKind, FoundHourly]] = {
    DifferenceKind.WORKFLOW_MISSING: FoundHourly.IF_LATE,
    DifferenceKind.WORKFLOW_SILENT: FoundHourly.IF_LATE,
    DifferenceKind.END_UNWRITTEN: FoundHourly.IF_LATE,
    DifferenceKind.ROW_MISSING: FoundHourly.NEVER,
    DifferenceKind.DATABASE_BEHIND: FoundHourly.IF_LATE,
    DifferenceKind.WORKFLOW_BEHIND: FoundHourly.IF_LATE,
    DifferenceKind.INVOICES_MISSING: FoundHourly.IF_LATE,
    DifferenceKind.PAYMENT_UNHEARD: FoundHourly.IF_CHANGED,
    DifferenceKind.FAILURE_UNHEARD: FoundHourly.IF_CHANGED,
    DifferenceKind.ENDED_AT_PROVIDER: FoundHourly.NEVER,
    DifferenceKind.AGREEMENT_MISSING: FoundHourly.NEVER,
    DifferenceKind.AGREEMENT_UNHEARD: FoundHourly.IF_CHANGED,
    DifferenceKind.BILLING_NOT_HELD: FoundHourly.IF_CHANGED,
    DifferenceKind.BILLING_HELD: FoundHourly.IF_CHANGED,
    DifferenceKind.CANCELLATION_NOT_TOLD: FoundHourly.IF_CHANGED,
    DifferenceKind.ENDS_AT_PROVIDER: FoundHourly.IF_CHANGED,
    DifferenceKind.STOPPED_AT_PROVIDER: FoundHourly.IF_CHANGED,
    DifferenceKind.ITEMS_DIFFER: FoundHourly.IF_CHANGED,
    DifferenceKind.BILLED_AFTER_END: FoundHourly.IF_CHANGED,
    DifferenceKind.TWO_AGREEMENTS: FoundHourly.IF_CHANGED,
    DifferenceKind.UNKNOWN_AGREEMENT: FoundHourly.IF_CHANGED,
    DifferenceKind.MAIL_STUCK: FoundHourly.ALWAYS,
    DifferenceKind.MAIL_UNSENT: FoundHourly.ALWAYS,
    DifferenceKind.BLOCKED: FoundHourly.ALWAYS,
    DifferenceKind.ADDRESS_UNUSABLE: FoundHourly.ALWAYS,
    DifferenceKind.CUSTOMER_NOT_TOLD: FoundHourly.ALWAYS,
    DifferenceKind.PURCHASE_WAITING: FoundHourly.ALWAYS,
    DifferenceKind.PURCHASE_UNKNOWN: FoundHourly.ALWAYS,
    DifferenceKind.REVENUE_DIFFERS: FoundHourly.NEVER,
}
"""Events are processed before any of this, and open discrepancies are checked every hour."""
