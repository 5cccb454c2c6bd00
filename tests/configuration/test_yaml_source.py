"""What is reported about a file that is not even YAML."""

from decimal import Decimal
from pathlib import Path

import pytest

from configuration.yaml_source import ConfigurationError, read
from tests.configuration.conftest import Written

UNREADABLE = {
    "nothing at all": ("", "file.yaml:1: the file is empty"),
    "a comment alone": ("# soon\n", "file.yaml:1: the file is empty"),
    "a tab": ("a:\n\t- 1\n", "file.yaml:2: this is not YAML: while scanning for the next token, found character '\\t'"),
    "an open list": ("a: [1\nb: 2\n", "file.yaml:2: this is not YAML: while parsing a flow sequence, expected ','"),
    "two documents": ("a: 1\n---\nb: 2\n", "file.yaml:2: this is not YAML: expected a single document in the stream"),
    "a control character": ("a: 1\nb: \x07\n", "file.yaml:2: this is not YAML: the character U+0007 is not allowed"),
    "an anchor": ("a: 1\nb: &same 2\n", "file.yaml:2: anchors and aliases ('same') are not allowed"),
    "an older version": (
        "%YAML 1.1\n---\na: yes\n",
        "file.yaml:2: this is not YAML 1.2: remove the %YAML line above",
    ),
    "nesting without end": ("[" * 500 + "]" * 500, "file.yaml:1: the file is nested too deeply"),
}


@pytest.mark.parametrize(("text", "message"), UNREADABLE.values(), ids=UNREADABLE)
def test_a_file_that_is_not_yaml_is_refused_with_its_line(written: Written, text: str, message: str) -> None:
    with pytest.raises(ConfigurationError) as refused:
        read(written(text))
    assert str(refused.value).startswith(message)


def test_a_missing_file_is_named() -> None:
    with pytest.raises(ConfigurationError, match=r"^plans/none\.yaml: file not found$"):
        read(Path("plans/none.yaml"))


def test_a_folder_is_not_a_file(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match=r"this is a folder; name a file in it$"):
        read(tmp_path)


def test_a_file_in_another_encoding_is_refused_with_its_line(written: Written) -> None:
    path = written("")
    path.write_bytes("product: x\nname: Größe\n".encode("latin-1"))
    with pytest.raises(ConfigurationError, match=r"^file\.yaml:2: the file is not UTF-8: save it as UTF-8$"):
        read(path)


def test_a_byte_order_mark_is_ignored(written: Written) -> None:
    path = written("")
    path.write_bytes(b"\xef\xbb\xbfproduct: x\n")
    assert read(path).tree == {"product": "x"}


def test_folded_lines_are_one_line_without_a_trace(written: Written) -> None:
    assert read(written("a: >-\n  on one\n  line\n\n  and another\nb: c\n")).tree == {
        "a": "on one line\nand another",
        "b": "c",
    }


def test_values_are_what_yaml_1_2_says_and_numbers_keep_their_digits(written: Written) -> None:
    numbers = "price: 0.10\nfar: .inf\ncount: 1_000\nhex: 0x1F\nzeros: 012\n"
    words = 'hour: 09:00\nday: 2026-01-01\nno: no\non: false\ntext: "7"\n'
    source = read(written(numbers + words))
    assert source.tree == {
        "price": Decimal("0.10"),
        "far": ".inf",
        "count": 1000,
        "hex": 31,
        "zeros": 12,
        "hour": "09:00",
        "day": "2026-01-01",
        "no": "no",
        "on": False,
        "text": "7",
    }
    assert isinstance(source.tree, dict)
    assert str(source.tree["price"]) == "0.10"


def test_duplicate_keys_empty_values_and_tags_are_reported_together(written: Written) -> None:
    source = read(written("a: 1\nb:\n  c:\n  d: !secret x\na: 2\n? [x]\n: 1\n"))
    assert str(source.error(())).splitlines() == [
        "file.yaml:3: b.c: is empty: give it a value, or remove it",
        "file.yaml:4: b.d: tags like !secret are not allowed",
        "file.yaml:5: a: the key is listed twice; the first is on line 1",
        "file.yaml:6: a key must be a single word",
    ]
