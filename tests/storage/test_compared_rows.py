"""Subscriptions as reconciliation pages through them, and which of their agreements it has met."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

import pytest_asyncio

from domain.reconciliation.differences import Projection
from domain.reconciliation.passes import SHARDS, ids_of_shard
from domain.subscription.lifecycle import Status
from storage.compared_rows import UNSEEN_AFTER, SubscriptionPages
from tests.builders import TRIAL_END
from tests.storage.ledger import Ledger

BEGAN = datetime(2026, 4, 1, tzinfo=UTC)
AN_HOUR = timedelta(hours=1)


@pytest_asyncio.fixture
async def rows(ledger: Ledger) -> SubscriptionPages:
    return SubscriptionPages(ledger.engine)


def ids(found: Sequence[tuple[Projection, bool]]) -> list[str]:
    return [row.subscription.id for row, _ in found]


def shard_of(subscription: str) -> int:
    return next(shard for shard in range(SHARDS) if ids_of_shard(shard)[0] <= subscription <= ids_of_shard(shard)[1])


async def test_the_live_ones_come_page_by_page_with_whether_their_agreement_was_met(
    ledger: Ledger, rows: SubscriptionPages
) -> None:
    live = sorted(each.id for each in await ledger.sign_up_many(3))
    await ledger.sign_up("over", status=Status.CANCELED)
    await rows.mark_seen({live[0]: 1}, BEGAN)
    await rows.mark_seen({live[1]: 1}, BEGAN - AN_HOUR)
    await rows.mark_seen({live[0]: 1}, BEGAN - 2 * AN_HOUR)  # a run that has lagged behind

    first = await rows.live(None, BEGAN, limit=2)
    rest = await rows.live(first[-1][0].subscription.id, BEGAN, limit=2)

    assert [(kept.subscription.id, met) for kept, met in [*first, *rest]] == [
        (live[0], True),
        (live[1], False),
        (live[2], False),
    ]


async def test_each_is_in_one_shard_and_needs_no_look_of_its_own_where_a_shard_meets_its_agreement(
    ledger: Ledger, rows: SubscriptionPages
) -> None:
    new, known, long_ago = (each.id for each in await ledger.sign_up_many(3))
    await rows.mark_seen({known: 3}, BEGAN - 10 * UNSEEN_AFTER)
    # Met by an earlier release, which noted no shard.
    await rows.mark_seen({long_ago: 3}, BEGAN - UNSEEN_AFTER - AN_HOUR)
    await ledger.run(f"update provider_sightings set shard = null where subscription = '{long_ago}'")  # noqa: S608

    found = [each for shard in range(SHARDS) for each in await rows.live(None, BEGAN, limit=9, shard=shard)]

    assert {kept.subscription.id: met for kept, met in found} == {new: False, known: True, long_ago: False}
    assert len(found) == 3
    for id_ in (new, known, long_ago):
        assert id_ in ids(await rows.live(None, BEGAN, limit=9, shard=shard_of(id_)))
    await rows.mark_seen({long_ago: 3}, BEGAN - UNSEEN_AFTER + AN_HOUR)
    await ledger.run(f"update provider_sightings set shard = null where subscription = '{long_ago}'")  # noqa: S608
    [(_, is_met)] = [
        each
        for each in await rows.live(None, BEGAN, limit=9, shard=shard_of(long_ago))
        if each[0].subscription.id == long_ago
    ]
    assert is_met


async def test_those_of_a_shard_that_its_list_did_not_show_are_found_and_the_ended_ones_forgotten(
    ledger: Ledger, rows: SubscriptionPages
) -> None:
    listed, unlisted, later = sorted(each.id for each in await ledger.sign_up_many(3))
    over = (await ledger.sign_up("over", status=Status.CANCELED)).id
    await rows.mark_seen(dict.fromkeys((listed, unlisted, later, over), 5), BEGAN - AN_HOUR)
    await rows.mark_seen({listed: 5, later: 6}, BEGAN)

    async def found(after: str | None = None, *, shard: int = 5) -> list[str]:
        return ids(await rows.unlisted(after, BEGAN, shard=shard, limit=9))

    assert await found() == [unlisted]
    assert await found(unlisted) == []
    assert await found(shard=6) == []
    await rows.forget_sightings(5, BEGAN)
    kept = await ledger.rows("select subscription::text as id from provider_sightings order by subscription")
    assert [row["id"] for row in kept] == [listed, unlisted, later]


async def test_the_late_and_the_blocked_are_due(ledger: Ledger, rows: SubscriptionPages) -> None:
    late = await ledger.sign_up("late")
    blocked = await ledger.sign_up("blocked")
    await ledger.sign_up("over", status=Status.CANCELED)
    await ledger.run(f"update subscriptions set blocked_since = now(), next_actions = '[]' where id = '{blocked.id}'")  # noqa: S608

    async def due(late_since: datetime, after: str | None = None) -> list[str]:
        return [each.subscription.id for each in await rows.due(after, late_since=late_since, limit=9)]

    assert await due(TRIAL_END + AN_HOUR) == sorted([late.id, blocked.id])
    assert await due(BEGAN - timedelta(days=900)) == [blocked.id]
    assert await due(BEGAN - timedelta(days=900), after=blocked.id) == []
