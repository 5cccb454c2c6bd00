"""Carrying on here what was begun elsewhere: the birth of a subscription that is taken over."""

from dataclasses import replace

from temporalio import workflow

from activities.failures import STEP_FAILED, as_failure
from domain import taking_over
from domain.errors import Rejected
from domain.journal import Cause
from domain.lifecycle import Status
from domain.payments import AgreementStatus
from workflows import hands
from workflows.course import Course


async def adopt(course: Course, cause: Cause) -> None:
    """Write the first step down; for a trial once the provider's own has ended, so that never both bill.

    Raises:
        ApplicationError: it was refused; nothing was written, and the agreement is as it was.
    """
    agreement_ref = course.subscription.agreement_ref
    if course.subscription.status is Status.TRIALING:
        await _take_trial_over(course)
    await course.commit(taking_over.adopted(course.subscription, agreement_ref, workflow.now(), cause))


async def _take_trial_over(course: Course) -> None:
    trial, now = course.subscription, workflow.now()
    try:
        taking_over.check_trial(trial, now)
    except Rejected as error:
        raise as_failure(error) from error
    ends_at = trial.trial_ends_at or now
    reminders = await hands.anchor_reminders(trial.customer, ends_at, course.policy.trial)
    try:
        await hands.end_trial_elsewhere(trial, ends_at - now - taking_over.TRIAL_MARGIN / 2)
    except STEP_FAILED:
        # It may have been heard all the same; a trial that was not ended in time is the provider's.
        if (await hands.look(trial)).agreement is not AgreementStatus.ENDED:
            raise
    course.subscription = replace(trial, agreement_ref="", reminders=reminders)
