"""docs/security.md answers each threat that it names, and every test that it names is there."""

import pytest

from tests.docs.security_page import HEAD, NAMED, PAGE, missing, rows

THREATS = rows(PAGE.read_text(encoding="utf-8"))


def test_every_test_that_is_named_is_there() -> None:
    named = NAMED.findall(PAGE.read_text(encoding="utf-8"))

    assert len(named) > len(THREATS) > 40
    assert [wrong for each in named if (wrong := missing(each))] == []


@pytest.mark.parametrize("threat", THREATS, ids=lambda cells: cells[0])
def test_every_threat_has_an_answer_and_a_test(threat: tuple[str, ...]) -> None:
    assert len(threat) == len(HEAD)
    assert all(threat)
    assert NAMED.search(threat[-1])


def test_no_threat_is_named_twice() -> None:
    assert len({cells[0] for cells in THREATS}) == len(THREATS)


def test_what_is_not_there_is_noticed() -> None:
    here = "tests/docs/test_security_page.py"

    assert not missing(here)
    assert not missing(f"{here}::test_what_is_not_there_is_noticed")
    assert not missing("tests/docs")
    assert missing("tests/docs/test_nothing.py")
    assert missing(f"{here}::test_nothing")
    assert missing("tests/docs/security_page.py"), "not a file of tests"
    assert missing("tests/docs::test_nothing")


def test_a_threat_without_a_test_is_noticed() -> None:
    page = "| threat | answer | test |\n|---|---|---|\n| a leak | none | |\n\n| other | table |\n|---|---|\n| x | y |\n"

    assert rows(page) == [("a leak", "none", "")]
