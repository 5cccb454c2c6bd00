"""Carrying on here what was begun elsewhere: the birth of a subscription that is taken over."""

from collections.abc import Awaitable, Callable
from dataclasses import replace

from temporalio import workflow
from temporalio.exceptions import FailureError

from activities.failures import STEP_FAILED, refusal
from domain.imports import adoption
from domain.subscription import blocked_steps
from domain.subscription.journal import Cause
from domain.subscription.lifecycle import Status
from workflows.subscription import activity_calls
from workflows.subscription.process import SubscriptionProcess


async def adopt(process: SubscriptionProcess, cause: Cause) -> None:
    """Write the first step down, then do what it brings at the provider.

    Raises:
        ApplicationError: it was refused; the agreement is as it was.
    """
    adopted = process.subscription
    if adopted.status is Status.TRIALING:
        await activity_calls.check_trial_elsewhere(adopted)
        ends_at = adopted.trial_ends_at or workflow.now()
        reminders = await activity_calls.schedule_reminders(adopted.customer, ends_at, process.policy.trial)
        process.subscription = replace(adopted, reminders=reminders)
    await process.commit(adoption.adopted(process.subscription, adopted.agreement_ref, workflow.now(), cause))
    if adopted.status is Status.TRIALING:
        await take_trial_over(process, cause)
    if adopted.card is not None:
        await _make_default(process, adopted.card.ref)


async def _make_default(process: SubscriptionProcess, card_ref: str) -> None:
    """Only once it is taken over: what is not keeps the card that it has."""
    try:
        await activity_calls.make_default_card(process.subscription, card_ref)
    except STEP_FAILED as error:
        # Taken away since it was judged, perhaps. The next look finds what there is now.
        workflow.logger.warning("card not made the default: %s", error.__cause__ or error)


async def take_trial_over(process: SubscriptionProcess, cause: Cause) -> None:
    """End the provider's trial, which is written down as ours: until then we bill nothing, then it does not.

    Raises:
        ApplicationError: it has turned paid, was canceled or changed meanwhile, and is left as it is.
    """
    try:
        await _retry_until_done(process, lambda: activity_calls.end_trial_elsewhere(process.subscription))
    except STEP_FAILED:
        # What ends here now must not end there.
        process.subscription = replace(process.subscription, agreement_ref="", settled_invoice="")
        raise
    await process.commit(adoption.handed_over(process.subscription, workflow.now(), cause))


async def _retry_until_done(process: SubscriptionProcess, ask: Callable[[], Awaitable[None]]) -> None:
    """What was refused otherwise than for good may have been heard before: only asking again tells."""
    since = workflow.now()
    while True:
        try:
            with process.attempting(blocked_steps.HAND_OVER):
                await ask()
        except STEP_FAILED as error:
            if _stays_with_provider(error):
                raise
            await process.block_and_rest(blocked_steps.HAND_OVER, error, since)
        else:
            await process.clear_block(blocked_steps.HAND_OVER)
            return


def _stays_with_provider(error: FailureError) -> bool:
    refused = refusal(error)
    return refused is not None and refused.type in adoption.LEFT_TO_PROVIDER
