"""The page on the lifecycle says what the code does."""

import re

import pytest

from domain.subscription.lifecycle import TRANSITIONS, Event, Status
from tests.builders import a_trial
from tests.docs.lifecycle_page import PAGE, written_anew

TEXT = PAGE.read_text(encoding="utf-8")
DASH = "–"


def rows(heading: str) -> list[list[str]]:
    """The cells of the table that stands beneath a heading, without their backticks."""
    section = TEXT.partition(f"{heading}\n")[2].partition("\n#")[0]
    lines = [line for line in section.splitlines() if line.startswith("|")]
    return [[cell.strip().strip("`") for cell in line.strip("|").split("|")] for line in lines]


def reached() -> set[Status]:
    """Every status that some chain of events leads to from a sign-up."""
    found, ahead = set[Status](), {a_trial(sequence=0).status}
    while ahead:
        found |= ahead
        ahead = {after for (before, _), after in TRANSITIONS.items() if before in found} - found
    return found


def test_the_generated_parts_are_up_to_date() -> None:
    assert written_anew(TEXT) == TEXT, "run `make docs`"


def test_the_table_says_of_every_pair_what_the_code_says() -> None:
    header, _, *lines = rows("### Every transition")
    told = {
        (Status(status), Event(line[0])): cell
        for line in lines
        for status, cell in zip(header[1:], line[1:], strict=True)
    }
    assert told == {(status, event): TRANSITIONS.get((status, event), DASH) for status in Status for event in Event}


def test_the_diagram_has_every_change_of_status_and_no_other() -> None:
    drawn = {
        (before, after, event.strip().replace(" ", "_"))
        for before, after, events in re.findall(r"^ +(\w+) --> (\w+): (.+)$", TEXT, re.MULTILINE)
        for event in events.split(",")
    }
    assert drawn == {(before, after, event) for (before, event), after in TRANSITIONS.items() if before is not after}


@pytest.mark.parametrize("status", list(Status))
def test_every_status_is_explained_and_reached_unless_it_is_said_to_be_reserved(status: Status) -> None:
    lines = [line for line in rows("## Statuses") if line[0] == status]
    assert len(lines) == 1
    is_reserved = "reserved" in lines[0][-1]
    assert is_reserved is (status not in reached())


def test_a_page_without_its_markers_is_not_written() -> None:
    with pytest.raises(ValueError, match="markers of 'transitions'"):
        written_anew(TEXT.replace("<!-- end of transitions -->", ""))
