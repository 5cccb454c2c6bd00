"""Calls of the database's activities: local ones, which run with the workflow task itself."""

from datetime import datetime, timedelta
from typing import TypedDict

from temporalio import workflow
from temporalio.common import RetryPolicy

from activities.records import AnchorRequest, ForgetRequest, LadderRequest, NoticesRequest, RecordActivities
from domain.subscription.contact_hours import Hours
from domain.subscription.journal import Step
from domain.subscription.policy import LadderStep, TrialPolicy
from domain.subscription.reminders import Reminder
from domain.subscription.state import Notice, Subscription
from workflows.retries import retry_forever


class _Local(TypedDict):
    start_to_close_timeout: timedelta
    local_retry_threshold: timedelta
    retry_policy: RetryPolicy


DATABASE: _Local = {
    "start_to_close_timeout": timedelta(seconds=10),
    # Retried within the workflow task up to this long, then with a timer in between.
    "local_retry_threshold": timedelta(seconds=20),
    "retry_policy": retry_forever(max_interval=timedelta(minutes=5)),
}


async def record(step: Step) -> None:
    """Record the step; returns once it is in the database."""
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
        summary=f"Due days of a recovery that started on {since:%Y-%m-%d}",
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
        summary="Delete a refused sign-up",
    )
