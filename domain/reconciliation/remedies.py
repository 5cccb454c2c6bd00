"""What healing does about each kind of difference, or what an operator has to do."""

from collections.abc import Mapping
from typing import Final

from domain.reconciliation.differences import DifferenceKind

HEALING: Final[Mapping[DifferenceKind, str]] = {
    DifferenceKind.WORKFLOW_MISSING: "its workflow is restarted from the latest known state",
    DifferenceKind.END_UNWRITTEN: "its end is recorded; no mail is sent",
    DifferenceKind.ROW_MISSING: "its workflow writes its whole state again",
    DifferenceKind.DATABASE_BEHIND: "its workflow writes its whole state again",
    DifferenceKind.WORKFLOW_BEHIND: "its workflow is terminated, and restarted from the database",
    DifferenceKind.INVOICES_MISSING: "its invoices are recorded as the provider has them",
    DifferenceKind.PAYMENT_UNHEARD: "the payment is taken over, and the receipt is mailed",
    DifferenceKind.FAILURE_UNHEARD: "the recovery of the payment begins",
    DifferenceKind.AGREEMENT_UNHEARD: "the first payment is taken over: the subscription is converted",
    DifferenceKind.ENDED_AT_PROVIDER: "the subscription is canceled here, too",
    DifferenceKind.BILLING_NOT_HELD: "billing is held at the provider again",
    DifferenceKind.BILLING_HELD: "our hold on billing is lifted",
    DifferenceKind.CANCELLATION_NOT_TOLD: "the cancellation is sent to the provider again",
    DifferenceKind.BILLED_AFTER_END: "the agreement is ended at the provider, and an open invoice voided",
    DifferenceKind.MAIL_STUCK: "its mails are handed to the mail server",
    DifferenceKind.BLOCKED: "the step is tried again at once",
    DifferenceKind.REVENUE_DIFFERS: "the missing movement is recorded",
}
"""Of the kinds that healing can decide."""

BY_HAND: Final[Mapping[DifferenceKind, str]] = {
    DifferenceKind.WORKFLOW_SILENT: "find out why its workflow does not respond, in the Temporal UI",
    DifferenceKind.ROW_MISSING: "put its customer back (`tenure customers put-back`), then heal it",
    DifferenceKind.AGREEMENT_MISSING: "check whether the key is of the right account at the provider",
    DifferenceKind.AGREEMENT_UNHEARD: "end the agreement at the provider, or repeat the change that it was paid for",
    DifferenceKind.BILLING_HELD: "lift the hold at the provider, or pause the subscription here",
    DifferenceKind.ENDS_AT_PROVIDER: "cancel it here, or undo the cancellation at the provider",
    DifferenceKind.STOPPED_AT_PROVIDER: "resume it at the provider, or pause or cancel it here",
    DifferenceKind.ITEMS_DIFFER: "decide which is right: change the plan here, or the items at the provider",
    DifferenceKind.TWO_AGREEMENTS: "end one of them at the provider, and refund what was taken twice",
    DifferenceKind.UNKNOWN_AGREEMENT: "adopt it (`tenure import`), or end it at the provider",
    DifferenceKind.MAIL_UNSENT: "check whether it was sent, and if not, send it again",
    DifferenceKind.ADDRESS_UNUSABLE: "change the customer's address",
    DifferenceKind.CUSTOMER_NOT_TOLD: "change the customer's data: the provider refuses what it was given",
    DifferenceKind.PURCHASE_WAITING: "see in the logs why it is not taken over; it is tried again by itself",
    DifferenceKind.PURCHASE_UNKNOWN: "sign the customer up, or refund the purchase at the provider",
}
"""What an operator has to do about those that no rule can decide."""


def remedy(kind: DifferenceKind, *, is_healable: bool) -> str:
    """What healing does, or, if it can do nothing, what an operator has to do; empty: nothing is known to help."""
    return (HEALING if is_healable else BY_HAND).get(kind, "")
