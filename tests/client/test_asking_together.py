"""Of those who ask the same at one moment, one asks and the others wait."""

from typing import Any

import pytest

from tenure.client import NotFound, Options, Unavailable
from tenure.client.core import Done, Join, Send, Steps, advance
from tenure.client.usage_operations import check, standing
from tests.client.steps import GONE, Other, answer, entitlement, problem


def asking(other: Other, number: int = 3) -> tuple[Steps[Any], list[Steps[Any]]]:
    """Who asks, and who waits for the answer."""
    first, *others = (check(other.core, "ada", "ai_inbox") for _ in range(number))
    assert isinstance(advance(first, None), Send)
    assert all(isinstance(advance(one, None), Join) for one in others)
    return first, others


def test_an_answer_is_for_all_who_wait() -> None:
    first, others = asking(Other())

    advance(first, answer(entitlement(allowed=False)))

    told = [advance(one, None) for one in others]
    assert [isinstance(one, Done) and one.result.allowed for one in told] == [False, False]
    assert all(isinstance(one, Done) for one in told)


def test_what_has_been_known_is_asked_for_by_one_when_it_is_too_old() -> None:
    other = Other()
    other.carry_out(check(other.core, "ada", "ai_inbox"), answer(entitlement()))
    other.now += 6
    first, others = asking(other)

    advance(first, GONE)

    for one in others:
        told = advance(one, None)
        assert isinstance(told, Done)
        assert told.result.stale


def test_a_refusal_is_for_all_who_wait() -> None:
    first, others = asking(Other())
    with pytest.raises(NotFound):
        advance(first, problem(404, "unknown_feature"))

    refusals = []
    for one in others:
        with pytest.raises(NotFound, match="it is unknown_feature") as refusal:
            advance(one, None)
        refusals.append(refusal.value)

    assert len(set(map(id, refusals))) == len(refusals)
    assert {(one.status, one.code) for one in refusals} == {(404, "unknown_feature")}


def test_another_asks_when_who_asked_has_gone_away() -> None:
    first, [second, third] = asking(Other())

    first.close()

    assert isinstance(advance(second, None), Send)
    assert isinstance(advance(third, None), Join)


def test_nobody_waits_longer_than_they_would_have_asked() -> None:
    other = Other()
    first, [second, _] = asking(other)
    other.now += 5  # and the first has heard nothing

    with pytest.raises(Unavailable):
        advance(second, None)
    first.close()


def test_who_asks_after_something_was_forgotten_is_not_told_what_was_before() -> None:
    other = Other()
    first, [waiting, _] = asking(other)

    other.core.memory.forget("ada")
    late = check(other.core, "ada", "ai_inbox")
    assert isinstance(advance(late, None), Send)
    advance(first, answer(entitlement()))

    assert isinstance(advance(waiting, None), Join)
    advance(late, answer(entitlement(allowed=False)))
    told = advance(waiting, None)
    assert isinstance(told, Done)
    assert not told.result.allowed


def test_each_asks_for_counters() -> None:
    other = Other()
    counted = answer(entitlement("images", kind="number", window="month", used=4, limit=5))
    first, second = (check(other.core, "ada", "images") for _ in range(2))
    assert isinstance(advance(first, None), Send)
    assert isinstance(advance(second, None), Join)

    advance(first, counted)

    assert isinstance(advance(second, None), Send)
    # That it is one is known from now on.
    assert isinstance(advance(check(other.core, "bob", "images", quantity=2), None), Send)
    assert isinstance(advance(check(other.core, "bob", "images", quantity=2), None), Send)


def test_questions_of_others_are_not_waited_for() -> None:
    other = Other()
    asking(other)

    for one in (check(other.core, "bob", "ai_inbox"), check(other.core, "ada", "crm"), standing(other.core, "ada")):
        assert isinstance(advance(one, None), Send)


def test_who_wants_to_ask_each_time_does() -> None:
    other = Other(Options(staleness=0))

    for _ in range(2):
        assert isinstance(advance(check(other.core, "ada", "ai_inbox"), None), Send)
