"""Calls of the provider's activities: each with its timeouts, retries, priority and the summary that operators see."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import TypedDict

from temporalio import workflow
from temporalio.common import Priority, RetryPolicy

from activities.changing import ChangeActivities, ChangeRequest
from activities.payments import (
    BeginRequest,
    CollectRequest,
    ConfirmationActivities,
    ConfirmationRequest,
    EndRequest,
    FirstQuoteRequest,
    PaymentActivities,
    RestartRequest,
    ReversalRequest,
    StandingRequest,
    SwitchRequest,
    UpcomingRequest,
)
from activities.refunds import RefundActivities
from activities.wallets import AdoptRequest, CardRequest, CheckoutRequest, DeletedRequest, WalletActivities
from domain.catalog.plans import Selection
from domain.money import Money, formatted
from domain.names import PAYMENTS_QUEUE
from domain.provider.payments import Charge, ProviderState, Quote, Reversal, ReversalKind, UpcomingInvoice, Wallet
from domain.provider.refunds import RefundOrder
from domain.provider.short_states import completed, digest_of
from domain.subscription import late_answers
from domain.subscription.confirmation import Confirmation, ConfirmedAction
from domain.subscription.own_period import own_period
from domain.subscription.state import Subscription
from workflows.priorities import Urgency, attempt_key, is_few_attempts, is_single_attempt, priority
from workflows.retries import HEARTBEAT_TIMEOUT, retry_forever

SINGLE_ATTEMPT = RetryPolicy(maximum_attempts=1)
"""For a step that is blocked already: the workflow itself retries it, and can take commands in between."""
FEW_ATTEMPTS = RetryPolicy(initial_interval=timedelta(seconds=1), maximum_attempts=3)
"""For a command while a step is blocked: later commands must not wait for the end of an outage."""
UNTIL_SUCCESS = retry_forever(max_interval=timedelta(minutes=5))
OUTAGE_TIMEOUT = timedelta(hours=1)
"""After this long without an answer from the provider, the workflow shows the step as blocked. It is retried under the
same idempotency key, so nothing is done twice."""

CHANGES_ON_TERMS = "change-on-terms"
"""A change to the order of commands: before, all changes were one activity, and earlier releases know neither the
period's owner nor whether the customer is present. Changes that need these are no longer sent to their workers."""
QUOTE_TIMEOUT = timedelta(seconds=20)
"""For a read that a caller waits for."""


class ProviderCall(TypedDict):
    task_queue: str
    start_to_close_timeout: timedelta
    heartbeat_timeout: timedelta
    schedule_to_close_timeout: timedelta
    retry_policy: RetryPolicy
    priority: Priority


def provider_call(urgency: Urgency, subscription: Subscription, within: timedelta = OUTAGE_TIMEOUT) -> ProviderCall:
    """Return how an activity of the provider is called: its queue, timeouts, retries and priority."""
    return {
        "task_queue": PAYMENTS_QUEUE,
        "start_to_close_timeout": timedelta(seconds=45),
        "heartbeat_timeout": HEARTBEAT_TIMEOUT,
        "schedule_to_close_timeout": within,
        "retry_policy": SINGLE_ATTEMPT if is_single_attempt() else FEW_ATTEMPTS if is_few_attempts() else UNTIL_SUCCESS,
        "priority": priority(urgency, subscription.tenant),
    }


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
        WalletActivities.put_card,
        request,
        **provider_call(Urgency.INTERACTIVE, subscription),
        summary="Put a card on file",
    )


async def recreate_customer(subscription: Subscription) -> str:
    return await workflow.execute_activity_method(
        WalletActivities.recreate_customer,
        DeletedRequest(subscription.customer, subscription.customer_ref),
        **provider_call(Urgency.COLLECTION, subscription),
        summary="Recreate a customer who was deleted at the payment provider",
    )


async def adopt_checkout(subscription: Subscription, session_ref: str) -> Wallet | None:
    return await workflow.execute_activity_method(
        WalletActivities.adopt_checkout,
        AdoptRequest(
            session_ref,
            subscription.agreement_ref,
            subscription.card_since,
            attempt_key(f"adopt/{session_ref}"),
        ),
        **provider_call(Urgency.INTERACTIVE, subscription),
        summary="Put the card from checkout on file",
    )


async def charge(subscription: Subscription, key: str, *, present: bool = False) -> Charge:
    """Charge what is due now: the first period, an open invoice, or a new period once the old invoice's is over.

    If the customer is *present*, the bank may require a confirmation for the first period.
    """
    recovery = subscription.recovery
    price = formatted(Money(subscription.amount, subscription.currency))
    summary = f"Charge {price}, attempt {subscription.charge_tries}"
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
                earlier=late_answers.earlier_attempts(subscription, key),
            ),
            **provider_call(Urgency.CONVERSION, subscription),
            summary=summary,
        )
    if recovery is not None and recovery.period_end is not None and recovery.period_end > workflow.now():
        return await workflow.execute_activity_method(
            PaymentActivities.collect,
            CollectRequest(recovery.invoice_ref, attempt_key(key)),
            **provider_call(Urgency.COLLECTION, subscription),
            summary=summary,
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
        **provider_call(Urgency.COLLECTION, subscription),
        summary=f"{summary}, new period",
    )


async def change(subscription: Subscription, to: Selection, at: datetime, key: str, *, present: bool = False) -> Charge:
    """Change the agreement's items; the difference is billed at once.

    If the customer is *present*, the bank may require a confirmation.
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
        **provider_call(Urgency.COLLECTION, subscription),
        summary=f"Change to {to.plan_name} and bill the difference",
    )


async def quote(subscription: Subscription, to: Selection, at: datetime) -> Quote:
    return await workflow.execute_activity_method(
        ChangeActivities.quote,
        ChangeRequest(subscription.agreement_ref, to.items, at, own=own_period(subscription)),
        **provider_call(Urgency.INTERACTIVE, subscription, QUOTE_TIMEOUT),
        summary=f"Quote a change to {to.plan_name}",
    )


async def first_quote(subscription: Subscription, to: Selection) -> Quote:
    return await workflow.execute_activity_method(
        PaymentActivities.first_quote,
        FirstQuoteRequest(subscription.customer_ref, to.items),
        **provider_call(Urgency.INTERACTIVE, subscription, QUOTE_TIMEOUT),
        summary=f"Quote a first period of {to.plan_name}",
    )


async def upcoming_invoice(subscription: Subscription) -> UpcomingInvoice:
    return await workflow.execute_activity_method(
        PaymentActivities.upcoming_invoice,
        UpcomingRequest(subscription.agreement_ref),
        **provider_call(Urgency.LOOKUP, subscription, QUOTE_TIMEOUT),
        summary="Read what the next renewal will bill",
    )


async def reversal(subscription: Subscription, kind: ReversalKind, object_ref: str) -> Reversal:
    return await workflow.execute_activity_method(
        PaymentActivities.reversal,
        ReversalRequest(kind, object_ref),
        **provider_call(Urgency.LOOKUP, subscription),
        summary=f"Read a {kind}",
    )


async def refund(subscription: Subscription, order: RefundOrder) -> tuple[Reversal, ...]:
    return await workflow.execute_activity_method(
        RefundActivities.refund,
        order,
        **provider_call(Urgency.INTERACTIVE, subscription),
        summary=f"Refund invoice {order.invoice_ref}",
    )


async def provider_state(subscription: Subscription, *, in_short: bool) -> ProviderState:
    """Return the provider's current state of the subscription; *in_short*, history holds less of it."""
    request = StandingRequest(
        subscription.customer_ref,
        subscription.agreement_ref,
        subscription.recovery.invoice_ref if subscription.recovery else "",
        "" if in_short and subscription.customer_ref else subscription.customer,
        () if subscription.agreement_ref else late_answers.earlier_attempts(subscription, ""),
        subscription.unheard_change.key if subscription.unheard_change else "",
        in_short,
        digest_of(subscription.card) if in_short else "",
    )
    state = await workflow.execute_activity_method(
        PaymentActivities.standing,
        request,
        **provider_call(Urgency.LOOKUP, subscription),
        summary="Read the provider's state",
    )
    return completed(state, request.known, subscription.card)


def end_key(subscription: Subscription) -> str:
    return attempt_key(f"{subscription.id}/end/{subscription.agreement_ref}")


async def end_agreement(subscription: Subscription) -> None:
    invoice = subscription.recovery.invoice_ref if subscription.recovery else ""
    await workflow.execute_activity_method(
        PaymentActivities.end,
        EndRequest(subscription.agreement_ref, invoice, end_key(subscription)),
        **provider_call(Urgency.COLLECTION, subscription),
        summary="End the agreement with the payment provider",
    )


async def end_late(subscription: Subscription, open_invoice: str) -> None:
    """End the agreement of a subscription that is already over, and void an open invoice."""
    key = attempt_key(f"{subscription.id}/end/{subscription.agreement_ref}/late/{open_invoice}")
    await workflow.execute_activity_method(
        PaymentActivities.end,
        EndRequest(subscription.agreement_ref, open_invoice, key),
        **provider_call(Urgency.COLLECTION, subscription),
        summary="End the agreement of a subscription that is over",
    )


async def invoice_state(
    subscription: Subscription, invoice: str, *, summary: str = "Read what was billed after the end"
) -> ProviderState:
    """Return the state of an invoice, or of the agreement's latest one."""
    return await workflow.execute_activity_method(
        PaymentActivities.standing,
        StandingRequest(subscription.customer_ref, subscription.agreement_ref, invoice, subscription.customer),
        **provider_call(Urgency.LOOKUP, subscription),
        summary=summary,
    )


async def make_default_card(subscription: Subscription, card_ref: str) -> None:
    """Make the card the customer's default, where syncs find it; the agreement's own card stays as it is."""
    request = CardRequest(
        subscription.customer,
        subscription.customer_ref,
        "",
        card_ref,
        attempt_key(f"{subscription.id}/adopted/{card_ref}"),
    )
    await workflow.execute_activity_method(
        WalletActivities.put_card,
        request,
        **provider_call(Urgency.COLLECTION, subscription),
        summary="Make the card that is charged the customer's default",
    )


def _switch_key(subscription: Subscription, name: str, *, on: bool) -> str:
    """On and off may both be requested at one sequence: on is recorded before the request, off after it."""
    return attempt_key(f"{subscription.id}/{name}/{'on' if on else 'off'}/{subscription.sequence}")


async def end_at_period_end(subscription: Subscription, *, on: bool, again: str = "") -> None:
    """Switch the end at period end; *again* makes the key unique when the same request must be repeated."""
    await workflow.execute_activity_method(
        PaymentActivities.end_at_period_end,
        SwitchRequest(subscription.agreement_ref, on, _switch_key(subscription, "ends", on=on) + again),
        **provider_call(Urgency.COLLECTION, subscription),
        summary="Stop billing at period end" if on else "Continue billing",
    )


async def set_hold(subscription: Subscription, *, on: bool, again: str = "") -> None:
    """Put billing on hold, or resume it; *again* as in `end_at_period_end`."""
    await workflow.execute_activity_method(
        PaymentActivities.hold,
        SwitchRequest(subscription.agreement_ref, on, _switch_key(subscription, "hold", on=on) + again),
        **provider_call(Urgency.COLLECTION, subscription),
        summary="Hold billing while a payment is owed or access is off" if on else "Resume billing",
    )


async def open_checkout(subscription: Subscription, urls: Mapping[str, str], key: str) -> tuple[str, str]:
    return await workflow.execute_activity_method(
        WalletActivities.open_checkout,
        CheckoutRequest(
            subscription.customer, subscription.customer_ref, subscription.id, urls["success"], urls["cancel"], key
        ),
        **provider_call(Urgency.INTERACTIVE, subscription),
        summary="Open a checkout page",
    )


async def confirmation(subscription: Subscription, waiting: Confirmation) -> Charge:
    """Return the outcome of a payment that waits for the customer's bank."""
    return await workflow.execute_activity_method(
        ConfirmationActivities.confirmation,
        _confirmation(subscription, waiting),
        **provider_call(Urgency.LOOKUP, subscription),
        summary="Check whether the customer has confirmed the payment",
    )


async def withdraw_confirmation(subscription: Subscription, waiting: Confirmation) -> Charge:
    """Withdraw a pending payment: gone, or paid if the customer was faster."""
    return await workflow.execute_activity_method(
        ConfirmationActivities.withdraw_confirmation,
        _confirmation(subscription, waiting),
        **provider_call(Urgency.COLLECTION, subscription),
        summary="Withdraw the payment that waits for the customer's bank",
    )


async def void_invoice(subscription: Subscription, invoice_ref: str) -> Charge:
    """Void an open invoice of the agreement: gone, or paid if the customer was faster."""
    return await workflow.execute_activity_method(
        ConfirmationActivities.withdraw_confirmation,
        ConfirmationRequest(
            subscription.agreement_ref,
            invoice_ref,
            attempt_key(f"{subscription.id}/deleted/{invoice_ref}"),
            ends_agreement=False,
        ),
        **provider_call(Urgency.COLLECTION, subscription),
        summary="Void the open invoice of a deleted customer",
    )


def _confirmation(subscription: Subscription, waiting: Confirmation) -> ConfirmationRequest:
    return ConfirmationRequest(
        waiting.agreement_ref,
        waiting.invoice_ref,
        attempt_key(f"{subscription.id}/confirmation/{waiting.invoice_ref}"),
        ends_agreement=waiting.action is not ConfirmedAction.CHANGE_PLAN,
    )
