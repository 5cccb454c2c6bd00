"""The port of what is summed up of revenue."""

from collections.abc import Callable
from typing import Protocol


class RevenueRollUp(Protocol):
    """Sums movements up by day."""

    async def roll_up(self, *, alive: Callable[[], None]) -> None:
        """Bring the sums up to date, and call *alive* now and then. Safe to repeat.

        Raises:
            GatewayUnavailable: the database is unreachable.
        """
        ...
