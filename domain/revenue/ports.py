"""The port of what is summed up of revenue."""

from typing import Protocol


class RevenueRollUp(Protocol):
    """Sums movements up by day."""

    async def roll_up(self) -> None:
        """Bring the sums up to date. Safe to repeat.

        Raises:
            GatewayUnavailable: the database is unreachable.
        """
        ...
