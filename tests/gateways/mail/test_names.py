"""A name is only a name: whatever customers enter, it breaks no header, sentence or page."""

import re
from dataclasses import replace
from functools import cache

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from domain.formatting import one_line
from domain.notifications.mail_types import Occasion
from tests.gateways.mails import ADA, FULL_FACTS, Reader, assert_both_say, renderer

NAMES = ("plan_name", "old_plan_name", "meter_name", "invoice_number", "card_exp")


@pytest.mark.parametrize(
    "name",
    [
        "Ada\r\nBcc: eve@example.com",
        "<script>alert(1)</script>",
        "{{ brand }}{% raw %}",
        "A" * 300,
        "\ud800\u202eAda\u2066\x00",
        "🎉 Ada 👩‍🚀",
        "Visit https://evil.example now",
        "win at evil.example",
    ],
)
@pytest.mark.parametrize("occasion", Occasion)
def test_a_name_is_only_ever_a_name(occasion: Occasion, name: str) -> None:
    mail = renderer().render(occasion, FULL_FACTS, replace(ADA, name=name))

    assert "\n" not in mail.subject
    assert "\r" not in mail.subject + mail.text
    assert "<script" not in mail.html
    assert "evil.example" not in mail.text + mail.html
    assert "A" * 61 not in mail.text + mail.html
    assert not re.search("[\ud800\u202e\u2066\x00]", mail.text + mail.html)
    mail.text.encode()
    mail.html.encode()


@given(name=st.text(max_size=80), locale=st.sampled_from(["en", "de"]), occasion=st.sampled_from(Occasion))
@settings(max_examples=300, deadline=None)
def test_no_name_of_a_customer_a_plan_or_a_meter_breaks_a_mail(name: str, locale: str, occasion: Occasion) -> None:
    # A name without visible characters is a missing fact, which other tests cover.
    facts = FULL_FACTS | dict.fromkeys(NAMES, f"{name} Ada")
    mail = renderer().render(occasion, facts, replace(ADA, name=name, locale=locale))

    assert mail.subject == one_line(mail.subject, 150)
    assert len(mail.text.splitlines()) == len(mail.text.split("\n")) - 1, "no line ends but our own"
    assert _shape(mail.html) == _plain_shape(occasion, locale)
    mail.text.encode()
    mail.html.encode()


def _shape(html: str) -> tuple[list[str], list[str]]:
    """The structure and the links of a page, whatever its content."""
    reader = Reader()
    reader.feed(html)
    return reader.tags, reader.addresses


@cache
def _plain_shape(occasion: Occasion, locale: str) -> tuple[list[str], list[str]]:
    """As it is for a name that nobody minds."""
    facts = FULL_FACTS | dict.fromkeys(NAMES, "Ada")
    return _shape(renderer().render(occasion, facts, replace(ADA, name="Ada", locale=locale)).html)


def test_an_emoji_stays_in_a_name() -> None:
    mail = renderer().render(Occasion.CANCELED, FULL_FACTS, replace(ADA, name="Ada 👩‍🚀"))
    assert_both_say(mail, "Hello Ada 👩‍🚀,")
