"""Activates a subscription that was started elsewhere and is adopted here."""

from dataclasses import replace

from temporalio import workflow
from temporalio.exceptions import FailureError

from activities.adopting import AdoptionActivities, TrialRequest
from activities.failures import STEP_FAILED, refusal
from domain.imports import adoption
from domain.subscription import blocked_steps
from domain.subscription.journal import Cause
from domain.subscription.lifecycle import Status
from domain.subscription.state import Subscription
from workflows.priorities import Urgency
from workflows.subscription.activity_calls import end_key, provider_call
from workflows.subscription.process import SubscriptionProcess
from workflows.subscription.recorder import schedule_reminders


async def adopt(process: SubscriptionProcess, cause: Cause) -> None:
    """Record the first step, then apply it at the provider.

    Raises:
        ApplicationError: it was refused; the agreement is unchanged.
    """
    recorder = process.recorder
    adopted = recorder.subscription
    if adopted.status is Status.TRIALING:
        await _check_trial_elsewhere(adopted)
        ends_at = adopted.trial_ends_at or workflow.now()
        reminders = await schedule_reminders(adopted.customer, ends_at, recorder.policy.trial)
        recorder.subscription = replace(adopted, reminders=reminders)
    await recorder.commit(adoption.adopted(recorder.subscription, adopted.agreement_ref, workflow.now(), cause))
    if adopted.status is Status.TRIALING:
        await take_trial_over(process, cause)
    if adopted.card is not None:
        # Only after the adoption: an agreement that was not adopted keeps its card.
        await process.cards.make_default(adopted.card.ref)


async def take_trial_over(process: SubscriptionProcess, cause: Cause) -> None:
    """End the provider's trial, which is already recorded as ours, so that exactly one side ever bills.

    Raises:
        ApplicationError: it has turned paid, was canceled or changed meanwhile, and is left unchanged.
    """
    recorder = process.recorder
    try:
        # After any error but those it may have been done, and only a retry tells.
        await process.blocked.retry_until_answered(
            blocked_steps.HAND_OVER,
            lambda: _end_trial_elsewhere(recorder.subscription),
            is_final=_stays_with_provider,
        )
    except STEP_FAILED:
        # Our side ends now; the provider's agreement must not.
        recorder.subscription = replace(recorder.subscription, agreement_ref="", settled_invoice="")
        raise
    await recorder.commit(adoption.handed_over(recorder.subscription, workflow.now(), cause))


def _stays_with_provider(error: FailureError) -> bool:
    refused = refusal(error)
    return refused is not None and refused.type in adoption.LEFT_TO_PROVIDER


def _trial(subscription: Subscription) -> TrialRequest:
    return TrialRequest(
        subscription.id,
        subscription.agreement_ref,
        subscription.items,
        subscription.trial_ends_at,
        subscription.cancel_at,
        end_key(subscription),
    )


async def _check_trial_elsewhere(subscription: Subscription) -> None:
    await workflow.execute_activity_method(
        AdoptionActivities.check_trial_elsewhere,
        _trial(subscription),
        **provider_call(Urgency.LOOKUP, subscription),
        summary="Check that the provider's trial is unchanged",
    )


async def _end_trial_elsewhere(subscription: Subscription) -> None:
    await workflow.execute_activity_method(
        AdoptionActivities.end_trial_elsewhere,
        _trial(subscription),
        **provider_call(Urgency.COLLECTION, subscription),
        summary="End the provider's trial: it continues here",
    )
