"""Recoveries of failed payments as facts: what was owed, how often it was tried, and how it came out."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from domain.subscription.journal import CauseKind, Step
from domain.subscription.lifecycle import Status
from domain.subscription.state import Recovery, Subscription, SuspensionKind


class RecoveryOutcome(StrEnum):
    """What became of a failed payment."""

    OPEN = "open"
    RECOVERED = "recovered"
    LOST = "lost"
    """The subscription ended unpaid."""
    WAIVED = "waived"
    """The invoice was voided or written off at the provider; or an operator gave access back although it is unpaid,
    which begins another recovery."""


class RecoveredBy(StrEnum):
    """What brought the payment."""

    RETRY = "retry"
    """An attempt of the recovery ladder."""
    NEW_CARD = "new_card"
    CUSTOMER = "customer"
    """A retry that a command asked for."""
    PROVIDER = "provider"
    """Paid at the provider: by its own retry, or by the customer on its page."""
    OPERATOR = "operator"
    """A retry that an operator asked for; or the operator who waived it."""


@dataclass(frozen=True)
class RecoveryFact:
    """One recovery as it stands after a step."""

    began_at: datetime
    invoice: str
    amount: int
    currency: str
    is_first_payment: bool
    decline_code: str
    tries: int
    outcome: RecoveryOutcome = RecoveryOutcome.OPEN
    ended_at: datetime | None = None
    by: RecoveredBy | None = None
    plan: str = ""
    """Held when it began."""


def recovery_facts(before: Subscription | None, step: Step, at: datetime) -> tuple[RecoveryFact, ...]:
    """Returns the recovery if the step at *at* began, changed or ended it, and one that began as it ended."""
    after = step.subscription
    was, now = before.recovery if before is not None else None, after.recovery
    if before is not None and was is not None and now is not None and _is_waived_by_operator(before, after):
        waived = {"outcome": RecoveryOutcome.WAIVED, "ended_at": at, "by": RecoveredBy.OPERATOR}
        return RecoveryFact(**(vars(_fact(was, before)) | waived)), _fact(now, before)
    if now is not None:
        return () if was is not None and _shown(was) == _shown(now) else (_fact(now, before or after),)
    if was is None or before is None:
        return ()
    fact = _fact(was, before)
    outcome = _outcome(step)
    by = _by(before, was, step) if outcome is RecoveryOutcome.RECOVERED else None
    return (RecoveryFact(**(vars(fact) | {"outcome": outcome, "ended_at": at, "by": by})),)


def _is_waived_by_operator(before: Subscription, after: Subscription) -> bool:
    """True if a subscription that was suspended for nonpayment is active again without a payment."""
    held = before.suspension
    return held is not None and held.kind is SuspensionKind.NONPAYMENT and after.status is Status.PAST_DUE


def _shown(recovery: Recovery) -> tuple[object, ...]:
    return recovery.tries, recovery.decline.code, recovery.amount_due, recovery.currency, recovery.invoice_ref


def _fact(recovery: Recovery, of: Subscription) -> RecoveryFact:
    is_first = of.status is Status.TRIALING or not (of.agreement_ref or of.lost_agreement)
    return RecoveryFact(
        began_at=recovery.since,
        invoice=recovery.invoice_ref,
        amount=recovery.amount_due if recovery.amount_due is not None else of.amount,
        currency=recovery.currency or of.currency,
        is_first_payment=is_first,
        decline_code=recovery.decline.code,
        tries=recovery.tries,
        plan=of.plan,
    )


def _outcome(step: Step) -> RecoveryOutcome:
    if step.subscription.is_over:
        return RecoveryOutcome.LOST
    is_waived = any(entry.kind == "bill_waived" for entry in step.entries)
    return RecoveryOutcome.WAIVED if is_waived else RecoveryOutcome.RECOVERED


def _by(before: Subscription, recovery: Recovery, step: Step) -> RecoveredBy:
    card, cause = before.card, step.entries[-1].cause.kind if step.entries else CauseKind.PROVIDER
    if card is not None and card.ref != recovery.card_ref and cause in (CauseKind.COMMAND, CauseKind.TIMER):
        return RecoveredBy.NEW_CARD
    if step.entries and step.entries[-1].cause.is_operators:
        return RecoveredBy.OPERATOR
    by_cause = {CauseKind.TIMER: RecoveredBy.RETRY, CauseKind.COMMAND: RecoveredBy.CUSTOMER}
    return by_cause.get(cause, RecoveredBy.PROVIDER)
