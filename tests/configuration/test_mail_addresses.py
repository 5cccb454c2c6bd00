"""Addresses are written one way from the edge on: the domain in ASCII, as IDNA 2008 has it."""

import pytest

from configuration.mail_addresses import mail_address, searched_address, shown_address


@pytest.mark.parametrize(
    ("typed", "kept", "shown"),
    [
        ("a@straße.example", "a@xn--strae-oqa.example", "a@straße.example"),
        ("a@STRASSE.example", "a@strasse.example", "a@strasse.example"),
        ("a@xn--strae-oqa.example", "a@xn--strae-oqa.example", "a@straße.example"),
        ("Ada.L@faß.de", "Ada.L@xn--fa-hia.de", "Ada.L@faß.de"),
        ("a@βόλος.example", "a@xn--nxasmm1c.example", "a@βόλος.example"),
        ("a@Bücher.example", "a@xn--bcher-kva.example", "a@bücher.example"),
        ("a@ｅxample.com", "a@example.com", "a@example.com"),
        ("a@例え。テスト", "a@xn--r8jz45g.xn--zckzah", "a@例え.テスト"),
    ],
)
def test_a_domain_is_stored_in_ascii_and_shown_in_its_letters(typed: str, kept: str, shown: str) -> None:
    assert mail_address(typed) == kept
    assert shown_address(kept) == shown
    assert mail_address(shown) == kept, "what is shown can be typed again"


@pytest.mark.parametrize(
    ("typed", "why"),
    [
        ("jürgen@example.com", "before the @-sign are not supported"),
        ("ada\u200d@example.com", "ZERO WIDTH JOINER"),
        ("a@exa\u200dmple.com", "unsafe"),
        ("a@☃.example", "not allowed"),
        ("a@xn--a.example", "not valid IDNA"),
        ("=?utf-8?q?Ada=0D=0ABcc=3Ax?=@example.com", r"must not contain '=\?'"),
        ("a@" + "ü" * 63 + ".example", "too long"),
        ("ada", "@-sign"),
    ],
)
def test_an_unreachable_address_is_refused_with_the_reason(typed: str, why: str) -> None:
    with pytest.raises(ValueError, match=why):
        mail_address(typed)


def test_an_invalid_address_is_shown_as_it_is() -> None:
    assert shown_address("a@xn--a.example") == "a@xn--a.example"


@pytest.mark.parametrize(
    ("typed", "kept"),
    [
        ("straße", "xn--strae-oqa"),
        ("@straße.exa", "@xn--strae-oqa.exa"),
        ("Ada@Straße.example", "Ada@xn--strae-oqa.example"),
        ("☃", "☃"),
        ("jürgen@example.com", "jürgen@example.com"),
        ("strasse", None),
    ],
)
def test_a_search_in_letters_finds_what_is_stored_in_ascii(typed: str, kept: str | None) -> None:
    assert searched_address(typed) == kept
