"""When to retry, and for how long."""

import random
from dataclasses import dataclass

from tenure.client.errors import MAY_PASS_SOON, TenureError, Unavailable


@dataclass(frozen=True)
class Patience:
    """How long a call may take in all, and how it is tried within that."""

    total: float = 5.0
    """Seconds after which nothing more is begun."""
    one_try: float = 2.0
    """Seconds that Tenure may be silent within one attempt."""
    tries: int = 4
    first_pause: float = 0.1
    longest_pause: float = 2.0

    def pause(self, error: TenureError, tries: int, left: float) -> float | None:
        """How long to wait before the next attempt; None: there is none.

        Half of it is left to chance, so that callers who failed together do not come back together. Tenure's own
        `Retry-After` is the least; if there is no time left for it, waiting is left to the caller.
        """
        if tries >= self.tries or not (isinstance(error, Unavailable) or error.code in MAY_PASS_SOON):
            return None
        step = min(self.longest_pause, self.first_pause * 2 ** (tries - 1))
        pause = max(step * random.uniform(0.5, 1.0), error.retry_after or 0.0)  # noqa: S311 - nothing secret
        return pause if pause < left else None


QUICK = Patience()
"""For questions and for use: somebody's request waits for them."""

COMMANDS = Patience(total=60.0, one_try=30.0)
"""For what moves subscriptions and money, which may take half a minute, and for events by the thousand."""

IN_PASSING = Patience(total=1.0, one_try=1.0, tries=1)
"""When there is something known from before to fall back on."""
