"""Which recovery ladders make sense."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.access import Access
from domain.errors import Malformed
from domain.subscription.agenda import describe
from domain.subscription.policy import DEFAULT_LADDER, MAX_TRIES_IN_30_DAYS, LadderStep, Policy, validate_ladder

START, END = LadderStep(0, mail=True), LadderStep(60, cancel=True)

SENSELESS: dict[str, tuple[tuple[LadderStep, ...], str, str]] = {
    "nothing": ((), "recovery.0", "must end with a step that cancels"),
    "no end": ((START, LadderStep(3, suspend=True)), "recovery.1", "must end with a step that cancels"),
    "a start after the decline": ((LadderStep(1, mail=True), END), "recovery.0", "starts on day 0"),
    "a retry in the moment of the decline": ((LadderStep(0, retry=True), END), "recovery.0", "without a retry"),
    "a day twice": ((START, LadderStep(3, mail=True), LadderStep(3, retry=True), END), "recovery.2", "day 3 must come"),
    "a day that is past": (
        (START, LadderStep(5, mail=True), LadderStep(3, retry=True), END),
        "recovery.2",
        "day 3 must come after day 5",
    ),
    "access given back": (
        (START, LadderStep(3, access=Access.LIMITED), LadderStep(5, access=Access.FULL), END),
        "recovery.2",
        "a softer access level",
    ),
    "access limited after a suspension": (
        (START, LadderStep(3, suspend=True), LadderStep(4, mail=True), LadderStep(5, access=Access.LIMITED), END),
        "recovery.3",
        "a softer access level",
    ),
    "something after the end": (
        (START, LadderStep(3, cancel=True), END),
        "recovery.2",
        "nothing can follow",
    ),
    "a retry as it ends": ((START, LadderStep(3, retry=True, cancel=True)), "recovery.1", "cannot retry"),
}


@pytest.mark.parametrize(("steps", "place", "words"), SENSELESS.values(), ids=SENSELESS)
def test_a_senseless_ladder_is_refused_at_its_first_faulty_step(
    steps: tuple[LadderStep, ...], place: str, words: str
) -> None:
    with pytest.raises(Malformed) as refused:
        validate_ladder(steps)
    assert refused.value.field == place
    assert words in refused.value.message


def ladder_with_retries_on(days: set[int]) -> tuple[LadderStep, ...]:
    return (START, *(LadderStep(day, retry=True) for day in sorted(days)), LadderStep(200, cancel=True))


@given(st.sets(st.integers(min_value=1, max_value=100), max_size=60))
def test_a_ladder_is_refused_when_and_only_when_it_breaks_the_card_networks_cap(days: set[int]) -> None:
    most = max((sum(start <= day < start + 30 for day in days) for start in range(1, 101)), default=0)
    if most <= MAX_TRIES_IN_30_DAYS:
        validate_ladder(ladder_with_retries_on(days))
    else:
        with pytest.raises(Malformed, match="card networks' limits"):
            validate_ladder(ladder_with_retries_on(days))


def test_as_many_retries_as_the_card_networks_allow_are_allowed() -> None:
    validate_ladder(ladder_with_retries_on(set(range(1, 16))))
    validate_ladder(ladder_with_retries_on({*range(1, 16), 31}))
    with pytest.raises(Malformed):
        validate_ladder(ladder_with_retries_on({*range(1, 16), 30}))


def test_the_default_ladder_is_the_one_that_was_promised() -> None:
    validate_ladder(DEFAULT_LADDER)
    assert [f"{step.day} {describe(step)}" for step in Policy().recovery] == [
        "0 mail",
        "1 retry",
        "3 retry, else mail",
        "5 retry, else access limited and mail",
        "7 retry, else mail",
        "14 retry, else suspend and mail",
        "44 cancel and mail",
    ]


def test_a_step_that_does_nothing_is_a_wait() -> None:
    assert describe(LadderStep(3)) == "wait"
