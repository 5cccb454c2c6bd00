"""docs/events.md has every type of event."""

from domain.events.meanings import MEANINGS
from domain.events.types import EventType
from tests.docs.events_page import PAGE, page


def test_the_page_is_as_the_code_says() -> None:
    assert PAGE.read_text(encoding="utf-8") == page(), "run `make docs`"


def test_every_type_has_a_meaning() -> None:
    assert set(MEANINGS) == set(EventType)
