"""What Tenure writes in the metadata of objects at Stripe.

Stripe forgets idempotency keys after a day. By these marks an attempt is found again, however late, so none of these
names may ever change.
"""

SUBSCRIPTION = "tenure_subscription"
"""On every object: our subscription that it belongs to."""
CUSTOMER = "tenure_customer"
"""On a customer: our id of the customer."""

PURCHASE = "tenure_purchase"
"""On a checkout session that sells: the subscription that it will begin."""

ATTEMPT = "tenure_try"
"""On a subscription: the key of the attempt that started it; on an invoice: of the last attempt to collect it."""
ATTEMPTED_AFTER = "tenure_tried_after"
"""On an invoice: its latest charge before that attempt. A later charge belongs to the attempt."""
RESTART = "tenure_restart"
"""On a subscription: the key of the attempt that last restarted it."""

CHANGE = "tenure_change"
"""On a subscription: the key of the last change. On an invoice: the key of the change that it bills."""
CHANGED_AFTER = "tenure_changed_after"
"""On a subscription: its latest invoice before the last change. The next one is the change's, if it made one."""
CHANGE_INVOICE = "tenure_change_bill"
"""On a subscription: the one-off invoice of the last change, or NO_INVOICE; empty if Stripe prorated the change."""
NO_INVOICE = "none"
BEGUN = "tenure_change_begun"
"""On a subscription: the one-off invoice of a change, from before it is charged until the change is applied."""
AGREEMENT = "tenure_agreement"
"""On a one-off invoice: the Stripe subscription that it belongs to."""
FOR = "tenure_change_for"
"""On a one-off invoice: what it is for. Invoices of earlier releases lack it, and count only for the change with their
own key."""
SETTLED = "tenure_change_settled"
"""On a subscription: when the period was paid (epoch seconds) and how much of it was reversed at our last proration.
On a one-off invoice: the value to store there."""
GIVEN_BACK = "tenure_given_back"
"""On a customer balance transaction: the invoice paid for a change that was not applied. On that invoice: that it was
credited."""

REFUND = "tenure_refund"
"""On a refund: the key of the command that asked for it."""
REFUNDED_BY = "tenure_refunded_by"
"""On a refund: who gave that command, as the journal names them."""

CARRIED = "tenure_use_of"
"""On an invoice item: the line of the voided invoice that it replaces."""
METERED = "tenure_metered"
"""On a subscription: the usage prices it had before its last restart."""

MAX_LENGTH = 500
"""Characters of a value."""
