"""Whatever code is called and wherever it stands: what others know of us by name stays, or is added to on purpose."""

import json

import pytest

from tests.contracts.wire import source
from tests.contracts.wire.kept import FILE, differences, written
from tests.contracts.wire_names import COMMAND, current

A_BREAK = (
    "A BREAK: what was started, written or sent before is not known again by it. Give it its old name; if nothing "
    "knows of it any more, say so where the change of the file is reviewed."
)


def test_what_is_on_the_wire_is_what_was_reviewed() -> None:
    kept = FILE.read_text()
    now = current(json.loads(kept))

    found = differences(json.loads(kept), now)

    if found or written(now) != kept:
        what_to_do = f"What is new: `{COMMAND}` writes it down, and the change of the file is reviewed."
        pytest.fail("\n".join([f"{FILE.name} tells otherwise:", *found, A_BREAK, what_to_do]), pytrace=False)


def test_temporal_knows_nothing_by_what_it_happens_to_be_called() -> None:
    assert source.unnamed() == set(), (
        "say `name=`: a class or a method may get another name, what is on the wire may not"
    )


def test_a_break_is_told_from_what_is_only_new() -> None:
    kept = {"fields": {"id": "text", "plan": "text"}, "words": ["on", "off"]}

    assert differences(kept, {"fields": {"id": "number", "name": "text"}, "words": ["off", "on", "hold"]}) == [
        "BREAK, gone from the wire: fields > plan",
        "BREAK, changed on the wire: fields > id: was text, is number",
        "new on the wire: fields > name",
        "new on the wire: words > hold",
    ]
