"""Telling use: once each, and what nobody can tell of is left to an operator."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

import pytest
from temporalio.exceptions import ApplicationError
from temporalio.testing import ActivityEnvironment

from activities.metering import TOGETHER, MeteringActivities, Reported
from domain.billed_use import REPEATED_WITHIN, BilledUse, Claimed, Trouble, report_key
from domain.errors import GatewayBusy, GatewayRefused, GatewayUnavailable, Haste, TenureError

AT = datetime(2026, 11, 5, 9, 30, tzinfo=UTC)
LOCKED = GatewayBusy("another is at work on it", haste=Haste.LOCK)
HASTY = GatewayBusy("too many", haste=Haste.RATE)
NO_ANSWER = GatewayUnavailable("no answer")
WRONG_KEY = GatewayUnavailable("not accepted", code="stripe_key")


def a_claim(key: str = "use/1", began_before: timedelta | None = None) -> Claimed:
    return Claimed(BilledUse("default", key, "cus_1", "shop_runs", 4, AT), began_before)


@dataclass
class Desk:
    """Claims, and what was told; some tellings fail."""

    waiting: list[Claimed]
    failing: dict[str, TenureError] = field(default_factory=dict)
    told: list[tuple[str, str]] = field(default_factory=list)
    reported: list[str] = field(default_factory=list)
    released: list[str] = field(default_factory=list)
    aside: dict[str, Trouble] = field(default_factory=dict)

    async def claim(self, limit: int) -> list[Claimed]:
        taken, self.waiting = self.waiting[:limit], self.waiting[limit:]
        return taken

    async def release(self, uses: Sequence[BilledUse]) -> None:
        self.released += [use.key for use in uses]

    async def mark_reported(self, use: BilledUse) -> None:
        self.reported.append(use.key)

    async def set_aside(self, use: BilledUse, trouble: Trouble, why: str) -> None:
        assert why
        self.aside[use.key] = trouble

    async def report_use(self, use: BilledUse, *, key: str) -> None:
        self.told.append((use.key, key))
        if use.key in self.failing:
            raise self.failing[use.key]

    async def run(self) -> Reported:
        return await ActivityEnvironment().run(MeteringActivities(self, self).report_usage)


async def test_all_that_waits_is_told_under_its_own_name() -> None:
    desk = Desk([a_claim("one"), a_claim("two")])

    assert await desk.run() == Reported(reported=2)

    assert desk.told == [(key, f"{report_key('default', key)}/0") for key in ("one", "two")]
    assert desk.reported == ["one", "two"]


async def test_a_full_batch_says_that_more_may_wait() -> None:
    desk = Desk([a_claim(str(number)) for number in range(TOGETHER + 1)])

    assert await desk.run() == Reported(reported=TOGETHER, is_all=False)
    assert await desk.run() == Reported(reported=1)


async def test_what_was_begun_within_the_day_is_told_again_and_later_left_to_an_operator() -> None:
    desk = Desk([a_claim("young", REPEATED_WITHIN), a_claim("old", REPEATED_WITHIN + timedelta(seconds=1))])

    assert await desk.run() == Reported(reported=1, set_aside=1)

    assert desk.told == [("young", f"{report_key('default', 'young')}/23")]
    assert desk.aside == {"old": Trouble.UNKNOWN}


async def test_what_is_refused_is_left_to_an_operator_and_the_others_are_told() -> None:
    desk = Desk([a_claim("bad"), a_claim("good")], {"bad": GatewayRefused("no such meter")})

    assert await desk.run() == Reported(reported=1, set_aside=1)

    assert (desk.aside, desk.reported) == ({"bad": Trouble.REFUSED}, ["good"])


async def test_what_brings_no_answer_stays_begun_and_holds_nothing_up() -> None:
    desk = Desk([a_claim("mute"), a_claim("good")], {"mute": NO_ANSWER})

    assert await desk.run() == Reported(reported=1, unanswered=1)

    assert (desk.reported, desk.released) == (["good"], [])


async def test_a_provider_that_is_down_is_left_alone_and_what_was_not_tried_is_as_new() -> None:
    names = ("a", "b", "c", "d", "e")
    desk = Desk([a_claim(name) for name in names], dict.fromkeys(names, NO_ANSWER))

    assert await desk.run() == Reported(unanswered=3)

    assert [key for key, _ in desk.told] == ["a", "b", "c"]
    assert desk.released == ["d", "e"]


@pytest.mark.parametrize(
    ("error", "released"), [(HASTY, ["one", "two"]), (WRONG_KEY, ["one", "two"]), (LOCKED, ["two"])]
)
async def test_a_call_that_was_turned_away_ends_the_batch_and_only_one_that_was_not_heard_is_as_new(
    error: TenureError, released: list[str]
) -> None:
    desk = Desk([a_claim("one"), a_claim("two")], {"one": error})

    with pytest.raises(ApplicationError) as failed:
        await desk.run()

    assert not failed.value.non_retryable
    assert (desk.released, desk.reported) == (released, [])


async def test_one_whose_earlier_report_is_open_stays_begun_also_if_it_is_turned_away_now() -> None:
    desk = Desk([a_claim("open", timedelta(hours=2))], {"open": HASTY})

    with pytest.raises(ApplicationError):
        await desk.run()

    assert desk.released == []


def test_the_name_of_a_use_fits_and_tells_tenants_and_keys_apart() -> None:
    names = {report_key(tenant, key) for tenant, key in (("a", "b/c"), ("a/b", "c"), ("a", "b"), ("a", "x" * 255))}

    assert len(names) == 4
    assert max(len(name) for name in names) <= 100
