"""How the one activity of a delivery is called, in a workflow of its own or by itself."""

from dataclasses import dataclass
from datetime import timedelta

from temporalio.common import RetryPolicy


@dataclass(frozen=True)
class DeliveryOptions:
    """The same both ways, so that neither gives up earlier or tries more often."""

    task_queue: str
    start_to_close: timedelta
    """How long one attempt may take."""
    schedule_to_close: timedelta
    """After this long, nothing is tried any more."""
    retry_policy: RetryPolicy
