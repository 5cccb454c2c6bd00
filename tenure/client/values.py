"""The values that arguments take and answers hold where the API has a fixed list of them.

Answers are read leniently: a later version of Tenure may return a value that is not listed here, and it is passed on.
"""

from typing import Literal

Interval = Literal["month", "year"]
"""How often a plan is billed."""
PeriodLength = Literal["day", "month", "year"]
"""How long the periods of figures are."""
ChangeAt = Literal["now", "period_end"]
"""When a change of plan takes effect."""
ConvertAt = Literal["now", "trial_end"]
"""When a trial becomes a paid subscription."""
CancelAt = Literal["now", "period_end"]
"""When a canceled subscription ends."""
Status = Literal["trialing", "active", "past_due", "suspended", "paused", "canceled"]
Access = Literal["full", "limited", "none"]
Level = Literal["ok", "hint", "warned", "grace", "overage", "reached"]
"""How close usage is to its limit."""
EndKind = Literal[
    "customer", "operator", "nonpayment", "trial_expired", "never_began", "dispute_lost", "refunded", "provider"
]
"""How a subscription ended."""
ReasonCode = Literal[
    "too_expensive",
    "missing_features",
    "switched_service",
    "unused",
    "customer_service",
    "low_quality",
    "too_complex",
    "other",
]
"""Why a customer leaves, as they say."""
Role = Literal["admin", "operator", "service", "read_only", "webhooks"]
"""What the holder of an API key may do."""
KeyStatus = Literal["active", "rotated", "expired", "revoked"]
"""Whether an API key is accepted: rotated ones are, until they expire."""
AuditOutcome = Literal["asked", "done", "refused", "unknown"]
"""What has come of a command: asked while it is under way, unknown if it may have been carried out."""
InboxState = Literal["waiting", "delivered", "passed_over", "set_aside"]
"""What has become of an event of the payment provider."""
MailState = Literal["queued", "sent", "withdrawn", "refused"]
"""What has become of a mail: refused means that it was given up."""
HealingOutcome = Literal["listed", "healed", "failed"]
"""What was done about a difference that reconciliation has found."""
ScheduleState = Literal["active", "paused", "missing", "unknown"]
"""Whether a Temporal Schedule starts runs; unknown while Temporal does not respond."""
ScheduledRunStatus = Literal["running", "completed", "failed", "timed_out", "stopped"]
"""What has come of a run of a Schedule."""
EventAction = Literal["record", "release", "set"]
EventOutcome = Literal["counted", "repeated", "refused"]
BulkKind = Literal["extend_trial", "suspend", "reactivate", "cancel", "uncancel", "migrate_policy", "retry_mails"]
"""What a bulk run does to each subscription."""
BulkState = Literal["starting", "running", "paused", "stopped", "finished"]
BulkOutcome = Literal["done", "refused", "unknown", "skipped"]
"""What came of one subscription of a bulk run."""
EventType = Literal[
    "subscription.created",
    "subscription.trial_started",
    "subscription.trial_extended",
    "trial.ending",
    "subscription.activated",
    "subscription.renewed",
    "subscription.past_due",
    "subscription.recovered",
    "subscription.suspended",
    "subscription.reactivated",
    "subscription.paused",
    "subscription.resumed",
    "subscription.changed",
    "subscription.change_scheduled",
    "subscription.change_withdrawn",
    "subscription.cancel_scheduled",
    "subscription.cancel_withdrawn",
    "subscription.canceled",
    "subscription.access_changed",
    "subscription.confirmation_needed",
    "subscription.confirmation_ended",
    "invoice.open",
    "invoice.paid",
    "invoice.voided",
    "invoice.payment_failed",
    "invoice.refunded",
    "invoice.disputed",
    "invoice.dispute_closed",
    "customer.updated",
    "customer.erased",
    "usage.threshold_reached",
]
"""What an event tells."""
EndpointState = Literal["enabled", "disabled"]
"""Whether events are sent to an endpoint."""
DisabledReason = Literal["gone", "failing", "operator"]
"""Why nothing is sent to an endpoint: it answered 410, it has taken nothing for 5 days, or it was asked for."""
DeliveryState = Literal["pending", "delivered", "failed", "canceled"]
"""What has become of a delivery: failed means that no attempt succeeded, canceled that its endpoint was disabled."""
