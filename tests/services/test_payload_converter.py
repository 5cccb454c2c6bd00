"""Payloads in Temporal without the fields that have their defaults: read as before, by earlier releases too."""

import json
from dataclasses import asdict, dataclass, field, replace
from datetime import UTC, datetime
from enum import StrEnum

import pytest
from hypothesis import given
from hypothesis import strategies as st
from temporalio.converter import DataConverter

from domain.subscription.policy import DEFAULT_POLICY, Policy
from services.payload_codec import PayloadKey, converter_with
from services.payload_converter import RUN_ENCODINGS
from tests.builders import a_paid_subscription
from workflows.subscription.messages import RUN_REVISION, SubscriptionInput


class Colour(StrEnum):
    RED = "red"
    BLUE = "blue"


@dataclass(frozen=True)
class Part:
    number: int = 1
    note: str = field(default="", compare=False)


@dataclass(frozen=True)
class Whole:
    name: str
    part: Part = Part()
    parts: tuple[Part, ...] = (Part(1), Part(2))
    colour: Colour = Colour.RED
    is_on: bool = True
    at: datetime | None = None
    amount: int | None = None
    counts: dict[str, int] = field(default_factory=dict)


PARTS = st.builds(Part, number=st.integers(0, 2), note=st.sampled_from(["", "noted"]))
WHOLES = st.builds(
    Whole,
    name=st.sampled_from(["", "whole"]),
    part=PARTS,
    parts=st.lists(PARTS, max_size=2).map(tuple) | st.just(Whole("").parts),
    colour=st.sampled_from(Colour),
    is_on=st.booleans(),
    at=st.none() | st.datetimes(timezones=st.just(UTC)),
    amount=st.sampled_from([None, 0, 1]),
    counts=st.dictionaries(st.sampled_from("ab"), st.integers(0, 1)),
)


async def _json_of(value: object) -> object:
    [payload] = await converter_with([]).encode([value])
    assert payload.metadata["encoding"] == b"json/plain"
    return json.loads(payload.data)


@given(WHOLES)
async def test_what_is_left_out_comes_back_here_and_in_earlier_releases(whole: Whole) -> None:
    payloads = await converter_with([]).encode([whole])

    for reader in (converter_with([]), DataConverter.default):
        [read] = await reader.decode(payloads, [Whole])
        assert asdict(read) == asdict(whole)


@given(WHOLES)
async def test_what_earlier_releases_wrote_in_full_is_read(whole: Whole) -> None:
    payloads = await DataConverter.default.encode([whole])

    [read] = await converter_with([]).decode(payloads, [Whole])

    assert asdict(read) == asdict(whole)


async def test_only_what_differs_from_its_default_is_written() -> None:
    assert await _json_of(Whole("it", amount=0, is_on=False)) == {"name": "it", "amount": 0, "is_on": False}


async def test_a_field_that_does_not_count_for_equality_is_written() -> None:
    assert await _json_of(Whole("it", part=Part(note="noted"))) == {"name": "it", "part": {"note": "noted"}}


@pytest.mark.parametrize("value", [None, b"bytes", "text", {"a": [1, None]}], ids=["null", "bytes", "text", "object"])
async def test_what_is_no_dataclass_is_written_as_ever(value: object) -> None:
    assert await converter_with([]).encode([value]) == await DataConverter.default.encode([value])


async def test_most_of_a_policy_is_left_out() -> None:
    [sparse] = await converter_with([]).encode([DEFAULT_POLICY])
    [full] = await DataConverter.default.encode([DEFAULT_POLICY])

    assert sparse.ByteSize() < full.ByteSize() / 5
    assert await converter_with([]).decode([sparse], [Policy]) == [DEFAULT_POLICY]


@pytest.mark.parametrize("keys", [(), (PayloadKey("one", bytes(32)),)], ids=["clear", "encrypted"])
@pytest.mark.parametrize("revision", range(RUN_REVISION + 1))
async def test_a_run_begins_with_what_it_was_given(revision: int, keys: tuple[PayloadKey, ...]) -> None:
    start = SubscriptionInput(a_paid_subscription(), DEFAULT_POLICY, revision=revision)

    payloads = await converter_with(keys).encode([start])

    assert await converter_with(keys).decode(payloads, [SubscriptionInput]) == [start]


async def test_a_release_that_does_not_know_a_runs_revision_cannot_begin_it() -> None:
    start = SubscriptionInput(a_paid_subscription(), DEFAULT_POLICY)
    known = await converter_with(()).encode([start])
    newer = await converter_with(()).encode([replace(start, revision=RUN_REVISION)])

    assert await DataConverter.default.decode(known, [SubscriptionInput]) == [start]
    with pytest.raises(KeyError, match="Unknown payload encoding"):
        await DataConverter.default.decode(newer, [SubscriptionInput])


def test_each_revision_of_a_run_has_an_encoding_that_is_read() -> None:
    start = SubscriptionInput(a_paid_subscription(), DEFAULT_POLICY)

    named = [replace(start, revision=number).payload_encoding for number in range(1, RUN_REVISION + 1)]

    assert tuple(named) == RUN_ENCODINGS
