"""What a customer can be sent to on the billing pages: by a product, or by a link in a mail."""

from enum import StrEnum


class BillingFlow(StrEnum):
    """The page that a link opens."""

    OVERVIEW = "overview"
    """Plan and status, and all that can be done."""
    PAYMENT_METHOD = "payment_method"
    """Put another card on file."""
    CHANGE_PLAN = "change_plan"
    CANCEL = "cancel"
    UNDO_CANCEL = "undo_cancel"
    PAUSE = "pause"
    RESUME = "resume"
    PAY = "pay"
    """Pay what is owed."""
    INVOICES = "invoices"
    WITHDRAW_CHANGE = "withdraw_change"
    """Keep the current plan instead of the planned one."""
    BUY = "buy"
    """Choose a plan after the end of a subscription, and buy it on the provider's page."""
