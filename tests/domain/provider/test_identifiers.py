"""A refused attempt is repeated under another key, and is still the same attempt."""

import pytest

from domain.provider.identifiers import attempt_of, key_after_refusals

KEY = "s/change/2027-01-05T09:00:00+00:00"


def test_an_attempt_that_was_never_refused_keeps_its_key() -> None:
    assert key_after_refusals(KEY, 0) == KEY


@pytest.mark.parametrize("refusals", [1, 2, 30])
def test_each_refusal_gives_the_same_attempt_another_key(refusals: int) -> None:
    again = key_after_refusals(KEY, refusals)

    assert again == f"{KEY}/again/{refusals + 1}"
    assert attempt_of(again) == KEY


def test_the_number_of_a_charge_is_part_of_its_attempt() -> None:
    assert attempt_of("s/charge/2") == "s/charge/2"
