"""What an activity can know about the attempts that are left to it."""

from datetime import timedelta

from temporalio import activity

EXPONENT = 30
"""Beyond this, a backoff has reached its maximum."""


def claimant() -> str:
    """The same for all attempts of this activity, and for no other activity."""
    info = activity.info()
    return info.activity_run_id or info.workflow_run_id or info.activity_id


def is_last_attempt() -> bool:
    """True if this activity runs by itself, and its time allows no further attempt: it must record the end.

    Within a workflow, the workflow records it.
    """
    info = activity.info()
    if info.in_workflow or info.schedule_to_close_timeout is None:
        return False
    attempt_ends = info.started_time + (info.start_to_close_timeout or timedelta())
    return attempt_ends + _backoff(info) >= info.scheduled_time + info.schedule_to_close_timeout


def _backoff(info: activity.Info) -> timedelta:
    """The pause before the next attempt."""
    policy = info.retry_policy
    if policy is None:
        return timedelta()
    pause = policy.initial_interval * policy.backoff_coefficient ** min(info.attempt - 1, EXPONENT)
    return min(pause, policy.maximum_interval or pause)
