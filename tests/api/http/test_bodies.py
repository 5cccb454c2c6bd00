"""How JSON bodies are read, whatever their size and whoever sends them."""

import json

import pytest

from api.http.bodies import read_json
from domain.errors import Malformed


def test_a_duplicate_behind_many_names_is_named_in_one_pass() -> None:
    """To look for each name among all others would take minutes, in which the API answers nobody."""
    names = [f"n{number}" for number in range(100_000)]
    body = "{" + ",".join(f"{json.dumps(name)}:0" for name in (*names, names[-1])) + "}"

    with pytest.raises(Malformed, match="'n99999' appears twice in one object") as refused:
        read_json(body.encode())

    assert refused.value.field == "n99999"


def test_the_first_name_that_is_repeated_is_the_one_that_is_told() -> None:
    with pytest.raises(Malformed, match="'b' appears twice"):
        read_json(b'{"a": 1, "b": 2, "c": [{"c": 3}], "b": 4, "a": 5}')
