"""Plain renewals: the provider was paid the price of the next period, and nothing else is to be decided.

Such a renewal is recorded where the provider's state is read, and the workflow takes over what was recorded. Whatever
is not plain is left to the workflow.
"""

from dataclasses import asdict, dataclass, replace
from datetime import datetime
from hashlib import sha256
from json import dumps

from domain.formatting import moment
from domain.provider.payments import AgreementStatus, Charge, ChargeOutcome, Invoice, ProviderState
from domain.provider.short_states import digest_of
from domain.subscription import payments_received, renewal_notices
from domain.subscription.agenda import agenda
from domain.subscription.blocked_steps import all_blocked
from domain.subscription.journal import Cause, CauseKind, Entry, Step
from domain.subscription.lifecycle import Event, Status
from domain.subscription.policy import Policy
from domain.subscription.state import Subscription


@dataclass(frozen=True)
class Renewal:
    """A plain renewal that was recorded: all that it changes of the subscription, which is one step further."""

    period_start: datetime | None
    period_end: datetime | None
    ask_at: datetime | None
    settled_invoice: str
    line: str
    """Its journal entry in one line."""


_NOTHING = Renewal(None, None, None, "", "")


@dataclass(frozen=True)
class RecordedStep:
    """A subscription as it was recorded last, with the first journal entry of that step, if it has one."""

    subscription: Subscription
    entry: Entry | None


def basis_of(subscription: Subscription) -> str:
    """A digest of all that a plain renewal leaves as it is: the same before and after it, and no other."""
    rest = asdict(replace(renewed(subscription, _NOTHING), sequence=0))
    for name in ("waived_invoices", "other_disputes"):
        if not rest[name]:
            # Releases that do not know the field must come to the same digest.
            del rest[name]
    return sha256(dumps(rest, sort_keys=True, default=str).encode()).hexdigest()[:16]


def may_be_plain(subscription: Subscription) -> bool:
    """True if nothing about the subscription keeps its next renewal from being plain.

    Workflows decide by it which activity they call, so that a condition on what there is never changes: only one on a
    new field with a default may be added. Everything else that a release finds out goes into `plain`.
    """
    # All that could make a payment mean something else. What a renewal of such a subscription changes beyond
    # `Renewal` is found by `plain`.
    undecided = (
        subscription.recovery,
        subscription.confirmation,
        subscription.suspension,
        subscription.dispute,
        subscription.pause,
        subscription.pending_change,
        subscription.cancel_at,
        subscription.untold_end,
        subscription.unheard_change,
        subscription.unheard_tries,
        all_blocked(subscription),
        subscription.lost_agreement,
        subscription.paying_card,
        subscription.barred_card,
        subscription.paused_at_provider,
        subscription.is_held,
        subscription.owes_new_period,
        subscription.begins_own_period,
        subscription.agreement_is_stale,
    )
    is_known = subscription.customer_ref and subscription.agreement_ref and subscription.card is not None
    return subscription.status is Status.ACTIVE and bool(is_known) and not any(undecided)


def plain(subscription: Subscription, policy: Policy, state: ProviderState, now: datetime, cause: Cause) -> Step | None:
    """The step of a renewal that the provider's state shows; None: it is for the workflow to decide."""
    latest = state.latest
    if latest is None or latest.invoice is None:
        return None
    if not may_be_plain(subscription) or not _is_undisturbed(subscription, state):
        return None
    if not _is_next_period(subscription, latest, latest.invoice, now):
        return None
    step = payments_received.paid(subscription, latest, policy, now, cause)
    after = step.subscription
    if basis_of(after) != basis_of(subscription):
        return None  # it changes more than a plain renewal
    if renewal_notices.key_of(after, policy) != after.noticed_for:
        return None  # notices of the next renewal are to be scheduled
    return replace(step, ahead=agenda(after, policy))


def _is_undisturbed(subscription: Subscription, state: ProviderState) -> bool:
    """True if the provider's state differs in nothing but the latest invoice."""
    return (
        state.agreement is AgreementStatus.LIVE
        and state.customer_ref == subscription.customer_ref
        and not state.customer_is_deleted
        and digest_of(state.card) == digest_of(subscription.card)
        and not (state.is_held or state.ends or state.paused_for)
        and state.begun is None
        and state.change is None
    )


def _is_next_period(subscription: Subscription, latest: Charge, invoice: Invoice, now: datetime) -> bool:
    """True if the invoice is for the period after the paid one, at its price, and paid in full on the card on file.

    What is optional for providers may be unknown.
    """
    card = subscription.card
    paid = {invoice.amount, invoice.total, invoice.amount_due, invoice.amount_paid}
    return (
        latest.outcome is ChargeOutcome.PAID
        and invoice.status == "paid"
        and latest.agreement_ref == subscription.agreement_ref
        and latest.decline is None
        and not (latest.key or latest.is_apart or latest.is_of_change or latest.waits_until)
        and card is not None
        and latest.paid_with in ("", card.ref)
        and invoice.ref != subscription.settled_invoice
        and paid - {None} == {subscription.amount}
        and invoice.currency == subscription.currency
        and not (invoice.credit_applied or invoice.discount or invoice.tax)
        and latest.anchor == subscription.agreement_anchor == subscription.billing_anchor
        and latest.period_start is not None
        and latest.period_start == subscription.period_end
        and latest.period_end is not None
        and latest.period_end > now
    )


def renewed(subscription: Subscription, renewal: Renewal) -> Subscription:
    """The subscription after a plain renewal.

    Workflows take over by it what any release has recorded, so it never changes; a renewal that would need more is
    not plain.
    """
    return replace(
        subscription,
        sequence=subscription.sequence + 1,
        period_start=renewal.period_start,
        period_end=renewal.period_end,
        ask_at=renewal.ask_at,
        settled_invoice=renewal.settled_invoice,
    )


@dataclass(frozen=True)
class ExpectedRenewal:
    """The renewal that a provider event reports, as the step after the one that a workflow has taken last."""

    subscription: str
    sequence: int
    """Of the step before."""
    basis: str
    """What the workflow has as the rest of the state (`basis_of`)."""
    event: str

    @property
    def cause(self) -> Cause:
        return Cause(CauseKind.WEBHOOK, self.event)

    def follows(self, before: Subscription) -> bool:
        """True if the workflow has this state, but for what the renewal changes."""
        return before.sequence == self.sequence and basis_of(before) == self.basis

    def is_closed_by(self, step: RecordedStep) -> bool:
        """True if an empty step is recorded in its place (`closed`)."""
        return step.subscription.sequence == self.sequence + 1 and step.entry is None

    def as_recorded(self, step: RecordedStep) -> Renewal | None:
        """The renewal, if this step is it; applied to the workflow's state, it makes exactly the recorded one."""
        after, entry = step.subscription, step.entry
        if entry is None or entry.kind != Event.RENEWED.value or entry.cause != self.cause:
            return None
        is_next = after.sequence == self.sequence + 1 and basis_of(after) == self.basis
        return of_step(after, entry) if is_next else None


def of_step(after: Subscription, entry: Entry) -> Renewal:
    """What a renewal reports to the workflow: the state after it, and its journal entry."""
    line = f"{moment(entry.at)} {entry.summary}"
    return Renewal(after.period_start, after.period_end, after.ask_at, after.settled_invoice, line)


def closed(subscription: Subscription, policy: Policy) -> Step:
    """An empty step in the place of a renewal that may have been recorded: whichever comes first keeps the place."""
    after = subscription.after(Event.NOTED)
    return Step(after, ahead=agenda(after, policy))
