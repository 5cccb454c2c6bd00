"""References to what people wrote."""

from uuid import uuid4

from hypothesis import given
from hypothesis import strategies as st

from domain.audit import ERASED, reference_to, references_in, with_reasons

ENTRY, OTHER = uuid4(), uuid4()


def test_a_reference_is_found_and_replaced_wherever_it_stands() -> None:
    summary = f"Suspended by an operator: {reference_to(ENTRY)}"

    assert references_in([summary, "nothing", reference_to(OTHER)]) == {ENTRY, OTHER}
    assert with_reasons(summary, {ENTRY: "chargeback"}) == "Suspended by an operator: chargeback"


def test_a_reason_that_was_erased_says_so() -> None:
    assert with_reasons(reference_to(ENTRY), {ENTRY: ""}) == ERASED
    assert with_reasons(reference_to(ENTRY), {}) == ERASED


def test_a_reason_that_looks_like_a_reference_is_not_replaced_again() -> None:
    assert with_reasons(reference_to(ENTRY), {ENTRY: reference_to(OTHER), OTHER: "no"}) == reference_to(OTHER)


@given(st.text())
def test_other_text_stays_as_it_is(text: str) -> None:
    if not references_in([text]):
        assert with_reasons(text, {}) == text
