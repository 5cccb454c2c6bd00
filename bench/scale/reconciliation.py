"""What reconciliation costs, by arithmetic from how it divides its work."""

from dataclasses import dataclass
from datetime import timedelta
from typing import Final

from domain.reconciliation.passes import DELTA_OVERLAP, PAGE, PAGES_PER_ACTIVITY, SHARDS_AT_ONCE, WINDOW

ACTIVITIES_PER_RUN: Final = 8
"""Of an hourly run that finds nothing and needs no more than one activity for each of its parts."""
ACTIONS_PER_START: Final = 4
"""Temporal bills as many for a run of a Schedule: three for the Schedule, one for the workflow."""
HEARTBEAT_EVERY: Final = timedelta(minutes=1)
"""At most so often, the SDK sends one, which Temporal bills as an action."""
LISTS_OF_DELTA: Final = 2
"""At the provider: agreements made, and periods begun."""
RUNS_PER_DAY: Final = 24
DAYS_PER_MONTH: Final = 30


@dataclass(frozen=True)
class Cost:
    """What reconciliation costs that runs all the time."""

    pass_hours: float
    """How long the shards of a whole pass take, *SHARDS_AT_ONCE* at a time."""
    calls_a_second: float
    """To the provider, on average."""
    actions_a_month: float
    """Of Temporal, while nothing differs."""

    def actions_per_subscription(self, subscriptions: int) -> float:
        """In a month."""
        return self.actions_a_month / subscriptions


def cost(
    subscriptions: int,
    *,
    page_seconds: float = 1.3,
    periods_a_month: float = 1.0,
    age: timedelta = timedelta(days=5 * 365),
) -> Cost:
    """What reconciliation costs for this many live subscriptions.

    Args:
        subscriptions: that are live, with an agreement each.
        page_seconds: for 100 of them, at the provider and on our side together.
        periods_a_month: how many periods of each begin within a month.
        age: of the oldest agreement; the last page of each of its windows is half empty.

    """
    windows = min(age / WINDOW, subscriptions / PAGE)
    pages = subscriptions / PAGE + windows / 2
    changed = subscriptions * periods_a_month / DAYS_PER_MONTH / RUNS_PER_DAY
    of_delta = changed * (1 + DELTA_OVERLAP / timedelta(hours=1)) / PAGE * RUNS_PER_DAY
    busy = (pages + of_delta) * page_seconds
    # On our side, as many pages again; a part that needs less than one activity is among those of the run.
    activities = (2 * pages + of_delta) / PAGES_PER_ACTIVITY + ACTIVITIES_PER_RUN * RUNS_PER_DAY
    actions = activities + busy / HEARTBEAT_EVERY.total_seconds() + ACTIONS_PER_START * RUNS_PER_DAY
    calls = pages + of_delta + LISTS_OF_DELTA * RUNS_PER_DAY
    return Cost(pages * page_seconds / SHARDS_AT_ONCE / 3600, calls / 86_400, actions * DAYS_PER_MONTH)
