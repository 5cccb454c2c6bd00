"""The feed of events: read to its end, and read on from where one was."""

from typing import Any

import pytest

from tenure.client import Tenure, UnreadableEvent
from tenure.client.event_operations import list_events
from tests.client.steps import Other, answer
from tests.client.test_events import changed
from tests.client.test_lists_and_customers import Replies


def page(*ids: str, cursor: str | None, more: bool = False) -> Any:
    return answer({"data": [changed(id=one) for one in ids], "next_cursor": cursor, "has_more": more})


def test_the_feed_is_read_to_its_end_and_says_after_each_event_where_to_go_on(monkeypatch: pytest.MonkeyPatch) -> None:
    replies = Replies(page("1", "2", cursor="after-2", more=True), page("3", "4", cursor="after-4"))
    monkeypatch.setattr(Tenure, "_carry_out", lambda _client, steps: replies.answer(steps))

    with Tenure("http://tenure.example", "key") as tenure:
        found = list(tenure.events(after="begun", types=["subscription.past_due", "invoice.paid"]))

    # After an event within a page, that page is read once more: none is missed.
    assert [(one.id, one.cursor) for one in found] == [
        ("1", "begun"),
        ("2", "after-2"),
        ("3", "after-2"),
        ("4", "after-4"),
    ]
    wanted = {"type": ("subscription.past_due", "invoice.paid"), "limit": 100}
    assert replies.queries == [wanted | {"cursor": "begun"}, wanted | {"cursor": "after-2"}]


def test_a_page_without_events_keeps_the_place() -> None:
    found = Other().carry_out(list_events(Other().core, cursor="here"), page(cursor="here"))
    assert (found.data, found.next_cursor, found.has_more) == ((), "here", False)


def test_what_is_no_event_is_not_passed_over() -> None:
    with pytest.raises(UnreadableEvent):
        Other().carry_out(list_events(Other().core), answer({"data": [{"id": 1}], "next_cursor": None}))
