"""How pages write what errors say."""

import pytest

from api.console.numbers.queries import WrongQueryError
from api.web.wording import as_sentence
from domain.errors import Malformed


@pytest.mark.parametrize(
    ("text", "sentence"), [("no such plan", "No such plan."), ("It is.", "It is."), ("a", "A."), ("", "")]
)
def test_a_message_is_shown_as_a_sentence(text: str, sentence: str) -> None:
    assert as_sentence(text) == sentence


def test_a_query_that_is_wrong_without_a_word_is_no_fault() -> None:
    assert WrongQueryError.of(Malformed("", field="to")).errors == {"to": ""}
