"""What an hourly run compares, by what earlier runs have compared."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from domain.reconciliation.passes import DELTA_OVERLAP, FIRST_DELTA, SHARDS, Scope, shards_due
from domain.reconciliation.runs import RunReport


@dataclass(frozen=True)
class Plan:
    """What an hourly run compares."""

    since: datetime
    """Agreements made since then, and those whose period has begun since then."""
    shards: tuple[int, ...]


def plan(now: datetime, reports: Iterable[RunReport]) -> Plan:
    """What to compare now; *reports* are of the runs of the last days that have come to their end."""
    complete = [each for each in reports if each.heals and not each.not_compared and each.began_at <= now]
    compared: dict[int, datetime] = {}
    for each in sorted(complete, key=lambda each: each.began_at):
        shards = range(SHARDS) if each.scope is Scope.WHOLE else each.shards
        compared |= dict.fromkeys(shards, each.began_at)
    last = max((each.began_at for each in complete), default=now - FIRST_DELTA)
    return Plan(last - DELTA_OVERLAP, shards_due(now, compared))
