"""What stays of a subscription and of its journal when its customer is erased: amounts, dates, plans and our own codes.

Both are lists of what stays. What they do not name is taken for personal.
"""

from collections.abc import Mapping
from dataclasses import replace
from typing import Final

from domain.errors import Rejected
from domain.provider.payments import Decline
from domain.subscription.confirmation import Confirmation
from domain.subscription.ends import (
    ENDED_AT_PROVIDER,
    FIRST_PAYMENT_DECLINED,
    FIRST_PAYMENT_NOT_CONFIRMED,
    FIRST_PAYMENT_NOT_TAKEN,
    REFUSED,
    ReasonCode,
)
from domain.subscription.journal import Cause, CauseKind, Step
from domain.subscription.state import Blocked, Recovery, Subscription, UnreportedEnd

ERASED: Final = "customer_erased"
"""The journal's kind of an erasure, and the code of what an erased customer cannot do."""
ERASED_SUMMARY: Final = "The customer's data was erased"

OUR_REASONS: Final = frozenset(
    {
        "canceled",
        "dispute_lost",
        "nonpayment",
        "operator",
        "refunded",
        "trial_expired",
        ENDED_AT_PROVIDER,
        FIRST_PAYMENT_NOT_CONFIRMED,
        FIRST_PAYMENT_NOT_TAKEN,
        REFUSED,
        *(code.value for code in ReasonCode),
    }
)
"""Our own reasons; any other text may be somebody's own words."""

FREE_TEXT: Final[Mapping[str, str]] = {
    "blocked": "Blocked",
    "cancel_scheduled": "A cancellation was scheduled",
    "canceled": "Canceled",
    "card_removed": "No card on file",
    "card_replaced": "Card on file",
    "news_refused": "A message could not be processed",
    "reactivated": "Reactivated by an operator",
    "suspended": "Suspended by an operator",
    "trial_extended": "Trial extended",
}
"""Kinds of the journal whose summary has somebody's words or a card in it, and what it says instead."""

PLAIN: Final = frozenset(
    {
        "adopted",
        "answer_missing",
        "bill_waived",
        "cancel_withdrawn",
        "card_expiring",
        "change_not_made",
        "change_scheduled",
        "change_withdrawn",
        "charge_declined",
        "charged_after_end",
        "confirmation_expired",
        "confirmation_needed",
        "confirmation_withdrawn",
        "conversion_planned",
        "converted",
        "customer_changed",
        "customer_deleted",
        ERASED,
        "dispute_closed",
        "dispute_noted",
        "disputed",
        "end_told",
        "handed_over",
        "moved_to_free",
        "notice_skipped",
        "paid_while_suspended",
        "paused",
        "payment_failed",
        "payment_not_made",
        "plan_changed",
        "policy_adopted",
        "provider_asked",
        "provider_paused",
        "provider_resumed",
        "purchase_undone",
        "recovered",
        "recovery_advanced",
        "recovery_suspended",
        "refunded",
        "reminder_skipped",
        "renewal_ahead",
        "renewal_undecided",
        "renewed",
        "resumed",
        "retry_failed",
        "retry_skipped",
        "signed_up",
        "told_again",
        "trial_ending",
        "trial_expired",
        "trial_started",
        "unblocked",
        "usage_exceeds_plan",
        "waived_bill_paid",
        "written_again",
    }
)
"""Kinds of the journal whose summary is ours alone."""

KEPT_DETAILS: Final = frozenset(
    {
        "access",
        "action",
        "advice",
        "agreement",
        "amount",
        "another_trial_allowed_by",
        "cancel_at",
        "change_at",
        "code",
        "currency",
        "customer_ref",
        "days",
        "decline_code",
        "deleted",
        "end_kind",
        "expires_at",
        "fields",
        "from",
        "invoice",
        "invoice_number",
        "period_end",
        "plan",
        "provider_key",
        "reason_code",
        "replaces",
        "resumes_at",
        "reversal",
        "since",
        "to",
        "trial_ends_at",
        "try",
        "voided_invoice",
    }
)
"""Details of journal entries that stay, by name."""
PERSONAL_DETAILS: Final = frozenset({"card", "invoice_pdf", "invoice_url", "reason"})
"""Details that do not: cards, pages at the provider that show names, and free text."""


def erased(customer: str) -> Rejected:
    """The refusal of what would make an erased customer known again."""
    return Rejected(f"the data of customer {customer} was erased, and stays so", code=ERASED)


def is_our_reason(text: str) -> bool:
    """True unless somebody may have written it."""
    return text in OUR_REASONS or text.startswith(FIRST_PAYMENT_DECLINED)


def kept_summary(kind: str, summary: str) -> str:
    """What the summary of a journal entry says after the erasure."""
    return summary if kind in PLAIN else FREE_TEXT.get(kind, kind.replace("_", " ").capitalize())


def kept_details(details: Mapping[str, str]) -> dict[str, str]:
    """The details of a journal entry that stay."""
    return {name: value for name, value in details.items() if name in KEPT_DETAILS}


def kept_ref(cause: Cause) -> str:
    """What stays of a cause: a command's is made of the caller's key, which may have been anything."""
    return "" if cause.kind is CauseKind.COMMAND else cause.ref


def without_personal_data(subscription: Subscription) -> Subscription:
    """The subscription without cards, free text and pages of its customer."""
    it = subscription
    instead = it.reason_code or "canceled" if it.is_over else it.reason_code
    return replace(
        it,
        status_reason=it.status_reason if is_our_reason(it.status_reason) else instead,
        cancel_reason=it.cancel_reason if is_our_reason(it.cancel_reason) else "",
        suspension=replace(it.suspension, reason="") if it.suspension is not None else None,
        card=None,
        barred_card="",
        recovery=_recovery(it.recovery),
        confirmation=_confirmation(it.confirmation),
        blocked=_blocked(it.blocked),
        also_blocked=tuple(replace(each, why="") for each in it.also_blocked),
        untold_end=_untold_end(it.untold_end),
    )


def redacted(step: Step) -> Step:
    """A step of an erased customer as it may be recorded: without mails, since nobody can be written to."""
    entries = tuple(
        replace(
            entry,
            summary=kept_summary(entry.kind, entry.summary),
            details=kept_details(entry.details),
            cause=replace(entry.cause, ref=kept_ref(entry.cause)),
        )
        for entry in step.entries
    )
    invoice = replace(step.invoice, url="", pdf="") if step.invoice is not None else None
    ahead = tuple(replace(due, why="") for due in step.ahead)
    subscription = without_personal_data(step.subscription)
    return replace(step, subscription=subscription, entries=entries, mails=(), invoice=invoice, ahead=ahead)


def _recovery(recovery: Recovery | None) -> Recovery | None:
    if recovery is None:
        return None
    decline = Decline(recovery.decline.code, recovery.decline.advice)
    return replace(recovery, decline=decline, card_ref="")


def _confirmation(confirmation: Confirmation | None) -> Confirmation | None:
    return None if confirmation is None else replace(confirmation, url="")


def _blocked(blocked: Blocked | None) -> Blocked | None:
    return None if blocked is None else replace(blocked, why="")


def _untold_end(end: UnreportedEnd | None) -> UnreportedEnd | None:
    return None if end is None else replace(end, confirmation=_confirmation(end.confirmation))
