"""How reconciliation divides its work: what an hourly run compares, and what a whole pass."""

import math
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Final

from domain.id_ranges import id_range

SHARDS: Final = 24
"""An hourly run compares one in full, so that a pass takes a day."""
SHARDS_AT_ONCE: Final = 2
"""Compared at once by a run that is behind."""
PASS: Final = timedelta(hours=24)
"""Within this time, every subscription is compared in full."""
DELTA_OVERLAP: Final = timedelta(hours=3)
"""An hourly run begins so long before the last one did: the provider's lists may lag behind, and clocks differ."""
FIRST_DELTA: Final = timedelta(days=1)
"""How far the first hourly run looks back."""
PAGE: Final = 100
"""Subscriptions or agreements that are compared at once: the most that the provider lists at once."""
PAGES_PER_ACTIVITY: Final = 50
WINDOW: Final = timedelta(days=1)
"""Agreements made within one window belong to the same shard."""


class Scope(StrEnum):
    """What a run compares."""

    WHOLE = "whole"
    """Everything."""
    PART = "part"
    """What has changed since the last run, and a shard or two of everything."""


class Stage(StrEnum):
    """What is compared."""

    AGREEMENTS = "agreements"
    """The provider's agreements with our subscriptions."""
    SUBSCRIPTIONS = "subscriptions"
    """Our subscriptions with their workflows, and with agreements that the provider has not listed."""
    MAILS = "mails"
    """What the database shows in full at any time: queued mails, customers' problems, purchases."""
    MESSAGES = "messages"
    """Provider events that never arrived."""
    DONE = "done"
    OPEN = "open"
    """Differences that earlier runs have found."""
    MADE = "made"
    """Agreements made since the last run."""
    BEGUN = "begun"
    """Agreements whose current period has begun since the last run."""
    DUE = "due"
    """Subscriptions that are late, or blocked."""
    UNLISTED = "unlisted"
    """Subscriptions whose agreement the provider no longer lists."""
    WORKFLOWS = "workflows"
    """Running workflows of subscriptions that are not stored as live."""
    REVENUE = "revenue"
    """Recorded movements with what subscriptions are worth."""


@dataclass(frozen=True)
class Walk:
    """What is still to be compared, stage by stage and page by page."""

    stages: tuple[Stage, ...]
    shard: int | None = None
    """The shard that is compared; None: everything."""
    cursor: str | None = None
    """Where the first of the stages goes on."""

    @property
    def is_done(self) -> bool:
        return not self.stages

    def after_page(self, next_cursor: str | None) -> "Walk":
        """What is left when a page of the first stage has been compared; no cursor: that was its last."""
        stages = self.stages if next_cursor is not None else self.stages[1:]
        return Walk(stages, self.shard, next_cursor)


OF_PROVIDER: Final = (Stage.AGREEMENTS,)
OF_OURS: Final = (Stage.SUBSCRIPTIONS, Stage.WORKFLOWS, Stage.REVENUE, Stage.MAILS)
DELTA_OF_PROVIDER: Final = (Stage.MADE, Stage.BEGUN)
DELTA_OF_OURS: Final = (Stage.OPEN, Stage.DUE, Stage.MAILS)
SHARD_OF_PROVIDER: Final = (Stage.AGREEMENTS, Stage.UNLISTED)
SHARD_OF_OURS: Final = (Stage.SUBSCRIPTIONS, Stage.WORKFLOWS, Stage.REVENUE)
NEED_PROVIDER: Final = frozenset({*OF_PROVIDER, *DELTA_OF_PROVIDER, *SHARD_OF_PROVIDER})
"""Stages that are left out while the provider does not respond."""
LISTED_BY_PROVIDER: Final = frozenset({Stage.AGREEMENTS, Stage.MADE, Stage.BEGUN})
COMPARED_WITH_WORKFLOWS: Final = frozenset({Stage.SUBSCRIPTIONS, Stage.DUE})

Parts = tuple[tuple[Walk, ...], ...]
"""One after another; the walks of a part are worked through at once."""


def whole() -> Parts:
    """Everything: the provider's agreements first, so that only those not met among them are read one by one."""
    return (Walk(OF_PROVIDER),), (Walk(OF_OURS),)


def part(shards: tuple[int, ...]) -> Parts:
    """What has changed first, and then these shards of everything."""
    return (
        (Walk(DELTA_OF_PROVIDER),),
        (Walk(DELTA_OF_OURS),),
        tuple(Walk(SHARD_OF_PROVIDER, shard) for shard in shards),
        tuple(Walk(SHARD_OF_OURS, shard) for shard in shards),
    )


def shard_of_agreement(made_at: datetime) -> int:
    """The shard of an agreement that was made at this moment."""
    return _window(made_at) % SHARDS


def window_before(moment: datetime, shard: int) -> datetime:
    """The end of the shard's last window that begins before the window of *moment*; the end is not part of it."""
    behind = (_window(moment) - shard) % SHARDS or SHARDS
    return datetime.fromtimestamp((_window(moment) - behind + 1) * WINDOW.total_seconds(), UTC)


def _window(moment: datetime) -> int:
    return math.floor(moment.timestamp() / WINDOW.total_seconds())


def ids_of_shard(shard: int) -> tuple[str, str]:
    """The first and the last id of a shard's subscriptions."""
    return id_range(shard, SHARDS)


def shards_due(now: datetime, compared: dict[int, datetime]) -> tuple[int, ...]:
    """The shards that a run compares: the one compared longest ago, and another one if it is behind.

    *compared* has when the last comparison of each began; one that is not there was not compared in the last days.
    """
    never = datetime.min.replace(tzinfo=UTC)
    by_age = sorted(range(SHARDS), key=lambda shard: (compared.get(shard, never), shard))
    behind = [shard for shard in by_age[1:SHARDS_AT_ONCE] if now - compared.get(shard, never) > PASS]
    return (by_age[0], *behind)
