"""Retries without an end: giving up would leave a step half done."""

from datetime import timedelta

from temporalio.common import RetryPolicy


def retry_forever(*, max_interval: timedelta) -> RetryPolicy:
    """Returns a policy that retries until it succeeds, at first after a second, then at most *max_interval* apart."""
    return RetryPolicy(initial_interval=timedelta(seconds=1), maximum_interval=max_interval)
