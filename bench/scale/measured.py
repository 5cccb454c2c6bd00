"""What is measured for the arithmetic: a life in Temporal, at the provider, and in PostgreSQL."""

import tempfile
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from uuid import uuid4

from sqlalchemy import text
from temporalio.api.enums.v1 import EventType

from bench.growth.copied_lives import copy
from bench.growth.rows import Size, sizes_of_tables
from bench.history import A_YEAR, LIFE, RENEWALS, UNTIL_CONVERTED, all_actions, mails_tally, tally
from bench.scale.arithmetic import LifeFigures
from bench.side_by_side import CATALOG, POLICY
from domain.names import PAYMENTS_QUEUE
from sandbox.crowd.filling import Crowd
from sandbox.options import Options
from sandbox.product import Product
from sandbox.stack import Stack, running
from storage.usage.roll_up import UsageRollUpRecords

COPIES = 2_000
"""This many times the life is copied to learn what a row takes."""
_TABLES = text(
    "SELECT relname FROM pg_class WHERE relkind IN ('r', 'p') AND NOT relispartition"
    " AND relnamespace = 'public'::regnamespace"
)


@dataclass(frozen=True)
class Lived:
    """What one life has left, everywhere."""

    figures: LifeFigures
    at_first: Mapping[str, int]
    """Rows by table, once it was converted."""
    of_a_year: Mapping[str, int]
    """Rows by table that a year of renewals has added."""
    sizes: Sequence[Size]


async def lived(*, standalone: bool) -> Lived:
    """Live it on the embedded stack, copy its rows, and tell what it took."""
    with tempfile.TemporaryDirectory() as folder:
        options = Options(Path(folder), CATALOG, POLICY, durable=False, ui=False, standalone_activities=standalone)
        async with running(options) as stack, Product(stack.addresses) as product:
            made = await product.sign_up("measured", payment_method="pm_card_visa")
            await product.travel(made["id"], UNTIL_CONVERTED)
            early, calls, first = await all_actions(stack.client), len(stack.simulator.call_log()), await _rows(stack)
            await product.travel(made["id"], A_YEAR)
            last = await _rows(stack)
            asked = len(stack.simulator.call_log()) - calls
            figures = await _figures(stack, early, asked)
            await _use(stack, product)
            await copy(stack.postgres.superuser_url, Crowd((), ()), COPIES)
            sizes = await sizes_of_tables(stack)
    return Lived(figures, first, {name: count - first.get(name, 0) for name, count in last.items()}, sizes)


async def _figures(stack: Stack, early: int, asked: int) -> LifeFigures:
    life, mails = await tally(stack.client, LIFE), await mails_tally(stack.client)
    steps = Counter(
        event.activity_task_scheduled_event_attributes.task_queue.name
        for run in life.histories
        for event in run
        if event.event_type == EventType.EVENT_TYPE_ACTIVITY_TASK_SCHEDULED
    )
    return LifeFigures(
        early,
        (life.billable + mails.billable - early) / RENEWALS,
        life.open_bytes,
        (life.size + mails.size) / (RENEWALS + 1),
        asked / RENEWALS,
        steps[PAYMENTS_QUEUE] / (RENEWALS + 1),
    )


async def _use(stack: Stack, product: Product) -> None:
    """Have a row of everything that is counted."""
    await product.consume("measured", "storage_gb", key=str(uuid4()))
    await UsageRollUpRecords(stack.engine).sample(None)


async def _rows(stack: Stack) -> dict[str, int]:
    async with stack.engine.connect() as connection:
        names = (await connection.execute(_TABLES)).scalars().all()
        counted = [await connection.execute(text(f"SELECT count(*) FROM {name}")) for name in names]  # noqa: S608
        return {name: each.scalar_one() for name, each in zip(names, counted, strict=True)}
