"""Retries without an end: giving up would leave a step half done."""

from datetime import timedelta

from temporalio.common import RetryPolicy

HEARTBEAT_TIMEOUT = timedelta(seconds=10)
"""For activities that call outside: after this long without a sign of life, another worker tries again. The call itself
may take longer than any answer does. `worker.heartbeats` sends the signs."""


def retry_forever(*, max_interval: timedelta) -> RetryPolicy:
    """Returns a policy that retries until it succeeds, at first after a second, then at most *max_interval* apart."""
    return RetryPolicy(initial_interval=timedelta(seconds=1), maximum_interval=max_interval)
