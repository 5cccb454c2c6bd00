"""`python -m bench scale`: measures a life, writes docs/scale.md, and fails if a bar is missed."""

from collections.abc import Mapping
from datetime import timedelta
from typing import Final

from bench.growth.rows import Size
from bench.report.machine import commit
from bench.results import Comparison, Result
from bench.scale.arithmetic import Assumed, Prices, TableSize
from bench.scale.measured import COPIES, Lived, lived
from bench.scale.page import PAGE, Figures, page
from domain.retention import DEFAULT

DAYS_OF_A_YEAR: Final = 365
LEAST_ROWS: Final = COPIES // 2
"""Of a table with fewer, a row cannot be told from the pages of empty indexes."""
_KINDS: Final = {
    "webhook_inbox": "webhooks",
    "events": "told_events",
    "idempotency_keys": "idempotency_keys",
    "usage_log": "unpartitioned_usage",
    "usage_events": "events",
    "usage_samples": "samples",
}
"""What forgets the rows of a table, by kind."""
_A_PARTITION: Final = {"usage_log": timedelta(days=31)}
"""What goes as a whole, once its last row is so old."""


async def measure() -> Result:
    """Measure, and write the page.

    Raises:
        SystemExit: a bar is missed.
    """
    life, with_workflows = await lived(standalone=True), await lived(standalone=False)
    assumed = Assumed.read()
    found = Figures(commit(), life.figures, with_workflows.figures, _tables(life, assumed), Prices.read(), assumed)
    PAGE.write_text(page(found), encoding="utf-8")
    text = page(found)
    missed = [each for each in found.bars if not each.is_kept]
    if missed:
        print(text)
        what = "; ".join(f"{each.what}: {each.found:,.2f} {each.unit}, at most {each.most:,.2f}" for each in missed)
        raise SystemExit(f"missed: {what}")
    return Result(text, [Comparison(each.what, each.found, each.most, "bar", each.unit) for each in found.bars])


def _tables(life: Lived, assumed: Assumed) -> list[TableSize]:
    """Every table of which a subscription has rows."""
    uses: Mapping[str, float] = {
        "usage_log": assumed.keyed_uses_a_day * DAYS_OF_A_YEAR,
        "usage_samples": assumed.gauges_that_change_a_day * DAYS_OF_A_YEAR,
        "idempotency_keys": assumed.commands_a_year,
    }
    return [_table(each, life, uses) for each in life.sizes if each.rows > LEAST_ROWS]


def _table(size: Size, life: Lived, uses: Mapping[str, float]) -> TableSize:
    kind = _KINDS.get(size.name)
    kept: timedelta | None = None
    if kind is not None:
        kept = DEFAULT.by_kind()[kind] + _A_PARTITION.get(size.name, timedelta())
    rows = life.at_first.get(size.name, 0) + life.of_a_year.get(size.name, 0)
    return TableSize(size.name, uses.get(size.name, max(rows, 1)), size.of_a_row, kept)
