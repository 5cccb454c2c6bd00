"""A recovery keeps to the hours of the customer's own day, across clock changes too."""

from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest

from domain.subscription.policy import DEFAULT_LADDER
from tests.harness.calendar_days import days_until_clocks_change
from tests.harness.lives import Life

Begin = Callable[..., Awaitable[Life]]

A_DAY = timedelta(days=1)
BEFORE_THE_CHANGE = 10
LONGEST_TRIAL = LONGEST_EXTENSION = 90
OPENS, CLOSES = time(9), time(17, 30)
ZONE = ZoneInfo("Europe/Berlin")


async def declined_before_clocks_change(begin: Begin) -> Life:
    """A trial, made as long as it takes, whose conversion is declined shortly before the clocks change."""
    length = max(days_until_clocks_change(ZONE, datetime.now(UTC)) - BEFORE_THE_CHANGE, 1)
    days = min(length, LONGEST_TRIAL)
    life = await begin(customer={"timezone": str(ZONE)}, payment_method="pm_card_chargeCustomerFail", trial_days=days)
    while days < length:
        more = min(length - days, LONGEST_EXTENSION)
        await life.command("extend-trial", days=more, reason="until the clocks change")
        days += more
    await life.live_until("convert")
    assert await life.status() == ("past_due", "full")
    return life


async def test_every_step_of_a_recovery_comes_at_a_decent_hour_of_its_day(begin: Begin) -> None:
    life = await declined_before_clocks_change(begin)
    declined = next(entry for entry in await life.past() if entry["kind"] == "payment_failed")
    decline = datetime.fromisoformat(declined["at"]).astimezone(ZONE)
    # Declined in the early morning, a step goes back to the evening before.
    first_day = decline.date() - A_DAY * (decline.time() < OPENS)
    ahead = [datetime.fromisoformat(one["at"]) for one in (await life.stands())["next_actions"]]

    await life.live(50 * A_DAY)

    assert await life.status() == ("canceled", "none")
    local = [at.astimezone(ZONE) for at in ahead]
    assert [(at.date() - first_day).days for at in local] == [step.day for step in DEFAULT_LADDER[1:]]
    assert all(OPENS <= at.time() <= CLOSES for at in local), local
    assert len({at.utcoffset() for at in local}) == 2, "the clocks do not change within the ladder"
    assert await moments_of_steps(life) == pytest.approx([at.timestamp() for at in ahead], abs=120)


async def moments_of_steps(life: Life) -> list[float]:
    """When the steps after the decline were taken, as the journal has it."""
    since = next(entry["at"] for entry in await life.past() if entry["kind"] == "payment_failed")
    moments = {entry["at"] for entry in await life.past() if entry["at"] > since}
    return sorted(datetime.fromisoformat(at).timestamp() for at in moments)
