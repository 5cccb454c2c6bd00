"""What was measured at the size of its bar is kept for docs/scale.md, which `python -m bench scale` writes."""

import time
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from pathlib import Path

from bench.report.machine import commit, load, machine
from bench.report.records import Record
from bench.results import Result

FOLDER = Path(__file__).with_name("records")


async def kept(
    name: str,
    what: str,
    number: int,
    measure: Callable[[int], Awaitable[Result]],
    *,
    at_least: int,
    each_size: bool = False,
) -> Result:
    """Measures, and keeps the result unless *number* is smaller than *at_least*: the latest, or that of *each_size*."""
    began, clock, before = datetime.now(UTC), time.perf_counter(), load()
    result = await measure(number)
    if number >= at_least:
        command, at = f"python -m bench {name} {number}", f"{began:%Y-%m-%d %H:%M} UTC"
        seconds = time.perf_counter() - clock
        kept_as = f"{name} {number}" if each_size else name
        Record(kept_as, what, command, at, seconds, commit(), before, machine(), result).keep(FOLDER)
    return result
