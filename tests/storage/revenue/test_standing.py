"""What subscriptions are worth is counted once, and from then on as each of them changes."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

import pytest
from sqlalchemy import delete, text

from domain.revenue.overview import Standing
from domain.subscription.lifecycle import Status
from domain.subscription.state import Pause
from storage.revenue.counting import STANDING
from storage.revenue.figures import RevenueFigures
from storage.schema.tables import installation
from tests.builders import PRO, a_recovery
from tests.storage.ledger import Ledger, a_step, later
from tests.storage.revenue.reading import standing_of

YEAR, PRO_YEAR = 12 * 4900, 12 * 19900
AT = datetime(2026, 1, 10, 12, tzinfo=UTC)
NEVER = 100
CHANGES: Sequence[Mapping[str, Any]] = (
    {"status": Status.PAST_DUE, "recovery": a_recovery()},
    {"status": Status.PAUSED, "pause": Pause(AT)},
    {"status": Status.CANCELED},
    {"cancel_at": AT},
    {},
)


@pytest.fixture(autouse=True)
async def uncounted(ledger: Ledger) -> None:
    """As before the first count, whatever other tests have done."""
    async with ledger.engine.begin() as connection:
        await connection.execute(delete(installation).where(installation.c.name == STANDING.noted_as))


async def lives(ledger: Ledger, name: str) -> None:
    """Customers who pay, change plan, owe, pause, leave and come back."""
    ada = later(await ledger.sign_up(f"ada-{name}"), status=Status.ACTIVE)
    await ledger.save(a_step(ada, at=AT))
    await ledger.save(a_step(later(ada).choosing(PRO), at=AT))
    for number, changes in enumerate(CHANGES):
        it = later(await ledger.sign_up(f"other-{name}-{number}"), status=Status.ACTIVE)
        await ledger.save(a_step(it, at=AT))
        await ledger.save(a_step(later(it, **changes), at=AT))
    await ledger.sign_up(f"trial-{name}")


@pytest.mark.parametrize("counted_after", [0, 1, 2, NEVER])
async def test_whenever_they_are_counted_the_figures_are_the_same(ledger: Ledger, counted_after: int) -> None:
    figures = RevenueFigures(ledger.engine, "UTC")
    for number in range(3):
        if number >= counted_after:
            # Counted the first time, and added up from then on.
            await STANDING.keep(ledger.engine)
        await lives(ledger, str(number))

    found = await standing_of(figures)

    one = Standing(
        annual=3 * YEAR + PRO_YEAR,
        committed=2 * YEAR + PRO_YEAR,
        at_risk=YEAR,
        paused=YEAR,
        trialing=YEAR,
        paying_customers=4,
        trialing_customers=1,
    )
    assert found == sum([one, one, one], Standing())


async def test_a_change_that_is_not_committed_is_counted_once_when_it_is(ledger: Ledger) -> None:
    figures = RevenueFigures(ledger.engine, "UTC")
    await ledger.save(a_step(later(await ledger.sign_up("ada"), status=Status.ACTIVE), at=AT))
    async with ledger.engine.connect() as connection:
        await connection.execute(text("update subscriptions set amount = amount * 2"))
        await STANDING.keep(ledger.engine)
        assert (await standing_of(figures)).annual == YEAR
        await connection.commit()

    assert (await standing_of(figures)).annual == 2 * YEAR
    await STANDING.keep(ledger.engine)
    assert (await standing_of(figures)).annual == 2 * YEAR


async def test_what_changed_is_added_up_to_a_row_for_all_that_are_alike(ledger: Ledger) -> None:
    await STANDING.keep(ledger.engine)
    for number in range(5):
        await ledger.save(a_step(later(await ledger.sign_up(f"c{number}"), status=Status.ACTIVE), at=AT))
    before = await standing_of(RevenueFigures(ledger.engine, "UTC"))

    await STANDING.keep(ledger.engine)

    assert await ledger.rows("select status, paying_customers from mrr_standing") == [
        {"status": "active", "paying_customers": 5}
    ]
    assert await standing_of(RevenueFigures(ledger.engine, "UTC")) == before


async def test_a_step_that_changes_nothing_of_it_writes_nothing(ledger: Ledger) -> None:
    await STANDING.keep(ledger.engine)
    it = later(await ledger.sign_up("ada"), status=Status.ACTIVE)
    await ledger.save(a_step(it, at=AT))
    before = await ledger.rows("select count(*) from mrr_standing")

    await ledger.save(a_step(later(it), at=AT))

    assert await ledger.rows("select count(*) from mrr_standing") == before
