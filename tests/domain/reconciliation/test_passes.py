"""How a pass is divided into shards."""

from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest

from domain.reconciliation.passes import (
    PASS,
    SHARDS,
    Scope,
    Stage,
    Walk,
    ids_of_shard,
    shard_of_agreement,
    shards_due,
    window_before,
)
from domain.reconciliation.planning import plan
from domain.reconciliation.runs import RunReport

NOW = datetime(2027, 3, 1, 12, 37, tzinfo=UTC)
AN_HOUR = timedelta(hours=1)
A_SECOND = timedelta(seconds=1)


def a_report(hours_ago: int, *shards: int, heals: bool = True, not_compared: str = "") -> RunReport:
    began = NOW - hours_ago * AN_HOUR
    return RunReport(f"run-{hours_ago}", began, heals, not_compared=not_compared, scope=Scope.PART, shards=shards)


def test_the_shards_share_all_ids_without_a_gap() -> None:
    bounds = [ids_of_shard(shard) for shard in range(SHARDS)]

    assert bounds[0][0] == "00000000-0000-0000-0000-000000000000"
    assert bounds[-1][1] == "ffffffff-ffff-ffff-ffff-ffffffffffff"
    for (_, last), (first, _) in pairwise(bounds):
        assert int(last[:8], 16) + 1 == int(first[:8], 16)
    sizes = {int(last[:8], 16) - int(first[:8], 16) for first, last in bounds}
    assert max(sizes) - min(sizes) <= 1


def test_agreements_of_following_days_are_of_following_shards() -> None:
    shards = [shard_of_agreement(NOW + timedelta(days=day)) for day in range(2 * SHARDS)]

    assert sorted(shards[:SHARDS]) == list(range(SHARDS))
    assert shards[:SHARDS] == shards[SHARDS:]


@pytest.mark.parametrize("shard", range(SHARDS))
def test_the_window_before_is_the_last_one_of_the_shard(shard: int) -> None:
    end = window_before(NOW, shard)

    assert shard_of_agreement(end - A_SECOND) == shard
    assert shard_of_agreement(end) != shard
    assert end <= NOW.replace(hour=0, minute=0)
    assert NOW - end < timedelta(days=SHARDS)


def test_a_walk_goes_from_page_to_page_and_from_stage_to_stage() -> None:
    walk = Walk((Stage.MADE, Stage.BEGUN), shard=3)

    second = walk.after_page("sub_1")
    next_stage = second.after_page(None)

    assert second == Walk((Stage.MADE, Stage.BEGUN), 3, "sub_1")
    assert next_stage == Walk((Stage.BEGUN,), 3)
    assert not next_stage.is_done
    assert next_stage.after_page(None).is_done


def test_hour_by_hour_every_shard_is_compared_within_a_day() -> None:
    compared: dict[int, datetime] = {}
    gaps = []
    for hour in range(4 * SHARDS):
        now = NOW + hour * AN_HOUR
        for shard in shards_due(now, compared):
            gaps += [now - compared[shard]] if shard in compared else []
            compared[shard] = now

    assert len(compared) == SHARDS
    assert max(gaps) <= PASS


def test_a_run_that_is_behind_compares_two_shards_at_once() -> None:
    late = dict.fromkeys(range(SHARDS), NOW - PASS - AN_HOUR)

    assert shards_due(NOW, {}) == (0, 1)
    assert shards_due(NOW, late | {0: NOW, 1: NOW}) == (2, 3)
    assert shards_due(NOW, late | dict.fromkeys(range(1, SHARDS), NOW)) == (0,)


def test_an_hour_begins_three_hours_before_the_last_complete_one() -> None:
    reports = [a_report(5, 1), a_report(3, 2), a_report(2, 3, not_compared="down"), a_report(1, 4, heals=False)]

    planned = plan(NOW, reports)

    assert planned.since == NOW - 6 * AN_HOUR
    assert planned.shards == (0, 3), "what was not compared is still due"


def test_without_earlier_runs_it_looks_a_day_back() -> None:
    assert plan(NOW, []).since == NOW - timedelta(days=1, hours=3)


def test_a_whole_pass_counts_for_every_shard() -> None:
    planned = plan(NOW, [RunReport("by-hand", NOW - AN_HOUR, heals=True), a_report(2, 0)])

    assert planned.shards == (0,)
    assert planned.since == NOW - 4 * AN_HOUR
