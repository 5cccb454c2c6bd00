"""A refused attempt is repeated under another key, and is still the same attempt."""

import pytest

from domain.provider.identifiers import asked_again, business_try

KEY = "s/change/2027-01-05T09:00:00+00:00"


def test_an_attempt_that_was_never_refused_keeps_its_key() -> None:
    assert asked_again(KEY, 0) == KEY


@pytest.mark.parametrize("refusals", [1, 2, 30])
def test_each_refusal_gives_the_same_attempt_another_key(refusals: int) -> None:
    again = asked_again(KEY, refusals)

    assert again == f"{KEY}/again/{refusals + 1}"
    assert business_try(again) == KEY


def test_the_number_of_a_charge_is_part_of_its_attempt() -> None:
    assert business_try("s/charge/2") == "s/charge/2"
