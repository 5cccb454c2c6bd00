"""Types of request fields, without a server."""

import pytest

from api.http.fields import language_tag
from configuration.timezones import is_timezone
from localization.formats import locale_of


@pytest.mark.parametrize(
    ("text", "tag", "read_as"),
    [
        ("de", "de", "de"),
        ("pt-br", "pt-br", "pt_BR"),
        ("pt_BR", "pt-BR", "pt_BR"),
        ("de_DE.UTF-8", "de-DE", "de_DE"),
        ("de_DE@euro", "de-DE", "de_DE"),
        ("en-US-u-hc-h23", "en-US-u-hc-h23", "en_US"),
        ("en_US_u_hc_h23", "en-US-u-hc-h23", "en_US"),
        ("zh_hant_TW", "zh-Hant-TW", "zh_Hant_TW"),
        ("es-419", "es-419", "es_419"),
        ("sl-rozaj-biske", "sl-rozaj-biske", "sl"),
        ("de-CH-1996-x-tenure-1", "de-CH-1996-x-tenure-1", "de_CH"),
        ("qq_QQ", "qq-QQ", None),
    ],
)
def test_a_locale_is_stored_as_a_tag_and_resolved_to_the_nearest_known(
    text: str, tag: str, read_as: str | None
) -> None:
    assert language_tag(text) == tag
    known = locale_of(tag)
    assert (str(known) if known is not None else None) == read_as


def test_of_a_tag_only_what_a_locale_can_have_is_looked_at() -> None:
    """To try each of a million beginnings would take days; browsers send tags before anybody has signed in."""
    assert str(locale_of("de-CH" + "-x" * 1_000_000)) == "de_CH"
    assert locale_of("qq-" * 1_000_000) is None


@pytest.mark.parametrize(
    "text",
    ["", "C", "d", "de-", "de--DE", "de-u", "german!", "english", "Deutsch", "POSIX", "12", "-de", "dé", "x" * 9],
)
def test_an_invalid_locale_is_reported(text: str) -> None:
    assert language_tag(text) is None


@pytest.mark.parametrize(
    "name", ["Europe/Berlin", "UTC", "Etc/GMT+5", "America/Argentina/Buenos_Aires", "Asia/Calcutta"]
)
def test_zones_of_the_iana_database_are_zones(name: str) -> None:
    assert is_timezone(name)
