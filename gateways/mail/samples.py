"""Samples of every mail and its variants, to preview them before customers receive them."""

from collections.abc import Iterator
from dataclasses import dataclass

from domain.notifications.links_of_mails import FLOW_OF_FACT
from domain.notifications.mail_types import Occasion
from domain.provider.payments import NO_CARD

PLAN = {
    "plan": "professional",
    "plan_name": "Professional",
    "interval": "month",
    "amount": "19900",
    "currency": "usd",
    "access": "full",
    "has_card": "no",
    **{fact: f"https://app.northwind.example/billing/mail/{flow}" for fact, flow in FLOW_OF_FACT.items()},
}
CARD = {"has_card": "yes", "card_brand": "visa", "card_last4": "4242", "card_exp": "12/2026"}
INVOICE = {
    "invoice_number": "NW-0003",
    "invoice_url": "https://pay.example.com/invoices/3",
    "period_end": "2027-01-05T17:30:00Z",
}
PAID = {**INVOICE, "period_start": "2026-12-05T17:30:00Z", "paid_at": "2026-12-05T18:31:00Z", "invoice_total": "19900"}
ITEMISED = {
    **PAID,
    "amount": "21681",
    "lines": '[["1 × Professional (at $199.00 / month)", 19900], ["3 × Extra users (at $5.00 / month)", 1500]]',
    "discount": "1990",
    "tax": "3688",
    "tax_included": "no",
    "invoice_total": "23098",
    "credit_applied": "1417",
}
"""A bill with all that a receipt can show."""
PDF = {"invoice_pdf": "https://pay.example.com/invoices/3.pdf"}
TRIAL = {"trial_ends_at": "2026-12-05T17:30:00Z"}
DECLINE = {"attempts": "6", "decline_code": "insufficient_funds", "amount_due": "18900"}
NONE_ON_FILE = {"decline_code": NO_CARD}
CONFIRM = {"action_url": "https://pay.example.com/confirm/1", "amount_due": "18900"}
NEXT_ATTEMPT = {"next_attempt_at": "2026-12-08T09:00:00Z"}
END = {"cancel_at": "2027-01-18T09:00:00Z"}
KEPT = {"keep_data_until": "2027-01-18T09:00:00Z"}
RENEWAL = {"renews_at": "2027-01-05T17:30:00Z"}
CHANGE = {**CARD, "old_plan_name": "Starter", **RENEWAL}
USAGE = {"meter_name": "API calls", "limit": "10000", "has_larger_plan": "yes"}
RESET = {"resets_at": "2027-01-01T00:00:00Z"}


@dataclass(frozen=True)
class Sample:
    """A sample mail."""

    name: str
    """Usable as a file name: the occasion, and after a dash the variant."""
    occasion: Occasion
    facts: dict[str, str]


def samples(currency: str = "usd") -> list[Sample]:
    """Returns samples of every occasion, grouped by kind."""
    found = [*_trials(), *_payments(), *_access(), *_changes(), *_usage()]
    return [
        Sample("-".join(filter(None, (occasion, variant))), occasion, {**PLAN, "currency": currency, **facts})
        for occasion, variant, facts in found
    ]


SampleFacts = tuple[Occasion, str, dict[str, str]]


def _trials() -> Iterator[SampleFacts]:
    yield Occasion.TRIAL_STARTED, "", TRIAL
    yield Occasion.TRIAL_STARTED, "with-card", {**TRIAL, **CARD}
    to_free = {"trial_end": "free_plan", "free_plan_name": "Free"}
    yield Occasion.TRIAL_STARTED, "to-free", {**TRIAL, **to_free}
    for days in ("7", "3", "1"):
        yield Occasion.TRIAL_ENDING, f"{days}-days", {**TRIAL, "days_left": days}
    yield Occasion.TRIAL_ENDING, "with-card", {**TRIAL, **CARD, "days_left": "3"}
    yield Occasion.TRIAL_ENDING, "to-free", {**TRIAL, **to_free, "days_left": "3"}
    barred = {**CARD, "has_card": "no", "card_is_barred": "yes"}
    yield Occasion.TRIAL_ENDING, "card-barred", {**TRIAL, **barred, "days_left": "3"}
    yield Occasion.TRIAL_EXPIRED, "", KEPT
    yield Occasion.TRIAL_EXPIRED, "card-barred", {**KEPT, **barred}
    yield Occasion.CONVERTED, "", {**CARD, **INVOICE}


def _payments() -> Iterator[SampleFacts]:
    yield Occasion.RECEIPT, "", {**CARD, **PAID}
    yield Occasion.RECEIPT, "with-pdf", {**CARD, **PAID, **PDF}
    yield Occasion.RECEIPT, "itemised", {**CARD, **ITEMISED, **PDF}
    included = {"tax": "3177", "tax_included": "yes", "lines": '[["Professional", 19900]]'}
    yield Occasion.RECEIPT, "tax-included", {**CARD, **PAID, **included}
    yield Occasion.RECEIPT, "period-unknown", {**CARD, "invoice_number": "NW-0003", "has_card": "no"}
    yield Occasion.PAYMENT_FAILED, "first-try", {**CARD, **DECLINE, "attempt": "1", **NEXT_ATTEMPT}
    yield (
        Occasion.PAYMENT_FAILED,
        "no-clear-reason",
        {**CARD, **DECLINE, "attempt": "2", "decline_code": "", **NEXT_ATTEMPT},
    )
    yield Occasion.PAYMENT_FAILED, "no-invoice", {**CARD, **DECLINE, "amount_due": "", "attempt": "1", **NEXT_ATTEMPT}
    yield Occasion.PAYMENT_FAILED, "no-card", {**DECLINE, **NONE_ON_FILE, "attempt": "1", **END}
    limited = {**CARD, **DECLINE, "attempt": "4", "access": "limited", **NEXT_ATTEMPT, **END}
    yield Occasion.PAYMENT_FAILED, "access-limited", limited
    yield Occasion.PAYMENT_FAILED, "last-try", {**CARD, **DECLINE, "attempt": "6", "access": "limited", **END}
    yield Occasion.ACTION_REQUIRED, "", {**CARD, **CONFIRM, **NEXT_ATTEMPT}
    yield Occasion.ACTION_REQUIRED, "no-invoice", {**CARD, **CONFIRM, "amount_due": "", **NEXT_ATTEMPT}
    yield Occasion.CARD_EXPIRING, "", {**CARD, **RENEWAL, "amount_due": "18900"}
    yield Occasion.CARD_EXPIRING, "amount-unknown", {**CARD, **RENEWAL}
    without_card = {**RENEWAL, "interval": "year", "amount": "214920"}
    yearly = {**CARD, **without_card}
    yield Occasion.RENEWAL_AHEAD, "", {**yearly, "amount_due": "204920"}
    yield Occasion.RENEWAL_AHEAD, "covered-by-credit", {**yearly, "amount_due": "0"}
    yield Occasion.RENEWAL_AHEAD, "amount-unknown", yearly
    yield Occasion.RENEWAL_AHEAD, "no-card", {**without_card, "has_card": "no", "amount_due": "204920"}
    back = {**CARD, **INVOICE, "amount_paid": "12503"}
    yield Occasion.REFUNDED, "in-full", {**back, "refund_amount": "12503", "is_full_refund": "yes"}
    yield Occasion.REFUNDED, "in-part", {**back, "refund_amount": "5000", "is_full_refund": "no"}
    again = {**back, "is_full_refund": "no", "refund_amount": "2000", "refunded_in_all": "7000"}
    yield Occasion.REFUNDED, "in-part-again", again
    rest = {**back, "is_full_refund": "yes", "refund_amount": "7503", "refunded_in_all": "12503"}
    yield Occasion.REFUNDED, "the-rest", rest
    paid = {"refund_amount": "19900", "card_brand": "visa", "card_last4": "4242"}
    yield Occasion.PURCHASE_REFUSED, "already-subscribed", {**paid, "refusal": "already_subscribed"}
    yield Occasion.PURCHASE_REFUSED, "trial-used", {"refusal": "trial_used"}
    yield Occasion.PURCHASE_REFUSED, "plan-gone", {**paid, "refusal": "plan_gone"}
    yield Occasion.PURCHASE_REFUSED, "otherwise", {"refusal": "card_declined"}


def _access() -> Iterator[SampleFacts]:
    unpaid = {**DECLINE, "attempt": "6", "reason": "nonpayment", "access": "none", **KEPT, **END}
    yield Occasion.SUSPENDED, "for-nonpayment", {**CARD, **unpaid}
    yield Occasion.SUSPENDED, "no-card", {**unpaid, **NONE_ON_FILE, "attempt": "1"}
    yield Occasion.SUSPENDED, "by-operator", {"reason": "operator", "access": "none"}
    yield Occasion.REACTIVATED, "by-payment", {**CARD, **INVOICE}
    yield Occasion.REACTIVATED, "by-operator", {}
    yield from _reactivated_otherwise()
    yield Occasion.CANCELLATION_SCHEDULED, "", {**CARD, "cancel_at": "2027-01-05T17:30:00Z"}
    ending = {**CARD, "cancel_at": "2027-01-05T17:30:00Z"}
    yield Occasion.CANCELLATION_SCHEDULED, "of-paused", {**ending, "ends_pause": "yes"}
    dropped = {"replaced_plan_name": "Starter", "replaced_at": "2027-01-05T17:30:00Z"}
    yield Occasion.CANCELLATION_SCHEDULED, "with-planned-change", {**ending, **dropped}
    yield Occasion.CANCELLATION_SCHEDULED, "with-overage", {**ending, "bills_overage": "yes"}
    yield Occasion.CANCELED, "", {"canceled_reason": "customer"}
    yield Occasion.CANCELED, "with-overage", {"canceled_reason": "customer", "bills_overage": "yes"}
    yield Occasion.CANCELED, "for-nonpayment", {"canceled_reason": "nonpayment", **KEPT}
    yield Occasion.CANCELED, "after-trial", {"canceled_reason": "trial_expired"}
    yield Occasion.PAUSED, "", {"resumes_at": "2027-02-01T09:00:00Z"}
    yield Occasion.PAUSED, "for-good", {}
    yield Occasion.RESUMED, "", RENEWAL


def _reactivated_otherwise() -> Iterator[SampleFacts]:
    """Returns after which all is not as it was before."""
    end = {"cancel_at": "2027-01-05T17:30:00Z"}
    paused = {**CARD, "status": "paused", "access": "none"}
    yield Occasion.REACTIVATED, "paused", {**paused, "resumes_at": "2027-02-01T09:00:00Z"}
    yield Occasion.REACTIVATED, "paused-and-disputed", {**paused, "disputed": "yes"}
    owing = {**CARD, "status": "past_due", "amount_due": "18900"}
    yield Occasion.REACTIVATED, "owing", owing
    yield Occasion.REACTIVATED, "owing-with-limits", {**owing, "amount_due": "", "access": "limited"}
    yield Occasion.REACTIVATED, "disputed", {**CARD, "status": "active", "access": "limited", "disputed": "yes"}
    yield (
        Occasion.REACTIVATED,
        "trial-to-end",
        {**CARD, **TRIAL, "status": "trialing", "cancel_at": TRIAL["trial_ends_at"]},
    )
    yield Occasion.REACTIVATED, "to-end", {**CARD, **end, "status": "active", "period_end": end["cancel_at"]}
    yield Occasion.REACTIVATED, "new-period", {**CARD, **RENEWAL, "status": "active"}
    yield Occasion.REACTIVATED, "new-period-no-card", {**RENEWAL, "status": "active"}
    to_free = {"period_end": "2027-01-05T17:30:00Z", "free_plan_name": "Free"}
    yield Occasion.REACTIVATED, "to-free", {**CARD, **to_free, "status": "active"}


def _changes() -> Iterator[SampleFacts]:
    yield Occasion.PLAN_CHANGED, "with-charge", {**CHANGE, **INVOICE, "due_now": "7500"}
    yield Occasion.PLAN_CHANGED, "with-credit", {**CHANGE, "old_plan_name": "Enterprise", "due_now": "-40000"}
    yield (
        Occasion.PLAN_CHANGED,
        "seats",
        {**CHANGE, "old_plan_name": "Professional", "quantity": "3", "due_now": "1000"},
    )
    replaced = {"replaced_plan_name": "Starter", "replaced_at": "2027-01-05T17:30:00Z"}
    yield Occasion.PLAN_CHANGED, "replacing", {**CHANGE, **INVOICE, "due_now": "7500", **replaced}
    yield Occasion.PLAN_CHANGED, "at-renewal", {**CHANGE, "old_plan_name": "Enterprise"}
    planned = {"change_at": "2027-01-05T17:30:00Z"}
    yield Occasion.PLAN_CHANGE_SCHEDULED, "", {**CHANGE, "old_plan_name": "Enterprise", **planned}
    yield (
        Occasion.PLAN_CHANGE_SCHEDULED,
        "seats",
        {**CHANGE, "old_plan_name": "Professional", "quantity": "3", **planned},
    )
    yield (
        Occasion.PLAN_CHANGE_SCHEDULED,
        "replacing",
        {**CHANGE, "old_plan_name": "Enterprise", **planned, **replaced},
    )
    excess = {"excess": '[["Users", 9, 3], ["Storage in GB", 1200, 10]]'}
    yield Occasion.PLAN_CHANGED, "exceeded", {**CHANGE, "old_plan_name": "Enterprise", **excess}
    yield Occasion.PLAN_CHANGE_SCHEDULED, "exceeded", {**CHANGE, "old_plan_name": "Enterprise", **planned, **excess}
    free = {"plan_name": "Free", "plan": "free", "amount": "0"}
    yield Occasion.MOVED_TO_FREE, "exceeded", {**free, "old_plan_name": "Professional", **excess}
    yield Occasion.MOVED_TO_FREE, "after-trial", {**free, "old_plan_name": "Professional", "reason": "trial_expired"}
    yield Occasion.MOVED_TO_FREE, "for-nonpayment", {**free, "old_plan_name": "Professional", "reason": "nonpayment"}


def _usage() -> Iterator[SampleFacts]:
    grace = {"grace_ends_at": "2026-12-28T09:00:00Z", "ceiling": "11000"}
    yield Occasion.USAGE_WARNING, "", {**USAGE, "used": "9000", "percent": "90", **RESET}
    yield Occasion.USAGE_WARNING, "with-grace", {**USAGE, "used": "9000", "percent": "90", **RESET, "grace_days": "7"}
    billed = {**USAGE, **RESET, "beyond_limit": "billed", "overage_amount": "100", "overage_units": "1000"}
    yield Occasion.USAGE_WARNING, "billed", {**billed, "used": "9000", "percent": "90"}
    yield (
        Occasion.USAGE_WARNING,
        "never-resets",
        {"has_larger_plan": "yes", "meter_name": "Storage in GB", "used": "92.5", "limit": "100", "percent": "92.5"},
    )
    largest = {**USAGE, **RESET, "has_larger_plan": "no"}
    yield Occasion.USAGE_WARNING, "largest-plan", {**largest, "used": "9000", "percent": "90"}
    yield Occasion.USAGE_LIMIT, "largest-plan", {**largest, "used": "10000", "percent": "100"}
    yield Occasion.USAGE_LIMIT, "", {**USAGE, "used": "10000", "percent": "100", **RESET}
    yield Occasion.USAGE_LIMIT, "with-grace", {**USAGE, "used": "10312", "percent": "103", **RESET, **grace}
    to_the_reset = {**USAGE, "used": "10312", "percent": "103", **RESET, "ceiling": "11000"}
    yield Occasion.USAGE_LIMIT, "with-grace-to-the-reset", to_the_reset
    yield Occasion.USAGE_LIMIT, "billed", {**billed, "used": "10000", "percent": "100"}
    yield Occasion.USAGE_LIMIT, "billed-each", {**billed, "used": "10000", "percent": "100", "overage_units": "1"}
    yield Occasion.BILLING_LINK, "", {"enter_url": "https://app.northwind.example/billing/enter/sample"}
    sign_in = {"tenant_name": "default", "enter_url": "https://app.northwind.example/console/enter/sample"}
    yield Occasion.OPERATOR_SIGN_IN, "", sign_in
    yield Occasion.OPERATOR_SIGN_IN, "of-a-tenant", sign_in | {"tenant_name": "europe"}
    disabled = {
        "tenant_name": "default",
        "endpoint_url": "https://app.northwind.example/hooks/billing",
        "failing_since": "2026-11-30T08:15:00Z",
        "enter_url": "https://app.northwind.example/console",
    }
    yield Occasion.ENDPOINT_DISABLED, "", disabled
    yield Occasion.ENDPOINT_DISABLED, "of-a-tenant", disabled | {"tenant_name": "europe"}
    yield Occasion.USAGE_LIMIT, "never-stops", {**USAGE, "used": "10000", "percent": "100", "beyond_limit": "free"}
