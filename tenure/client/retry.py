"""When to retry, and for how long."""

import random
from dataclasses import dataclass

from tenure.client.errors import MAY_PASS_SOON, TenureError, Unavailable


@dataclass(frozen=True)
class RetryPolicy:
    """How long a call may take in all, and how it is retried within that time."""

    total_timeout: float = 5.0
    """Seconds for all attempts together."""
    attempt_timeout: float = 2.0
    """Seconds without a byte from Tenure after which an attempt has failed."""
    attempts: int = 4
    first_pause: float = 0.1
    max_pause: float = 2.0

    def pause(self, error: TenureError, attempts: int, left: float) -> float | None:
        """The seconds to wait after this many *attempts*, with *left* seconds remaining; None: give up.

        Up to half of it is random, so that callers who failed together do not retry together. Tenure's `Retry-After` is
        the minimum; if there is not enough time left for it, waiting is left to the caller.
        """
        if attempts >= self.attempts or not (isinstance(error, Unavailable) or error.code in MAY_PASS_SOON):
            return None
        step = min(self.max_pause, self.first_pause * 2 ** (attempts - 1))
        pause = max(step * random.uniform(0.5, 1.0), error.retry_after or 0.0)  # noqa: S311 - nothing secret
        return pause if pause < left else None


QUICK = RetryPolicy()
"""For reads and usage: a user's request waits for them."""

COMMANDS = RetryPolicy(total_timeout=60.0, attempt_timeout=30.0)
"""For commands to subscriptions, which may take half a minute, and for large batches of events."""

WITH_FALLBACK = RetryPolicy(total_timeout=1.0, attempt_timeout=1.0, attempts=1)
"""When there is a cached answer to fall back on."""
