"""Where the provider, the database and the workflow differ about a subscription: nothing but comparison."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum

from domain.formatting import moment
from domain.provider.agreements import Agreement, AgreementState
from domain.provider.payments import ChargeOutcome
from domain.subscription.lifecycle import Status
from domain.subscription.reconcile_steps import wants_end
from domain.subscription.state import Blocked, Subscription


class DifferenceKind(StrEnum):
    """What can be wrong."""

    WORKFLOW_MISSING = "workflow_missing"
    """Nobody lives the subscription: its workflow was terminated or lost."""
    WORKFLOW_SILENT = "workflow_silent"
    """Its workflow runs and does not answer."""
    END_UNWRITTEN = "end_unwritten"
    """Its workflow has come to its end, and the database does not know."""
    DATABASE_BEHIND = "database_behind"
    WORKFLOW_BEHIND = "workflow_behind"
    PAYMENT_UNHEARD = "payment_unheard"
    FAILURE_UNHEARD = "failure_unheard"
    ENDED_AT_PROVIDER = "ended_at_provider"
    AGREEMENT_MISSING = "agreement_missing"
    AGREEMENT_UNHEARD = "agreement_unheard"
    """A first payment came about, and the subscription does not know."""
    BILLING_NOT_HELD = "billing_not_held"
    BILLING_HELD = "billing_held"
    CANCELLATION_NOT_TOLD = "cancellation_not_told"
    ENDS_AT_PROVIDER = "ends_at_provider"
    STOPPED_AT_PROVIDER = "stopped_at_provider"
    """Paused there, or given up as unpaid: nothing is billed any more, and not by our word."""
    ITEMS_DIFFER = "items_differ"
    BILLED_AFTER_END = "billed_after_end"
    TWO_AGREEMENTS = "two_agreements"
    UNKNOWN_AGREEMENT = "unknown_agreement"
    MAIL_STUCK = "mail_stuck"
    """Queued for long, and nobody sends it."""
    MAIL_UNSENT = "mail_unsent"
    """Queued, although its workflow has come to an end."""
    BLOCKED = "blocked"
    """A step waits for the outside, which refuses it or gives no answer; it is tried again."""
    ADDRESS_UNUSABLE = "address_unusable"
    """The provider has an address for the customer to which no mail could be sent; ours is as it was."""
    CUSTOMER_NOT_TOLD = "customer_not_told"
    """The provider refuses to be told who the customer is now."""


FOR_AN_OPERATOR = frozenset(
    {
        DifferenceKind.WORKFLOW_SILENT,
        DifferenceKind.WORKFLOW_BEHIND,
        DifferenceKind.AGREEMENT_MISSING,
        # Whoever wished it, it was not us: a customer's cancellation is never undone.
        DifferenceKind.ENDS_AT_PROVIDER,
        DifferenceKind.STOPPED_AT_PROVIDER,
        # Which side is right is a question of money.
        DifferenceKind.ITEMS_DIFFER,
        DifferenceKind.TWO_AGREEMENTS,
        DifferenceKind.UNKNOWN_AGREEMENT,
        # It may have been sent, or be at fault itself.
        DifferenceKind.MAIL_UNSENT,
        # Only the customer knows their address, and only the provider why it refuses one.
        DifferenceKind.ADDRESS_UNUSABLE,
        DifferenceKind.CUSTOMER_NOT_TOLD,
    }
)
"""What no rule can decide."""


class Outcome(StrEnum):
    """What came of a difference."""

    LISTED = "listed"
    HEALED = "healed"
    FAILED = "failed"


@dataclass(frozen=True)
class Discrepancy:
    """One difference. Names ids, never a person."""

    kind: DifferenceKind
    details: str
    subscription: str = ""
    """Empty when nothing of ours is known by it."""
    agreement_ref: str = ""
    tenant: str = ""
    bill_ref: str = ""
    """The open bill that goes with it, should there be one."""
    mails: tuple[str, ...] = ()
    is_for_operator: bool = False
    """No rule can decide this one, though others of its kind heal."""

    @property
    def is_healable(self) -> bool:
        return self.kind not in FOR_AN_OPERATOR and not self.is_for_operator


@dataclass(frozen=True)
class Projection:
    """A subscription as it was last written down, with the next action as it was told then."""

    subscription: Subscription
    next_action: str = ""
    next_action_at: str = ""
    """RFC 3339, to the second."""
    customer_ref: str = ""
    """The customer's id at the provider."""


@dataclass(frozen=True)
class Sight:
    """What can be seen of a subscription's workflow from outside."""

    is_running: bool
    status: str = ""
    plan: str = ""
    next_action: str = ""
    next_action_at: str = ""
    is_busy: bool = False
    """In the middle of something with the outside: what differs now is not settled yet."""
    ended_because: str | None = None
    """The reason with which it has ended by itself; None: it has not."""
    state: Subscription | None = None
    """As the workflow itself tells it; only asked for when what it shows differs."""
    is_silent: bool = False
    """It was asked and did not answer."""


def shows_otherwise(kept: Projection, sight: Sight) -> bool:
    """Whether what the workflow shows is not what is written down."""
    subscription = kept.subscription
    told = (subscription.status.value, subscription.plan, kept.next_action, kept.next_action_at)
    return told != (sight.status, sight.plan, sight.next_action, sight.next_action_at)


def of_workflow(kept: Projection, sight: Sight) -> Iterator[Discrepancy]:
    """Where the database and the workflow differ."""
    subscription = kept.subscription
    if subscription.is_over and (subscription.untold_end is None or sight.ended_because is not None):
        return
    if not sight.is_running:
        if sight.ended_because is not None:
            words = f"its workflow has ended ({sight.ended_because or 'no reason'}), the database says"
            yield difference(subscription, DifferenceKind.END_UNWRITTEN, f"{words} {subscription.status}")
        else:
            yield difference(
                subscription, DifferenceKind.WORKFLOW_MISSING, f"{subscription.status}, and no workflow runs for it"
            )
        return
    if sight.is_silent:
        words = "its workflow does not answer: look for TemporalReportedProblems"
        yield difference(subscription, DifferenceKind.WORKFLOW_SILENT, words)
    elif sight.state is not None:
        yield from _of_states(subscription, sight.state)
    if subscription.blocked is not None and not sight.is_silent:
        yield _blocked(subscription, subscription.blocked)


def _blocked(subscription: Subscription, trouble: Blocked) -> Discrepancy:
    words = f"{trouble.action.replace('_', ' ')} waits since {moment(trouble.since)}: {trouble.why} ({trouble.code})"
    words += f"; next try {moment(trouble.next_try)}"
    # Of no agreement: it must be found and tried again while the provider does not tell of any.
    return Discrepancy(DifferenceKind.BLOCKED, words, subscription.id, tenant=subscription.tenant)


_WRITTEN = ("status", "status_reason", "access", "plan", "amount", "period_end", "cancel_at", "trial_ends_at")
"""What only a step changes; counts of tries and the like run ahead of what is written."""


def _of_states(written: Subscription, lived: Subscription) -> Iterator[Discrepancy]:
    words = f"at step {lived.sequence} in the workflow ({lived.status}), {written.sequence} in the database"
    if written.sequence > lived.sequence:
        yield difference(
            written, DifferenceKind.WORKFLOW_BEHIND, f"{words} ({written.status}): was the workflow reset?"
        )
        return
    differ = [name for name in _WRITTEN if getattr(written, name) != getattr(lived, name)]
    if written.sequence < lived.sequence:
        yield difference(
            written, DifferenceKind.DATABASE_BEHIND, f"{words} ({written.status}): was it restored from a backup?"
        )
    elif differ:
        words = f"both at step {lived.sequence}, but not in {', '.join(differ)}"
        yield difference(written, DifferenceKind.DATABASE_BEHIND, words)


def of_agreement(subscription: Subscription, agreement: Agreement | None) -> Iterator[Discrepancy]:
    """Where the subscription as written and its agreement at the provider differ."""
    if not subscription.agreement_ref:
        return
    if subscription.is_over:
        if agreement is not None and not agreement.is_over:
            yield billed_after_end(subscription, agreement)
        return
    if agreement is None:
        words = "the provider knows no such agreement: the right account?"
        yield difference(subscription, DifferenceKind.AGREEMENT_MISSING, words)
    elif agreement.is_over:
        yield difference(
            subscription, DifferenceKind.ENDED_AT_PROVIDER, f"{subscription.status} here, ended at the provider"
        )
    else:
        yield from _of_bills(subscription, agreement)
        yield from _of_billing(subscription, agreement)
        yield from _of_items(subscription, agreement)


def _of_bills(subscription: Subscription, agreement: Agreement) -> Iterator[Discrepancy]:
    latest = agreement.latest
    if latest is None or latest.invoice is None or latest.invoice.ref == subscription.settled_invoice:
        return
    if latest.is_of_change and subscription.unheard_change is None:
        return  # somebody else's: what it has changed is told by the items
    waits = subscription.confirmation
    if waits is not None and waits.invoice_ref == latest.invoice.ref and latest.outcome is not ChargeOutcome.PAID:
        return
    bill = latest.invoice
    amount = f"{bill.amount} {bill.currency} (minor units)"
    if latest.outcome is ChargeOutcome.PAID:
        yield difference(
            subscription, DifferenceKind.PAYMENT_UNHEARD, f"bill {bill.ref} of {amount} is paid and not known here"
        )
    failed = latest.outcome in (ChargeOutcome.DECLINED, ChargeOutcome.ACTION_REQUIRED)
    if failed and subscription.status is Status.ACTIVE:
        yield difference(
            subscription, DifferenceKind.FAILURE_UNHEARD, f"bill {bill.ref} of {amount} was declined, active here"
        )


def _of_billing(subscription: Subscription, agreement: Agreement) -> Iterator[Discrepancy]:
    if agreement.state is AgreementState.STOPPED:
        words = f"{subscription.status} here, paused or unpaid at the provider, which bills nothing: resume it there"
        yield difference(subscription, DifferenceKind.STOPPED_AT_PROVIDER, words)
    if subscription.wants_hold and not agreement.is_held:
        yield difference(
            subscription, DifferenceKind.BILLING_NOT_HELD, f"{subscription.status} here, and the provider bills on"
        )
    elif agreement.is_held and not subscription.wants_hold:
        yield _billing_held(subscription)
    if subscription.cancel_at is None and agreement.ends_at is not None:
        words = f"it will end at the provider on {agreement.ends_at:%Y-%m-%d}, and goes on here"
        yield difference(subscription, DifferenceKind.ENDS_AT_PROVIDER, words)
    elif agreement.ends_at is None and subscription.cancel_at is not None and wants_end(subscription):
        words = f"it will end here on {subscription.cancel_at:%Y-%m-%d}, and the provider would bill on"
        yield difference(subscription, DifferenceKind.CANCELLATION_NOT_TOLD, words)


def _billing_held(subscription: Subscription) -> Discrepancy:
    words = f"{subscription.status} here, and the provider bills nothing"
    if subscription.is_held:
        return difference(subscription, DifferenceKind.BILLING_HELD, f"{words} any more by our word")
    words += ", by somebody else's word: lift it there, or `pause` here"
    return difference(subscription, DifferenceKind.BILLING_HELD, words, is_for_operator=True)


def _of_items(subscription: Subscription, agreement: Agreement) -> Iterator[Discrepancy]:
    if subscription.agreement_is_stale or subscription.pending_change is not None:
        return
    wanted = {item.lookup_key: item.quantity for item in subscription.items}
    # A price that is named by its id, as of what was taken over, may have a lookup key all the same.
    names = {item: item.price_ref if item.price_ref in wanted else item.lookup_key for item in agreement.items}
    # Of what is billed by use there is no quantity; of anything else none is the same as not to be there.
    counts = [(item, name or item.price_ref) for item, name in names.items()]
    agreed = {name: item.quantity for item, name in counts if item.quantity or item.is_by_use}
    if wanted != agreed:
        words = f"{_listed(wanted)} here, {_listed(agreed)} at the provider"
        yield difference(subscription, DifferenceKind.ITEMS_DIFFER, words)


def _listed(items: Mapping[str, int]) -> str:
    told = (f"{quantity} x {name}" if quantity else f"{name} by use" for name, quantity in sorted(items.items()))
    return " + ".join(told) or "nothing"


def billed_after_end(subscription: Subscription, agreement: Agreement) -> Discrepancy:
    """Of a subscription that is over and an agreement that is not; an open bill is named."""
    latest = agreement.latest
    bill = latest.invoice if latest is not None else None
    words, open_bill = "canceled here, live at the provider", ""
    if bill is not None and bill.status == "paid" and bill.ref != subscription.settled_invoice:
        words += f"; bill {bill.ref} was paid, which an operator may have to refund"
    elif bill is not None and bill.status in ("open", "draft"):
        open_bill = bill.ref if bill.status == "open" else ""
    return Discrepancy(
        DifferenceKind.BILLED_AFTER_END, words, subscription.id, agreement.ref, subscription.tenant, bill_ref=open_bill
    )


def difference(
    subscription: Subscription,
    kind: DifferenceKind,
    details: str,
    agreement: Agreement | None = None,
    *,
    is_for_operator: bool = False,
) -> Discrepancy:
    """Of a subscription and its agreement, or another one that has to do with it."""
    ref = agreement.ref if agreement is not None else subscription.agreement_ref
    return Discrepancy(kind, details, subscription.id, ref, subscription.tenant, is_for_operator=is_for_operator)
