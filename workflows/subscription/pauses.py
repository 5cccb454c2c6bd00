"""Pauses: billing and access stop, and continue later."""

from dataclasses import replace
from datetime import datetime

from temporalio import workflow

from domain.subscription import billing_day
from domain.subscription import pause as steps
from domain.subscription.journal import Cause
from workflows.subscription.recorder import StepRecorder

KEEPS_BILLING_DAY = "keeps-billing-day"
"""A change to the order of commands: before, every pause moved the billing day, even one of a minute."""


async def pause(recorder: StepRecorder, resumes_at: datetime | None, cause: Cause) -> None:
    """Pause, or move the end of a pause."""
    counts = recorder.policy.paused_counts
    await recorder.commit(steps.paused(recorder.subscription, resumes_at, workflow.now(), cause, counts=counts))


async def resume(recorder: StepRecorder, cause: Cause) -> None:
    """Resume; if the pause moved the billing day, billing stays on hold until the remaining days are used up."""
    subscription = recorder.subscription
    if subscription.billing_anchor is None and workflow.patched(KEEPS_BILLING_DAY):
        subscription = replace(subscription, billing_anchor=billing_day.anchor_of(subscription))
    await recorder.commit(steps.resumed(subscription, workflow.now(), cause, recorder.policy))
