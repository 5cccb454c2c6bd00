"""The activity that compares many pages: it goes on where the attempt before it came to."""

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest
from temporalio.converter import DataConverter
from temporalio.exceptions import ApplicationError
from temporalio.testing import ActivityEnvironment

from activities.reconciling import FOUND_AT_ONCE, ReconcileActivities
from domain.errors import GatewayUnavailable
from domain.reconciliation.differences import DifferenceKind, Discrepancy
from domain.reconciliation.passes import PAGES_PER_ACTIVITY, Stage, Walk
from domain.reconciliation.ports import Page, Walked, WalkRequest

NOW = datetime(2027, 3, 1, tzinfo=UTC)
REQUEST = WalkRequest(Walk((Stage.MADE, Stage.BEGUN)), NOW, NOW)


class Inspector:
    """Each stage has so many pages; one of them may fail once."""

    def __init__(self, pages: int, *, fails_at: int | None = None, found: int = 0) -> None:
        self.asked: list[tuple[Stage, str | None]] = []
        self._pages = pages
        self._fails_at = fails_at
        self._found = found

    async def page(self, request: WalkRequest) -> Page:
        walk = request.walk
        number = int(walk.cursor or 0)
        if self._fails_at == len(self.asked):
            self._fails_at = None
            raise GatewayUnavailable("no answer")
        self.asked.append((walk.stages[0], walk.cursor))
        found = tuple(
            Discrepancy(DifferenceKind.ITEMS_DIFFER, "they differ", f"s{number}-{each}") for each in range(self._found)
        )
        return Page(found, str(number + 1) if number + 1 < self._pages else None, compared=100)


def activities(inspector: Inspector) -> ReconcileActivities:
    nothing: Any = None
    return ReconcileActivities(inspector, nothing, nothing)


async def test_stage_follows_stage_until_the_walk_is_done() -> None:
    inspector = Inspector(pages=2)

    walked = await ActivityEnvironment().run(activities(inspector).compare_pages, REQUEST)

    assert inspector.asked == [(Stage.MADE, None), (Stage.MADE, "1"), (Stage.BEGUN, None), (Stage.BEGUN, "1")]
    assert walked.walk.is_done
    assert (walked.pages, walked.agreements, walked.subscriptions) == (4, 400, 0)


async def test_what_a_stage_has_found_is_healed_before_the_next_one() -> None:
    walked = await ActivityEnvironment().run(activities(Inspector(pages=2, found=1)).compare_pages, REQUEST)

    assert [each.subscription for each in walked.found] == ["s0-0", "s1-0"]
    assert walked.walk.stages == (Stage.BEGUN,)


async def test_fifty_pages_are_compared_by_one_activity() -> None:
    walked = await ActivityEnvironment().run(activities(Inspector(pages=70)).compare_pages, REQUEST)

    assert walked.pages == PAGES_PER_ACTIVITY
    assert walked.walk == replace(REQUEST.walk, cursor=str(PAGES_PER_ACTIVITY))


async def test_another_attempt_goes_on_after_the_last_page_that_was_compared() -> None:
    inspector = Inspector(pages=3, fails_at=2, found=1)
    environment = ActivityEnvironment()
    beats: list[Any] = []
    environment.on_heartbeat = lambda *details: beats.append(details)

    with pytest.raises(ApplicationError):
        await environment.run(activities(inspector).compare_pages, REQUEST)
    again = ActivityEnvironment()
    # As Temporal hands them back.
    converter = DataConverter.default.payload_converter
    details = converter.from_payloads(converter.to_payloads(beats[-1]))
    again.info = replace(again.info, heartbeat_details=details)
    walked = await again.run(activities(inspector).compare_pages, REQUEST)

    assert inspector.asked == [(Stage.MADE, cursor) for cursor in (None, "1", "2")]
    assert isinstance(walked, Walked)
    assert [each.subscription for each in walked.found] == ["s0-0", "s1-0", "s2-0"]
    assert walked.found[0].kind is DifferenceKind.ITEMS_DIFFER


async def test_an_activity_that_has_found_much_ends_so_that_it_is_healed() -> None:
    walked = await ActivityEnvironment().run(activities(Inspector(pages=9, found=60)).compare_pages, REQUEST)

    assert len(walked.found) == 120
    assert len(walked.found) >= FOUND_AT_ONCE
    assert walked.pages == 2
