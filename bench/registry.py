"""All figures. A new one is a line here: how it is measured, and if it is to be in the report, at which size."""

from collections.abc import Callable, Coroutine, Sequence
from dataclasses import dataclass
from typing import Any, Final

from bench import (
    burst,
    consume,
    expiry,
    figures,
    history,
    ingest,
    lateness,
    lists,
    outage,
    pages,
    partitions,
    retention,
    steps,
    storm,
    users,
)
from bench.growth import hour, rows, workflows
from bench.peers import comparing as peers
from bench.results import Result
from bench.scale import measure as scale

Measure = Callable[..., Coroutine[Any, Any, str | Result]]


@dataclass(frozen=True)
class Figure:
    """What `python -m bench NAME` measures; a `Result` has more for the report than its text."""

    name: str
    what: str
    """It shows, as a title."""
    measure: Measure
    is_sized: bool = False
    """It takes a number: how many."""
    is_reported: bool = False
    """`make bench` renews it, at *size* or its own default."""
    size: int | None = None


FIGURES: Final[Sequence[Figure]] = (
    Figure("burst", "Trials that end at one moment, under Stripe's limits", burst.measure, is_sized=True),
    Figure("consume", "Checks and consumes", consume.measure, is_reported=True),
    Figure("consume security", "What row-level security takes of a consume", consume.measure_secured),
    Figure("consume traces", "What traces take of a consume", consume.measure_traced),
    Figure("expiry", "Trials that end in one minute", expiry.measure, is_sized=True, is_reported=True, size=500),
    Figure("figures", "Reports of the revenue", figures.measure, is_sized=True),
    Figure("growth", "Many open workflows", workflows.measure, is_sized=True, is_reported=True, size=300),
    Figure("growth hour", "What an hour in which nothing happens writes", hour.measure, is_sized=True),
    Figure("growth rows", "Statements over many rows", rows.measure, is_sized=True),
    Figure("history", "What a life leaves in Temporal", history.measure, is_reported=True),
    Figure("history encryption", "The same beside what is encrypted", history.measure_encrypted),
    Figure("history traces", "The same beside what is traced", history.measure_traced),
    Figure("ingest", "Webhooks taken in", ingest.measure, is_reported=True),
    Figure("lateness", "How late steps are", lateness.measure, is_sized=True, is_reported=True),
    Figure("lists", "Lists and searches", lists.measure, is_reported=True),
    Figure("outage", "What is due while nothing runs", outage.measure, is_sized=True, is_reported=True, size=200),
    Figure("pages", "The console's pages", pages.measure, is_sized=True),
    Figure("partitions", "Designs of the log of usage", partitions.measure, is_sized=True),
    Figure("peers", "The same life as others would build it", peers.measure, is_sized=True, is_reported=True),
    Figure("retention", "What is not kept for good, day by day", retention.measure, is_sized=True),
    Figure("scale", "Millions of subscriptions, by arithmetic", scale.measure),
    Figure("steps", "The write of a step", steps.measure, is_sized=True, is_reported=True, size=3),
    Figure("storm", "Lost, doubled and shuffled webhooks", storm.measure, is_sized=True, is_reported=True, size=20),
    Figure("users", "A thousand clients at once", users.measure),
)


def named(name: str) -> Figure:
    """The figure of that name.

    Raises:
        KeyError: there is none.
    """
    return {each.name: each for each in FIGURES}[name]
