"""A recovery keeps to the hours of the customer's own day, across clock changes too."""

from datetime import UTC, datetime, time
from zoneinfo import ZoneInfo

import pytest

from domain.subscription.policy import DEFAULT_LADDER
from tests.harness.calendar_days import days_until_clocks_change
from tests.workflows.conftest import Begin
from tests.workflows.world.life import A_DAY, Life
from tests.workflows.world.world import World

BEFORE_THE_CHANGE = 10
OPENS, CLOSES = time(9), time(17, 30)
ZONES = (
    "America/Los_Angeles",
    "Europe/Berlin",
    "Australia/Lord_Howe",  # changes by half an hour
    "Pacific/Auckland",
)


@pytest.mark.parametrize("name", ZONES)
async def test_every_step_of_a_recovery_comes_at_a_decent_hour_of_its_day(
    begin: Begin, world: World, name: str
) -> None:
    zone = ZoneInfo(name)
    days = max(days_until_clocks_change(zone, datetime.now(UTC)) - BEFORE_THE_CHANGE, 1)
    life = await begin(timezone=name, payment_method="declining", trial_days=days)
    await life.live_until("convert")
    assert life.status == ("past_due", "full")
    declined_at = next(entry.at for entry in life.journal if entry.kind == "payment_failed")
    decline = declined_at.astimezone(zone)
    # Declined in the early morning, a step goes back to the evening before.
    first_day = decline.date() - A_DAY * (decline.time() < OPENS)
    ahead = [due.at for due in world.records.steps[life.id].ahead]

    await life.live(50 * A_DAY)

    assert life.status == ("canceled", "none")
    local = [at.astimezone(zone) for at in ahead]
    assert [(at.date() - first_day).days for at in local] == [step.day for step in DEFAULT_LADDER[1:]]
    assert all(OPENS <= at.time() <= CLOSES for at in local), local
    assert len({at.utcoffset() for at in local}) == 2, "the clocks do not change within the ladder"
    assert steps_since(life, declined_at) == pytest.approx([at.timestamp() for at in ahead], abs=120)


def steps_since(life: Life, declined_at: datetime) -> list[float]:
    """When the steps after the decline were taken, as the journal has it."""
    return sorted({entry.at.timestamp() for entry in life.journal if entry.at > declined_at})
