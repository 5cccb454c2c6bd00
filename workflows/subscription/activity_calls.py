"""How a workflow reaches outside: each activity with its queue, its timeouts and its words for the operator."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import TypedDict

from temporalio import workflow
from temporalio.common import Priority, RetryPolicy

from activities.adopting import AdoptionActivities, TrialRequest
from activities.changing import ChangeActivities, ChangeRequest
from activities.confirming import ConfirmationActivities, ConfirmationRequest
from activities.payments import (
    AdoptRequest,
    BeginRequest,
    CardRequest,
    CheckoutRequest,
    CollectRequest,
    DeletedRequest,
    EndRequest,
    FirstQuoteRequest,
    PaymentActivities,
    RestartRequest,
    ReversalRequest,
    StandingRequest,
    SwitchRequest,
    UpcomingRequest,
)
from activities.records import AnchorRequest, ForgetRequest, LadderRequest, NoticesRequest, RecordActivities
from domain.catalog.plans import Selection
from domain.names import PAYMENTS_QUEUE
from domain.provider.payments import Charge, ProviderState, Quote, Reversal, ReversalKind, UpcomingBill, Wallet
from domain.subscription import late_answers
from domain.subscription.confirmation import Confirmation, ConfirmedAction
from domain.subscription.contact_hours import Hours
from domain.subscription.journal import Step
from domain.subscription.own_period import own_period
from domain.subscription.policy import LadderStep, TrialPolicy
from domain.subscription.reminders import Reminder
from domain.subscription.state import Notice, Subscription
from workflows.priorities import Urgency, attempt_key, is_few_attempts, is_single_attempt, priority

RETRY_FOREVER = RetryPolicy(initial_interval=timedelta(seconds=1), maximum_interval=timedelta(minutes=5))
"""Retried until the outside is back: to give up would leave a step half done."""
SINGLE_ATTEMPT = RetryPolicy(maximum_attempts=1)
"""For a step that is blocked already: the workflow itself tries it again, and is free for commands in between."""
FEW_ATTEMPTS = RetryPolicy(initial_interval=timedelta(seconds=1), maximum_attempts=3)
"""For what a command asks while a step is blocked: the next one is not to wait for an outage to end."""
OUTAGE_TIMEOUT = timedelta(hours=1)
"""So long the provider may give no answer before the workflow is told, and shows that it is blocked. The step is asked
for again under the same key, so that nothing is done twice by it."""

CHANGES_ON_TERMS = "change-on-terms"
"""A change to the order of commands: until then all changes were one activity, of which earlier releases knew neither
whose period it is nor whether the customer is there. What needs these is not given to their workers any more."""
QUOTE_TIMEOUT = timedelta(seconds=20)
"""For a question that somebody waits for and that changes nothing."""


class _Remote(TypedDict):
    task_queue: str
    start_to_close_timeout: timedelta
    schedule_to_close_timeout: timedelta
    retry_policy: RetryPolicy
    priority: Priority


class _Local(TypedDict):
    start_to_close_timeout: timedelta
    local_retry_threshold: timedelta
    retry_policy: RetryPolicy


DATABASE: _Local = {
    "start_to_close_timeout": timedelta(seconds=10),
    # Retried within the workflow task for so long, then by a timer in between.
    "local_retry_threshold": timedelta(seconds=20),
    "retry_policy": RETRY_FOREVER,
}


def _payments(urgency: Urgency, subscription: Subscription, within: timedelta = OUTAGE_TIMEOUT) -> _Remote:
    return {
        "task_queue": PAYMENTS_QUEUE,
        "start_to_close_timeout": timedelta(seconds=45),
        "schedule_to_close_timeout": within,
        "retry_policy": SINGLE_ATTEMPT if is_single_attempt() else FEW_ATTEMPTS if is_few_attempts() else RETRY_FOREVER,
        "priority": priority(urgency, subscription.tenant),
    }


async def record(step: Step) -> None:
    """Write the step down; returns when it is in the database."""
    await workflow.execute_local_activity_method(
        RecordActivities.record,
        step,
        **DATABASE,
        summary=", ".join(entry.kind for entry in step.entries),
    )


async def schedule_reminders(
    customer: str, ends_at: datetime, trial: TrialPolicy, *, signing_up: str = ""
) -> tuple[Reminder, ...]:
    return await workflow.execute_local_activity_method(
        RecordActivities.anchor_reminders,
        AnchorRequest(customer, ends_at, trial, workflow.now(), signing_up),
        **DATABASE,
        summary=f"Reminders before {ends_at:%Y-%m-%d}",
    )


async def schedule_ladder(
    customer: str, since: datetime, ladder: tuple[LadderStep, ...], hours: Hours
) -> tuple[datetime, ...]:
    return await workflow.execute_local_activity_method(
        RecordActivities.anchor_ladder,
        LadderRequest(customer, since, ladder, hours),
        **DATABASE,
        summary=f"Days of a recovery that begins on {since:%Y-%m-%d}",
    )


async def schedule_notices(customer: str, notices: tuple[Notice, ...], hours: Hours) -> tuple[Notice, ...]:
    return await workflow.execute_local_activity_method(
        RecordActivities.lay_out_notices,
        NoticesRequest(customer, notices, hours, workflow.now()),
        **DATABASE,
        summary="Notices before the next renewal",
    )


async def forget_sign_up(subscription: Subscription) -> None:
    await workflow.execute_local_activity_method(
        RecordActivities.forget_sign_up,
        ForgetRequest(subscription.customer, subscription.id),
        **DATABASE,
        summary="Forget a refused sign-up",
    )


async def put_card(subscription: Subscription, payment_method: str | None, key: str) -> Wallet:
    request = CardRequest(
        subscription.customer,
        subscription.customer_ref,
        subscription.agreement_ref,
        payment_method,
        attempt_key(key),
        signing_up="" if subscription.sequence else subscription.id,
    )
    return await workflow.execute_activity_method(
        PaymentActivities.put_card,
        request,
        **_payments(Urgency.INTERACTIVE, subscription),
        summary="Put a card on file",
    )


async def recreate_customer(subscription: Subscription) -> str:
    return await workflow.execute_activity_method(
        PaymentActivities.know_again,
        DeletedRequest(subscription.customer, subscription.customer_ref),
        **_payments(Urgency.COLLECTION, subscription),
        summary="Make a deleted customer known to the payment provider again",
    )


async def adopt_checkout(subscription: Subscription, session_ref: str) -> Wallet | None:
    return await workflow.execute_activity_method(
        PaymentActivities.adopt_checkout,
        AdoptRequest(
            session_ref,
            subscription.agreement_ref,
            subscription.card_since,
            attempt_key(f"adopt/{session_ref}"),
        ),
        **_payments(Urgency.INTERACTIVE, subscription),
        summary="Put the card given at checkout on file",
    )


async def charge(subscription: Subscription, key: str, *, present: bool = False) -> Charge:
    """Take what is due now: the first period, an open bill, or a new period when the old bill's time is over.

    Of a customer who is *present* the bank may want a confirmation for the first period.
    """
    recovery = subscription.recovery
    words = f"Charge {subscription.amount} {subscription.currency} (minor units), try {subscription.charge_tries}"
    if not subscription.agreement_ref:
        card_ref = subscription.card.ref if subscription.card else ""
        return await workflow.execute_activity_method(
            PaymentActivities.begin,
            BeginRequest(
                subscription.id,
                subscription.customer_ref,
                card_ref,
                subscription.items,
                attempt_key(key),
                present=present,
                earlier=late_answers.earlier_tries(subscription, key),
            ),
            **_payments(Urgency.CONVERSION, subscription),
            summary=words,
        )
    if recovery is not None and recovery.period_end is not None and recovery.period_end > workflow.now():
        return await workflow.execute_activity_method(
            PaymentActivities.collect,
            CollectRequest(recovery.invoice_ref, attempt_key(key)),
            **_payments(Urgency.COLLECTION, subscription),
            summary=words,
        )
    return await workflow.execute_activity_method(
        PaymentActivities.restart,
        RestartRequest(
            subscription.agreement_ref,
            recovery.invoice_ref if recovery else "",
            attempt_key(key),
            subscription.items if subscription.agreement_is_stale else (),
            subscription.settled_invoice,
        ),
        **_payments(Urgency.COLLECTION, subscription),
        summary=f"{words}, new period",
    )


async def change(subscription: Subscription, to: Selection, at: datetime, key: str, *, present: bool = False) -> Charge:
    """Make the agreement one about something else; the difference is billed at once.

    Of a customer who is *present* the bank may want a confirmation.
    """
    held, own = present and subscription.is_held, own_period(subscription)
    has_terms = present or own is not None
    return await workflow.execute_activity_method(
        ChangeActivities.change_on_terms
        if has_terms and workflow.patched(CHANGES_ON_TERMS)
        else ChangeActivities.change,
        ChangeRequest(
            subscription.agreement_ref,
            to.items,
            at,
            attempt_key(key),
            own,
            present=present,
            held=held,
        ),
        **_payments(Urgency.COLLECTION, subscription),
        summary=f"Change to {to.plan_name} and bill the difference",
    )


async def quote(subscription: Subscription, to: Selection, at: datetime) -> Quote:
    return await workflow.execute_activity_method(
        ChangeActivities.quote,
        ChangeRequest(subscription.agreement_ref, to.items, at, own=own_period(subscription)),
        **_payments(Urgency.INTERACTIVE, subscription, QUOTE_TIMEOUT),
        summary=f"Ask what a change to {to.plan_name} would bill",
    )


async def first_quote(subscription: Subscription, to: Selection) -> Quote:
    return await workflow.execute_activity_method(
        PaymentActivities.first_quote,
        FirstQuoteRequest(subscription.customer_ref, to.items),
        **_payments(Urgency.INTERACTIVE, subscription, QUOTE_TIMEOUT),
        summary=f"Ask what a first period of {to.plan_name} would bill",
    )


async def upcoming_invoice(subscription: Subscription) -> UpcomingBill:
    return await workflow.execute_activity_method(
        PaymentActivities.upcoming_bill,
        UpcomingRequest(subscription.agreement_ref),
        **_payments(Urgency.LOOKUP, subscription, QUOTE_TIMEOUT),
        summary="Ask what the next renewal will bill",
    )


async def reversal(subscription: Subscription, kind: ReversalKind, object_ref: str) -> Reversal:
    return await workflow.execute_activity_method(
        PaymentActivities.reversal,
        ReversalRequest(kind, object_ref),
        **_payments(Urgency.LOOKUP, subscription),
        summary=f"Look at a {kind}",
    )


async def provider_state(subscription: Subscription) -> ProviderState:
    """Ask the provider how things stand now."""
    invoice = subscription.recovery.invoice_ref if subscription.recovery else ""
    return await workflow.execute_activity_method(
        PaymentActivities.standing,
        StandingRequest(
            subscription.customer_ref,
            subscription.agreement_ref,
            invoice,
            subscription.customer,
            () if subscription.agreement_ref else late_answers.earlier_tries(subscription, ""),
            subscription.unheard_change.key if subscription.unheard_change else "",
        ),
        **_payments(Urgency.LOOKUP, subscription),
        summary="Ask the payment provider how things stand",
    )


def _end_key(subscription: Subscription) -> str:
    return attempt_key(f"{subscription.id}/end/{subscription.agreement_ref}")


async def end_agreement(subscription: Subscription) -> None:
    invoice = subscription.recovery.invoice_ref if subscription.recovery else ""
    await workflow.execute_activity_method(
        PaymentActivities.end,
        EndRequest(subscription.agreement_ref, invoice, _end_key(subscription)),
        **_payments(Urgency.COLLECTION, subscription),
        summary="End the agreement with the payment provider",
    )


async def end_late(subscription: Subscription, open_bill: str) -> None:
    """End the agreement of a subscription that is over already, and void a bill that is open."""
    key = attempt_key(f"{subscription.id}/end/{subscription.agreement_ref}/late/{open_bill}")
    await workflow.execute_activity_method(
        PaymentActivities.end,
        EndRequest(subscription.agreement_ref, open_bill, key),
        **_payments(Urgency.COLLECTION, subscription),
        summary="End the agreement of what is over already",
    )


async def invoice_state(subscription: Subscription, invoice: str) -> ProviderState:
    """How a bill stands, or the agreement's latest one."""
    return await workflow.execute_activity_method(
        PaymentActivities.standing,
        StandingRequest(subscription.customer_ref, subscription.agreement_ref, invoice, subscription.customer),
        **_payments(Urgency.LOOKUP, subscription),
        summary="See what was billed after the end",
    )


def _trial(subscription: Subscription) -> TrialRequest:
    return TrialRequest(
        subscription.id,
        subscription.agreement_ref,
        subscription.items,
        subscription.trial_ends_at,
        subscription.cancel_at,
        _end_key(subscription),
    )


async def check_trial_elsewhere(subscription: Subscription) -> None:
    await workflow.execute_activity_method(
        AdoptionActivities.check_trial_elsewhere,
        _trial(subscription),
        **_payments(Urgency.LOOKUP, subscription),
        summary="See whether the provider's trial is still as it was judged",
    )


async def end_trial_elsewhere(subscription: Subscription) -> None:
    await workflow.execute_activity_method(
        AdoptionActivities.end_trial_elsewhere,
        _trial(subscription),
        **_payments(Urgency.COLLECTION, subscription),
        summary="End the provider's trial: it goes on here",
    )


async def make_default_card(subscription: Subscription, card_ref: str) -> None:
    """Have the card on file be the customer's, which is where looks find it; the agreement's own stays as it is."""
    request = CardRequest(
        subscription.customer,
        subscription.customer_ref,
        "",
        card_ref,
        attempt_key(f"{subscription.id}/adopted/{card_ref}"),
    )
    await workflow.execute_activity_method(
        PaymentActivities.put_card,
        request,
        **_payments(Urgency.COLLECTION, subscription),
        summary="Make the card that is charged the customer's default",
    )


def _switch_key(subscription: Subscription, name: str, *, on: bool) -> str:
    """On and off can be asked for at the same sequence: what is on was written down before, what is off is after."""
    return attempt_key(f"{subscription.id}/{name}/{'on' if on else 'off'}/{subscription.sequence}")


async def end_at_period_end(subscription: Subscription, *, on: bool, again: str = "") -> None:
    """Tell the provider; *again* names why it is told once more what it was told under the same key before."""
    await workflow.execute_activity_method(
        PaymentActivities.end_at_period_end,
        SwitchRequest(subscription.agreement_ref, on, _switch_key(subscription, "ends", on=on) + again),
        **_payments(Urgency.COLLECTION, subscription),
        summary="Bill no further period" if on else "Bill on",
    )


async def set_hold(subscription: Subscription, *, on: bool, again: str = "") -> None:
    """Tell the provider; *again* as with `end_at_period_end`."""
    await workflow.execute_activity_method(
        PaymentActivities.hold,
        SwitchRequest(subscription.agreement_ref, on, _switch_key(subscription, "hold", on=on) + again),
        **_payments(Urgency.COLLECTION, subscription),
        summary="Bill nothing while a payment is owed or access is off" if on else "Bill again",
    )


async def open_checkout(subscription: Subscription, urls: Mapping[str, str], key: str) -> tuple[str, str]:
    return await workflow.execute_activity_method(
        PaymentActivities.open_checkout,
        CheckoutRequest(
            subscription.customer, subscription.customer_ref, subscription.id, urls["success"], urls["cancel"], key
        ),
        **_payments(Urgency.INTERACTIVE, subscription),
        summary="Open a checkout page",
    )


async def confirmation(subscription: Subscription, waiting: Confirmation) -> Charge:
    """What has come of a payment that waits for the customer's bank."""
    return await workflow.execute_activity_method(
        ConfirmationActivities.confirmation,
        _confirmation(subscription, waiting),
        **_payments(Urgency.LOOKUP, subscription),
        summary="See whether the customer has confirmed the payment",
    )


async def withdraw_confirmation(subscription: Subscription, waiting: Confirmation) -> Charge:
    """Have a payment wait no longer: gone, or paid when the customer was faster."""
    return await workflow.execute_activity_method(
        ConfirmationActivities.withdraw_confirmation,
        _confirmation(subscription, waiting),
        **_payments(Urgency.COLLECTION, subscription),
        summary="Withdraw the payment that waits for the customer's bank",
    )


async def void_invoice(subscription: Subscription, invoice_ref: str) -> Charge:
    """Void an open bill of the agreement: gone, or paid when the customer was faster."""
    return await workflow.execute_activity_method(
        ConfirmationActivities.withdraw_confirmation,
        ConfirmationRequest(
            subscription.agreement_ref,
            invoice_ref,
            attempt_key(f"{subscription.id}/deleted/{invoice_ref}"),
            ends_agreement=False,
        ),
        **_payments(Urgency.COLLECTION, subscription),
        summary="Void the open bill of a customer who was deleted",
    )


def _confirmation(subscription: Subscription, waiting: Confirmation) -> ConfirmationRequest:
    return ConfirmationRequest(
        waiting.agreement_ref,
        waiting.invoice_ref,
        attempt_key(f"{subscription.id}/confirmation/{waiting.invoice_ref}"),
        ends_agreement=waiting.action is not ConfirmedAction.CHANGE_PLAN,
    )
