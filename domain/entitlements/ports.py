"""What telling and rolling up need of the database, in our words; storage provides it."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from domain.notifications.ports import QueuedMail


@dataclass(frozen=True)
class NoticesSent:
    """What came of notices that waited."""

    notices: int = 0
    mails: tuple[QueuedMail, ...] = ()
    """Fewer than notices where there is nobody to write to."""


@dataclass(frozen=True)
class Sampled:
    """What came of a page of gauges."""

    gauges: int
    next_cursor: tuple[str, str, str] | None
    """None: it was the last page."""


class Notices(Protocol):
    """Thresholds that were crossed, as `tenure_use` has noted them."""

    async def write(self, *, limit: int) -> NoticesSent:
        """Write the mails of notices that wait, in the transaction in which they are marked as told.

        Safe when several do it at once: each notice is taken by one of them.
        """
        ...

    async def left_behind(self, *, limit: int) -> Sequence[QueuedMail]:
        """The next mails, of any occasion, that were queued a while ago and neither sent nor noted as handed over."""
        ...

    async def handed_over(self, mails: Sequence[QueuedMail]) -> None:
        """Note that these mails were handed to those who send them."""
        ...


class UsageRollUp(Protocol):
    """What is kept of use, to look back upon."""

    async def sample(self, after: tuple[str, str, str] | None) -> Sampled:
        """Note of the next gauges how much there is, for the day. Noted again, nothing is counted twice."""
        ...

    async def take_statistics(self, *, alive: "Alive") -> int:
        """Work out how much is used by plan and feature, and keep it in place of what these six hours have already.

        Returns how many pairs of plan and feature there are.
        """
        ...

    async def forget(self, *, alive: "Alive") -> dict[str, int]:
        """Remove what is too old to be asked for, batch by batch; how many of each kind, without those of which none.

        What is still to be reported to the provider stays, however old.
        """
        ...


class Alive(Protocol):
    """Called now and then by what takes long."""

    def __call__(self) -> None: ...
