"""Every error code is explained, and the page on errors says so."""

import ast

import pytest

from api.http.error_codes import ERROR_CODES, ErrorCode
from tests.docs import answered_codes
from tests.docs.answered_codes import codes_in_source, statuses
from tests.docs.errors_page import PAGE, page


def test_every_code_in_the_source_is_explained_and_no_other() -> None:
    found = codes_in_source().keys()

    missing = sorted(found - ERROR_CODES.keys())
    assert missing == [], "explain them in api/http/error_codes.toml, then run `make docs`"
    assert sorted(ERROR_CODES.keys() - found) == [], "nothing answers these any more"


def test_the_page_is_up_to_date() -> None:
    assert PAGE.read_text(encoding="utf-8") == page().rstrip("\n") + "\n", "run `make docs`"


@pytest.mark.parametrize(
    ("code", "expected"),
    [
        ("limit_reached", [402, 429]),
        ("not_found", [404]),
        ("unknown_plan", [404, 422]),
        ("gateway_refused", [422, 502]),
        ("internal_error", [500]),
        ("database_unavailable", [503]),
    ],
)
def test_the_statuses_of_a_code_are_found(code: str, expected: list[int]) -> None:
    assert statuses(code, codes_in_source()[code]) == expected


def test_a_code_that_is_computed_has_to_be_named() -> None:
    calls = ast.parse("Rejected('no', code=' '.join(parts))")

    with pytest.raises(ValueError, match="name the codes of"):
        list(answered_codes._codes_of(answered_codes, calls, "api/made_up.py"))


@pytest.mark.parametrize("one", ERROR_CODES.values(), ids=lambda one: one.code)
def test_an_explanation_is_in_sentences(one: ErrorCode) -> None:
    assert one.means.endswith(".")
    assert one.do.endswith(".")
