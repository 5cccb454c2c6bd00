"""Compares what the provider, the database and the workflow know about a subscription."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum

from domain.formatting import moment
from domain.money import Money, formatted
from domain.provider.agreements import Agreement, AgreementState
from domain.provider.payments import ChargeOutcome
from domain.subscription.agenda import Action
from domain.subscription.lifecycle import Status
from domain.subscription.payments_received import pays_waived
from domain.subscription.reconcile_steps import wants_end
from domain.subscription.state import Blocked, Subscription


class DifferenceKind(StrEnum):
    """The kinds of differences."""

    WORKFLOW_MISSING = "workflow_missing"
    """No workflow runs for the subscription: it was terminated or lost."""
    WORKFLOW_SILENT = "workflow_silent"
    """Its workflow runs but does not respond."""
    END_UNWRITTEN = "end_unwritten"
    """Its workflow has ended, but the database does not show it."""
    ROW_MISSING = "row_missing"
    """Its workflow runs, but the database does not have the subscription."""
    DATABASE_BEHIND = "database_behind"
    WORKFLOW_BEHIND = "workflow_behind"
    INVOICES_MISSING = "invoices_missing"
    """The invoice that it has settled is not among the recorded ones, or not as paid."""
    PAYMENT_UNHEARD = "payment_unheard"
    FAILURE_UNHEARD = "failure_unheard"
    ENDED_AT_PROVIDER = "ended_at_provider"
    AGREEMENT_MISSING = "agreement_missing"
    AGREEMENT_UNHEARD = "agreement_unheard"
    """A first payment succeeded, but the subscription does not know it."""
    BILLING_NOT_HELD = "billing_not_held"
    BILLING_HELD = "billing_held"
    CANCELLATION_NOT_TOLD = "cancellation_not_told"
    ENDS_AT_PROVIDER = "ends_at_provider"
    STOPPED_AT_PROVIDER = "stopped_at_provider"
    """Paused there or given up as unpaid: billing stopped without our asking."""
    ITEMS_DIFFER = "items_differ"
    BILLED_AFTER_END = "billed_after_end"
    TWO_AGREEMENTS = "two_agreements"
    UNKNOWN_AGREEMENT = "unknown_agreement"
    MAIL_STUCK = "mail_stuck"
    """Queued for a long time, and nothing sends it."""
    MAIL_UNSENT = "mail_unsent"
    """Queued, although its workflow has come to an end."""
    BLOCKED = "blocked"
    """An external system refuses a step or does not respond to it; it is retried."""
    ADDRESS_UNUSABLE = "address_unusable"
    """The provider has an address for the customer that cannot receive mail; ours is unchanged."""
    CUSTOMER_NOT_TOLD = "customer_not_told"
    """The provider refuses the customer's new contact data."""
    PURCHASE_WAITING = "purchase_waiting"
    """A purchase was completed, and has neither begun nor been undone since."""
    PURCHASE_UNKNOWN = "purchase_unknown"
    """A purchase was completed at the provider that is not known here."""
    REVENUE_DIFFERS = "revenue_differs"
    """Its recorded movements do not add up to what it is worth."""


FOR_AN_OPERATOR = frozenset(
    {
        DifferenceKind.WORKFLOW_SILENT,
        DifferenceKind.AGREEMENT_MISSING,
        # We did not ask for it, and a customer's cancellation is never undone.
        DifferenceKind.ENDS_AT_PROVIDER,
        DifferenceKind.STOPPED_AT_PROVIDER,
        # Which side is right affects what the customer pays.
        DifferenceKind.ITEMS_DIFFER,
        DifferenceKind.TWO_AGREEMENTS,
        DifferenceKind.UNKNOWN_AGREEMENT,
        # It may have been sent, or may itself be faulty.
        DifferenceKind.MAIL_UNSENT,
        # Only the customer knows their address, and only the provider why it refuses one.
        DifferenceKind.ADDRESS_UNUSABLE,
        DifferenceKind.CUSTOMER_NOT_TOLD,
        # The sweep tries it again and again; whom an unknown one is for, only the product may know.
        DifferenceKind.PURCHASE_WAITING,
        DifferenceKind.PURCHASE_UNKNOWN,
    }
)
"""Differences that no rule can decide."""


class Outcome(StrEnum):
    """What was done about a difference."""

    LISTED = "listed"
    HEALED = "healed"
    FAILED = "failed"


@dataclass(frozen=True)
class Discrepancy:
    """One difference. Names ids, never a person."""

    kind: DifferenceKind
    details: str
    subscription: str = ""
    """Empty when no subscription is known."""
    agreement_ref: str = ""
    tenant: str = ""
    bill_ref: str = ""
    """The open invoice involved, if any."""
    mails: tuple[str, ...] = ()
    is_for_operator: bool = False
    """No rule can decide this one, although others of its kind are fixed automatically."""

    @property
    def is_healable(self) -> bool:
        return self.kind not in FOR_AN_OPERATOR and not self.is_for_operator


@dataclass(frozen=True)
class Projection:
    """A subscription as last stored, with the next action shown at that time."""

    subscription: Subscription
    next_action: str = ""
    next_action_at: str = ""
    """RFC 3339, to the second."""
    customer_ref: str = ""
    """The customer's id at the provider."""
    is_erased: bool = False
    """The customer's data was erased."""
    lacks_invoice: bool = False
    """The invoice that it has settled is not recorded as such."""


@dataclass(frozen=True)
class WorkflowSnapshot:
    """A subscription's workflow as seen from outside."""

    is_running: bool
    status: str = ""
    plan: str = ""
    next_action: str = ""
    next_action_at: str = ""
    is_busy: bool = False
    """It is in the middle of an external call: a difference may resolve itself."""
    ended_because: str | None = None
    """The reason it completed with; None: it has not completed."""
    state: Subscription | None = None
    """The workflow's own state; only queried when its search attributes differ."""
    is_silent: bool = False
    """It was queried and did not respond."""


def snapshot_differs(kept: Projection, snapshot: WorkflowSnapshot) -> bool:
    """True if the workflow shows something other than what is stored."""
    subscription = kept.subscription
    shows_date = kept.next_action != Action.RENEW or snapshot.next_action_at
    stored = (subscription.status.value, subscription.plan, kept.next_action, kept.next_action_at if shows_date else "")
    return stored != (snapshot.status, snapshot.plan, snapshot.next_action, snapshot.next_action_at)


def of_workflow(kept: Projection, snapshot: WorkflowSnapshot) -> Iterator[Discrepancy]:
    """Finds where the database and the workflow differ."""
    subscription = kept.subscription
    if subscription.is_over and snapshot.state is not None and snapshot.state.sequence < subscription.sequence:
        yield _workflow_behind(subscription, snapshot.state)
        return
    if subscription.is_over and (subscription.untold_end is None or snapshot.ended_because is not None):
        return
    if kept.lacks_invoice:
        words = f"invoice {subscription.settled_invoice} is settled, but not recorded as paid"
        yield difference(subscription, DifferenceKind.INVOICES_MISSING, words)
    if not snapshot.is_running:
        if snapshot.ended_because is not None:
            words = f"its workflow has ended ({snapshot.ended_because or 'no reason'}), the database says"
            yield difference(subscription, DifferenceKind.END_UNWRITTEN, f"{words} {subscription.status}")
        else:
            yield difference(
                subscription, DifferenceKind.WORKFLOW_MISSING, f"{subscription.status}, but no workflow runs for it"
            )
        return
    if snapshot.is_silent:
        words = "its workflow does not respond: check TemporalReportedProblems"
        yield difference(subscription, DifferenceKind.WORKFLOW_SILENT, words)
    elif snapshot.state is not None:
        yield from _of_states(subscription, snapshot.state)
    if subscription.blocked is not None and not snapshot.is_silent:
        yield _blocked(subscription, subscription.blocked)


def _blocked(subscription: Subscription, trouble: Blocked) -> Discrepancy:
    action = trouble.action.replace("_", " ")
    words = f"{action} blocked since {moment(trouble.since)}: {trouble.why} ({trouble.code})"
    words += f"; next attempt {moment(trouble.next_try)}"
    # Names no agreement, so that it is found and retried even when the provider lists none.
    return Discrepancy(DifferenceKind.BLOCKED, words, subscription.id, tenant=subscription.tenant)


_STORED = ("status", "status_reason", "access", "plan", "amount", "period_end", "cancel_at", "trial_ends_at")
"""Fields that only a step changes; counts of attempts and the like run ahead of what is stored."""


def _of_states(stored: Subscription, running: Subscription) -> Iterator[Discrepancy]:
    if stored.sequence > running.sequence:
        yield _workflow_behind(stored, running)
        return
    words = _steps(stored, running)
    differ = [name for name in _STORED if getattr(stored, name) != getattr(running, name)]
    if stored.sequence < running.sequence:
        yield difference(
            stored, DifferenceKind.DATABASE_BEHIND, f"{words} ({stored.status}): was it restored from a backup?"
        )
    elif differ:
        words = f"both at step {running.sequence}, but they differ in {', '.join(differ)}"
        yield difference(stored, DifferenceKind.DATABASE_BEHIND, words)


def _workflow_behind(stored: Subscription, running: Subscription) -> Discrepancy:
    words = f"{_steps(stored, running)} ({stored.status}): was it reset, or Temporal restored from a backup?"
    return difference(stored, DifferenceKind.WORKFLOW_BEHIND, words)


def _steps(stored: Subscription, running: Subscription) -> str:
    return f"at step {running.sequence} in the workflow ({running.status}), {stored.sequence} in the database"


def of_workflow_without_row(running: Subscription, *, knows_customer: bool) -> Discrepancy | None:
    """A workflow whose subscription is not in the database; None: it has not recorded its first step yet."""
    if not running.sequence:
        return None
    words = f"at step {running.sequence} in the workflow ({running.status}), not in the database"
    if not knows_customer:
        words += f", which does not have customer {running.customer} either"
    words += ": was it restored from a backup?"
    return difference(running, DifferenceKind.ROW_MISSING, words, is_for_operator=not knows_customer)


def of_agreement(subscription: Subscription, agreement: Agreement | None) -> Iterator[Discrepancy]:
    """Finds where the stored subscription and its agreement at the provider differ."""
    if not subscription.agreement_ref:
        return
    if subscription.is_over:
        if agreement is not None and not agreement.is_over:
            yield billed_after_end(subscription, agreement)
        return
    if agreement is None:
        words = "the provider does not know the agreement: is it the right account?"
        yield difference(subscription, DifferenceKind.AGREEMENT_MISSING, words)
    elif agreement.is_over:
        yield difference(
            subscription, DifferenceKind.ENDED_AT_PROVIDER, f"{subscription.status} here, ended at the provider"
        )
    else:
        yield from _of_invoices(subscription, agreement)
        yield from _of_billing(subscription, agreement)
        yield from _of_items(subscription, agreement)


def _of_invoices(subscription: Subscription, agreement: Agreement) -> Iterator[Discrepancy]:
    latest = agreement.latest
    if latest is None or latest.invoice is None:
        return
    if latest.invoice.ref == subscription.settled_invoice and not pays_waived(subscription, latest):
        return
    if latest.is_of_change and subscription.unheard_change is None:
        return  # somebody else's change, which the items show
    waiting = subscription.confirmation
    if waiting is not None and waiting.invoice_ref == latest.invoice.ref and latest.outcome is not ChargeOutcome.PAID:
        return
    invoice = latest.invoice
    amount = formatted(Money(invoice.amount, invoice.currency))
    if latest.outcome is ChargeOutcome.PAID:
        yield difference(
            subscription,
            DifferenceKind.PAYMENT_UNHEARD,
            f"invoice {invoice.ref} of {amount} is paid, but not known here",
        )
    failed = latest.outcome in (ChargeOutcome.DECLINED, ChargeOutcome.ACTION_REQUIRED)
    if failed and subscription.status is Status.ACTIVE:
        yield difference(
            subscription,
            DifferenceKind.FAILURE_UNHEARD,
            f"invoice {invoice.ref} of {amount} was declined, but active here",
        )


def _of_billing(subscription: Subscription, agreement: Agreement) -> Iterator[Discrepancy]:
    if agreement.state is AgreementState.STOPPED:
        words = (
            f"{subscription.status} here, but paused or unpaid at the provider, which bills nothing: resume it there"
        )
        yield difference(subscription, DifferenceKind.STOPPED_AT_PROVIDER, words)
    if subscription.wants_hold and not agreement.is_held:
        yield difference(
            subscription,
            DifferenceKind.BILLING_NOT_HELD,
            f"{subscription.status} here, but the provider continues billing",
        )
    elif agreement.is_held and not subscription.wants_hold:
        yield _billing_held(subscription)
    if subscription.cancel_at is None and agreement.ends_at is not None:
        words = f"it will end at the provider on {agreement.ends_at:%Y-%m-%d}, but continues here"
        yield difference(subscription, DifferenceKind.ENDS_AT_PROVIDER, words)
    elif agreement.ends_at is None and subscription.cancel_at is not None and wants_end(subscription):
        words = f"it will end here on {subscription.cancel_at:%Y-%m-%d}, but the provider would continue billing"
        yield difference(subscription, DifferenceKind.CANCELLATION_NOT_TOLD, words)


def _billing_held(subscription: Subscription) -> Discrepancy:
    words = f"{subscription.status} here, but the provider bills nothing"
    if subscription.is_held:
        return difference(subscription, DifferenceKind.BILLING_HELD, f"{words}, because of our hold")
    words += ", because of somebody else's hold: lift it there, or `pause` here"
    return difference(subscription, DifferenceKind.BILLING_HELD, words, is_for_operator=True)


def _of_items(subscription: Subscription, agreement: Agreement) -> Iterator[Discrepancy]:
    if subscription.agreement_is_stale or subscription.pending_change is not None:
        return
    wanted = {item.lookup_key: item.quantity for item in subscription.items}
    # A price that we name by its id, as after an import, may still have a lookup key.
    names = {item: item.price_ref if item.price_ref in wanted else item.lookup_key for item in agreement.items}
    # Items billed by usage have no quantity; any other item without a quantity counts as absent.
    counts = [(item, name or item.price_ref) for item, name in names.items()]
    agreed = {name: item.quantity for item, name in counts if item.quantity or item.is_by_use}
    if wanted != agreed:
        words = f"{_listed(wanted)} here, {_listed(agreed)} at the provider"
        yield difference(subscription, DifferenceKind.ITEMS_DIFFER, words)


def _listed(items: Mapping[str, int]) -> str:
    listed = (f"{quantity} x {name}" if quantity else f"{name} by usage" for name, quantity in sorted(items.items()))
    return " + ".join(listed) or "nothing"


def billed_after_end(subscription: Subscription, agreement: Agreement) -> Discrepancy:
    """The difference between a subscription that is over and a live agreement; names an open invoice."""
    latest = agreement.latest
    invoice = latest.invoice if latest is not None else None
    words, to_void = "canceled here, but live at the provider", ""
    if invoice is not None and invoice.status == "paid" and invoice.ref != subscription.settled_invoice:
        words += f"; invoice {invoice.ref} was paid, which an operator may have to refund"
    elif invoice is not None and invoice.status in ("open", "draft"):
        to_void = invoice.ref if invoice.status == "open" else ""
    return Discrepancy(
        DifferenceKind.BILLED_AFTER_END, words, subscription.id, agreement.ref, subscription.tenant, bill_ref=to_void
    )


def difference(
    subscription: Subscription,
    kind: DifferenceKind,
    details: str,
    agreement: Agreement | None = None,
    *,
    is_for_operator: bool = False,
) -> Discrepancy:
    """A difference of a subscription and its agreement, or another related agreement."""
    ref = agreement.ref if agreement is not None else subscription.agreement_ref
    return Discrepancy(kind, details, subscription.id, ref, subscription.tenant, is_for_operator=is_for_operator)
