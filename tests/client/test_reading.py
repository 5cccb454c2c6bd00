"""Answers as frozen dataclasses."""

from dataclasses import FrozenInstanceError, dataclass, field
from datetime import UTC, datetime

import pytest

from tenure.client.entitlements import SubscriptionRef
from tenure.client.reading import Unreadable, read


@dataclass(frozen=True)
class Leaf:
    name: str
    size: int | None = None


@dataclass(frozen=True)
class Tree:
    of: str = field(metadata={"said": "from"})
    leaves: tuple[Leaf, ...] = ()
    named: dict[str, Leaf] = field(default_factory=dict)
    at: datetime | None = None
    value: bool | int | str | tuple[str, ...] | None = None


def test_all_kinds_are_read_and_what_is_not_known_is_passed_over() -> None:
    said = {
        "from": "seed",
        "leaves": [{"name": "a", "size": 1}, {"name": "b", "colour": "red"}],
        "named": {"a": {"name": "a", "size": None}},
        "at": "2026-12-01T00:00:00Z",
        "more": [1],
    }

    tree = read(Tree, said)

    assert tree == Tree("seed", (Leaf("a", 1), Leaf("b")), {"a": Leaf("a")}, datetime(2026, 12, 1, tzinfo=UTC))
    with pytest.raises(FrozenInstanceError):
        tree.of = "other"  # type: ignore[misc]


@pytest.mark.parametrize("value", [True, False, 0, 7, "x5", None])
def test_a_value_is_what_it_is(value: object) -> None:
    assert read(Tree, {"from": "", "value": value}).value is value


def test_a_value_that_a_later_version_adds_is_passed_on() -> None:
    said = {"id": "sub", "status": "hibernating", "access": "full"}

    assert read(SubscriptionRef, said).status == "hibernating"  # type: ignore[comparison-overlap]


def test_a_list_of_values_is_a_tuple() -> None:
    assert read(Tree, {"from": "", "value": ["a", "b"]}).value == ("a", "b")


def test_what_may_be_left_out_may_be_null() -> None:
    assert read(Tree, {"from": "", "leaves": None, "named": None}) == Tree("")


@pytest.mark.parametrize(
    ("said", "why"),
    [
        ({}, "Tree has no from"),
        ({"from": None}, "Tree has no from"),
        ({"from": 1}, r"Tree\.from: str expected, not 1"),
        ([], r"dict expected, not \[\]"),
        ({"from": "", "leaves": {}}, r"Tree\.leaves: list expected"),
        ({"from": "", "leaves": [{"name": "a", "size": True}]}, r"Tree\.leaves: Leaf\.size: int expected, not True"),
        ({"from": "", "at": "soon"}, r"Tree\.at: no moment: 'soon'"),
        ({"from": "", "at": 7}, r"Tree\.at: no moment: 7"),
        ({"from": "", "value": [1]}, r"Tree\.value: str expected"),
        ({"from": "", "value": {}}, r"Tree\.value: list expected"),
    ],
)
def test_what_is_wrong_is_told_by_its_place(said: object, why: str) -> None:
    with pytest.raises(Unreadable, match=why):
        read(Tree, said)
