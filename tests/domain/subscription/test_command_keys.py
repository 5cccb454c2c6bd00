"""Command keys: hashed, and comparable to earlier unhashed ones."""

from hashlib import sha256

import pytest

from domain.subscription.command_keys import hashed, is_among

LONG = "k" * 101
HASH_OF_LONG = f"sha256:{sha256(LONG.encode()).hexdigest()}"


def test_nothing_of_a_key_is_left_in_its_hash() -> None:
    assert hashed("ada@example.com") == f"sha256:{sha256(b'ada@example.com').hexdigest()}"


def test_a_hash_is_not_hashed_again() -> None:
    assert hashed(hashed("order-17")) == hashed("order-17")


def test_long_keys_have_the_hash_that_they_always_had() -> None:
    assert hashed(LONG) == HASH_OF_LONG


@pytest.mark.parametrize("asked", ["order-17", hashed("order-17")])
@pytest.mark.parametrize("known", ["order-17", hashed("order-17")])
def test_a_command_is_known_by_either_of_its_names(asked: str, known: str) -> None:
    assert is_among(asked, ["order-16", known])
    assert not is_among(asked, ["order-16", hashed("order-18")])
    assert not is_among(asked, [])
