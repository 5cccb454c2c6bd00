"""The ports of erasing customers."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol


@dataclass(frozen=True)
class Erased:
    """A customer who is erased from the database, and what may still be known of them elsewhere."""

    customer: str
    tenant: str
    subscriptions: tuple[str, ...]
    mails: tuple[str, ...]
    customer_ref: str
    """Their id at the payment provider; empty: they have none, or were deleted there."""
    erased_at: datetime


class ErasureRecords(Protocol):
    """Erasures in the database; each call is one transaction."""

    async def live_subscription(self, tenant: str, customer: str) -> str | None:
        """The subscription of a customer that is not canceled, if there is one."""
        ...

    async def erase(
        self,
        tenant: str,
        customer: str,
        actor: str,
        *,
        before_commit: Callable[[datetime], Awaitable[None]],
        asked: str = "",
    ) -> Erased:
        """Erase the customer; safe to repeat. Amounts, invoices, dates and the marks of trials stay.

        *asked* is the external id that was asked for: a product may go on counting under the one they had.
        *before_commit* is called with the time of the erasure once all is written; if it raises, nothing is.

        Raises:
            Rejected: code `live_subscription`; the customer has one. Code `unknown_customer`.
        """
        ...

    async def unfinished(self, limit: int) -> Sequence[Erased]:
        """Erasures of which something is left outside the database, oldest first."""
        ...

    async def mark_deleted_at_provider(self, erased: Erased) -> None:
        """Record that the payment provider has deleted them."""
        ...

    async def mark_finished(self, erased: Erased) -> None:
        """Record that nothing is left."""
        ...


class ErasureLog(Protocol):
    """A list of erased customers outside the database, from which they are erased from a restored backup again."""

    async def append(self, customer: str, erased_at: datetime) -> None:
        """Add a customer by our id, and the day.

        Raises:
            GatewayUnavailable: it could not be written.
        """
        ...
