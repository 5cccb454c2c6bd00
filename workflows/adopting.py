"""Carrying on here what was begun elsewhere: the birth of a subscription that is taken over."""

from collections.abc import Awaitable, Callable
from dataclasses import replace

from temporalio import workflow
from temporalio.exceptions import FailureError

from activities.failures import STEP_FAILED, refusal
from domain import blocking, taking_over
from domain.journal import Cause
from domain.lifecycle import Status
from workflows import hands
from workflows.course import Course


async def adopt(course: Course, cause: Cause) -> None:
    """Write the first step down, then do what it brings at the provider.

    Raises:
        ApplicationError: it was refused; the agreement is as it was.
    """
    adopted = course.subscription
    if adopted.status is Status.TRIALING:
        await hands.check_trial_elsewhere(adopted)
        ends_at = adopted.trial_ends_at or workflow.now()
        reminders = await hands.anchor_reminders(adopted.customer, ends_at, course.policy.trial)
        course.subscription = replace(adopted, reminders=reminders)
    await course.commit(taking_over.adopted(course.subscription, adopted.agreement_ref, workflow.now(), cause))
    if adopted.status is Status.TRIALING:
        await take_trial_over(course, cause)
    if adopted.card is not None:
        await _make_default(course, adopted.card.ref)


async def _make_default(course: Course, card_ref: str) -> None:
    """Only once it is taken over: what is not keeps the card that it has."""
    try:
        await hands.make_default(course.subscription, card_ref)
    except STEP_FAILED as error:
        # Taken away since it was judged, perhaps. The next look finds what there is now.
        workflow.logger.warning("card not made the default: %s", error.__cause__ or error)


async def take_trial_over(course: Course, cause: Cause) -> None:
    """End the provider's trial, which is written down as ours: until then we bill nothing, then it does not.

    Raises:
        ApplicationError: it has turned paid, was canceled or changed meanwhile, and is left as it is.
    """
    try:
        await _until_done(course, lambda: hands.end_trial_elsewhere(course.subscription))
    except STEP_FAILED:
        # What ends here now must not end there.
        course.subscription = replace(course.subscription, agreement_ref="", settled_invoice="")
        raise
    await course.commit(taking_over.handed_over(course.subscription, workflow.now(), cause))


async def _until_done(course: Course, ask: Callable[[], Awaitable[None]]) -> None:
    """What was refused otherwise than for good may have been heard before: only asking again tells."""
    since = workflow.now()
    while True:
        try:
            with course.trying(blocking.HAND_OVER):
                await ask()
        except STEP_FAILED as error:
            if _is_left(error):
                raise
            await course.block_and_rest(blocking.HAND_OVER, error, since)
        else:
            await course.went_on(blocking.HAND_OVER)
            return


def _is_left(error: FailureError) -> bool:
    refused = refusal(error)
    return refused is not None and refused.type in taking_over.LEFT_TO_PROVIDER
