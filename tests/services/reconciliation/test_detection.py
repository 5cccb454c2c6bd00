"""Kind by kind: what an hourly run finds, and what is left to the pass that takes a day."""

from dataclasses import replace
from datetime import timedelta

import pytest

from domain.reconciliation.detection import HOURLY, FoundHourly
from domain.reconciliation.differences import DifferenceKind
from domain.reconciliation.passes import PAGE, SHARD_OF_PROVIDER, Stage, Walk, shard_of_agreement
from domain.reconciliation.ports import Found
from tests.builders import an_agreement
from tests.services.reconciliation.differing import DIFFERING
from tests.services.reconciliation.installation import LONG_AGO, Installation, kinds
from tests.storage.ledger import Ledger

OPEN = Walk((Stage.OPEN,))


@pytest.fixture
def it(ledger: Ledger) -> Installation:
    return Installation(ledger)


@pytest.mark.parametrize("kind", DifferenceKind)
async def test_a_difference_is_found_when_it_is_said_to_be(it: Installation, kind: DifferenceKind) -> None:
    hourly = HOURLY[kind]
    await DIFFERING[kind](it)

    if hourly is FoundHourly.ALWAYS:
        assert kinds(await it.found_hourly()) == {kind}
        return
    assert kinds(await it.found_hourly()) == set(), "nothing shows it"
    found = await it.found_by_pass()
    assert kinds(found) == {kind}
    await it.comparison.keep("an-earlier-run", [Found(each) for each in found])
    assert kinds(await it.found(OPEN)) == {kind}, "it is looked at again every hour"
    await it.ledger.run("delete from discrepancies")
    await it.be_late()
    assert kinds(await it.found_hourly()) == ({kind} if hourly is FoundHourly.IF_LATE else set())
    await it.begin_period()
    assert (kind in kinds(await it.found_hourly())) is (hourly is not FoundHourly.NEVER)


async def test_where_nothing_differs_nothing_is_found(it: Installation) -> None:
    await it.agree(await it.subscription())

    assert await it.found_hourly() == []
    assert await it.found_by_pass() == []
    await it.be_late()
    await it.begin_period()
    assert await it.found_hourly() == []


async def test_what_was_found_before_and_has_gone_is_not_found_again(it: Installation) -> None:
    await DIFFERING[DifferenceKind.ITEMS_DIFFER](it)
    await it.comparison.keep("an-earlier-run", [Found(each) for each in await it.found_by_pass()])
    it.provider.agreements = [replace(each, items=an_agreement().items) for each in it.provider.agreements]

    assert await it.found(OPEN) == []


async def test_without_the_provider_only_what_needs_none_is_looked_at_again(it: Installation) -> None:
    await DIFFERING[DifferenceKind.ITEMS_DIFFER](it)
    await it.comparison.keep("an-earlier-run", [Found(each) for each in await it.found_by_pass()])
    it.provider.calls = 0

    assert await it.found(OPEN, without_provider=True) == []
    assert it.provider.calls == 0


async def test_a_shard_lists_its_days_and_skips_those_of_others(it: Installation) -> None:
    # A year in which a page of agreements was made every day.
    agreements = [
        an_agreement(ref=f"sub_{day}_{n}", subscription="", created_at=LONG_AGO - timedelta(days=day))
        for day in range(365)
        for n in range(PAGE)
    ]
    it.provider.agreements = agreements
    shard = shard_of_agreement(LONG_AGO - timedelta(days=100))

    await it.found(Walk(SHARD_OF_PROVIDER, shard))

    seen = it.provider.listed
    own = {each.ref for each in agreements if shard_of_agreement(each.created_at) == shard}
    assert own <= set(seen)
    assert len(seen) == len(set(seen)), "each once"
    assert len(seen) <= len(own) * 3
    assert it.provider.calls <= 365 / 24 * 3


async def test_a_blocked_step_that_was_found_before_is_looked_at_again(it: Installation) -> None:
    await DIFFERING[DifferenceKind.BLOCKED](it)
    await it.comparison.keep("an-earlier-run", [Found(each) for each in await it.found_hourly()])

    assert kinds(await it.found(OPEN)) == {DifferenceKind.BLOCKED}


async def test_all_of_a_small_account_takes_one_call_an_hour(it: Installation) -> None:
    it.provider.agreements = [
        an_agreement(ref=f"sub_{n}", subscription="", created_at=LONG_AGO - timedelta(days=30 * n)) for n in range(50)
    ]

    await it.found(Walk(SHARD_OF_PROVIDER, 5))

    assert it.provider.calls == 1
