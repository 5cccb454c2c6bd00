"""The ports of usage notices and the usage roll-up; storage implements them."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from domain.access import Basis
from domain.notifications.ports import QueuedMail
from domain.provider.overage_usage import BilledUsage, ClaimedUsage, ReportProblem


@dataclass(frozen=True)
class NoticesSent:
    """The result of processing waiting notices."""

    notices: int = 0
    mails: tuple[QueuedMail, ...] = ()
    """Fewer than notices where there is no recipient."""


@dataclass(frozen=True)
class Sampled:
    """The result of sampling a page of gauges."""

    gauges: int
    next_cursor: tuple[str, str, str] | None
    """None: this was the last page."""


@dataclass(frozen=True)
class StatisticsProgress:
    """How far a computation of statistics has come; all of it can be stored as JSON."""

    moment: str
    """Whose periods count, in ISO 8601; also what its pages are stored under."""
    catalog: str
    free_plan: str
    pages: int = 0
    after: tuple[str, str, str] | None = ("", "", "")
    """The last tenant, customer and feature of these pages; None: there are no more."""
    limited: str = Basis.NO_NEW_USE.value
    """What the policy entitles to while access is limited."""
    suspended: str = Basis.NOTHING.value
    """What it entitles to while a subscription is suspended or paused."""


class Notices(Protocol):
    """Crossed thresholds, as `tenure_use` recorded them."""

    async def write(self, *, limit: int) -> NoticesSent:
        """Write the mails of waiting notices in the transaction that marks them as sent.

        Safe to run concurrently: each notice is taken by one caller.
        """
        ...

    async def left_behind(self, *, limit: int) -> Sequence[QueuedMail]:
        """Returns the next mails, of any occasion, queued a while ago and neither sent nor marked as handed over."""
        ...

    async def handed_over(self, mails: Sequence[QueuedMail]) -> None:
        """Mark these mails as handed over for sending."""
        ...


class UsageRollUp(Protocol):
    """Usage history."""

    async def sample(self, after: tuple[str, str, str] | None) -> Sampled:
        """Record the current amount of the next gauges for the day. Safe to repeat."""
        ...

    async def compute_statistics(self, *, alive: "Advance", begun: StatisticsProgress | None = None) -> int:
        """Calculate usage by plan and feature, and replace what is stored for these six hours.

        It goes on from *begun*, the last that *alive* was given before it ended; None: from the beginning. Returns the
        number of pairs of plan and feature.
        """
        ...

    async def forget(self, *, alive: "Alive") -> dict[str, int]:
        """Remove expired data in batches; returns how many rows of each kind, without zeros.

        Keeps whatever is still to be reported to the provider, however old.
        """
        ...


class Alive(Protocol):
    """A heartbeat that long operations call now and then."""

    def __call__(self) -> None: ...


class Advance(Protocol):
    """A heartbeat that says how far statistics have come."""

    def __call__(self, progress: StatisticsProgress, /) -> None: ...


class UsageNoticeSender(Protocol):
    """Notifies customers of crossed usage thresholds."""

    async def send_pending(self) -> int: ...
    async def resend_queued(self) -> int: ...


class OverageReports(Protocol):
    """Stores what was reported to the provider."""

    async def claim(self, limit: int) -> list[ClaimedUsage]: ...

    async def release(self, uses: Sequence[BilledUsage]) -> None: ...

    async def mark_reported(self, use: BilledUsage) -> None: ...

    async def set_aside(self, use: BilledUsage, trouble: ReportProblem, why: str) -> None: ...
