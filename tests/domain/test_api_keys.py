"""What a key's text says of itself, before anything is looked up."""

import re

import pytest

from domain.api_keys import KeyMode, checksum, hint, mode_of_hint, mode_of_key, new_key


@pytest.mark.parametrize("mode", list(KeyMode))
def test_a_key_says_whether_it_is_live_and_is_whole(mode: KeyMode) -> None:
    key = new_key(mode)

    assert re.fullmatch(rf"tn_{mode}_[0-9A-Za-z]{{49}}", key)
    assert mode_of_key(key) is mode


def test_no_two_keys_are_alike() -> None:
    assert len({new_key(KeyMode.LIVE) for _ in range(100)}) == 100


def test_the_checksum_is_the_crc_32_in_base_62() -> None:
    assert checksum("123456789") == "3jZRME"
    assert checksum("") == "000000"


def test_a_changed_character_anywhere_is_noticed() -> None:
    key = new_key(KeyMode.LIVE)

    for place in range(len("tn_live_"), len(key)):
        other = "a" if key[place] != "a" else "b"
        assert mode_of_key(f"{key[:place]}{other}{key[place + 1 :]}") is None


def test_a_live_key_cannot_be_made_a_test_key() -> None:
    assert mode_of_key(new_key(KeyMode.LIVE).replace("live", "test")) is None


@pytest.mark.parametrize(
    ("key", "mode"),
    [
        ("tn_live_" + "a-_Z9" * 8 + "abc", KeyMode.LIVE),
        ("tn_test_" + "a-_Z9" * 6 + "ab", KeyMode.TEST),
    ],
)
def test_keys_of_earlier_releases_have_no_checksum(key: str, mode: KeyMode) -> None:
    assert mode_of_key(key) is mode


@pytest.mark.parametrize(
    "text",
    [
        "",
        "tn_live_",
        "sk_live_" + "a" * 49,
        "tn_live_" + "a" * 49,
        "tn_prod_" + "a" * 43,
        "tn_live_" + "ä" * 43,
        "\ud800",
    ],
)
def test_what_nobody_can_have_made_has_no_mode(text: str) -> None:
    assert mode_of_key(text) is None


def test_cut_off_and_longer_keys_are_not_whole() -> None:
    key = new_key(KeyMode.TEST)

    assert mode_of_key(key[:-1]) is None
    assert mode_of_key(f"{key}x") is None
    assert mode_of_key(f" {key}") is None
    assert mode_of_key(f"{key}\n") is None


def test_a_hint_tells_the_mode_and_not_the_key() -> None:
    key = new_key(KeyMode.TEST)

    assert hint(key) == f"{key[:12]}…{key[-4:]}"
    assert mode_of_hint(hint(key)) is KeyMode.TEST
    assert mode_of_hint("") is None
