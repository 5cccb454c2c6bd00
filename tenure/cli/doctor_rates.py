"""What `tenure doctor` says about the rates of the workers."""

from collections.abc import Sequence

from temporalio.client import Client

from domain.names import MAIL_QUEUE, PAYMENTS_QUEUE
from services.system import Queues, QueueStatus


async def examine_rates(client: Client) -> str:
    """Return how the workers' rates differ, beginning with a comma; empty if they agree."""
    queues = Queues(client)
    return in_words([await queues.one(PAYMENTS_QUEUE), await queues.one(MAIL_QUEUE)])


def in_words(queues: Sequence[QueueStatus]) -> str:
    """Workers that have stopped count for five minutes more: Temporal remembers them for so long."""
    differing = [(queue, sorted({poller.rate for poller in queue.pollers})) for queue in queues]
    return "".join(
        f", {queue.name} at {queue.rate:g} a second, as set by the worker that polled last"
        f" (workers have {' and '.join(f'{rate:g}' for rate in rates)})"
        for queue, rates in differing
        if len(rates) > 1
    )
