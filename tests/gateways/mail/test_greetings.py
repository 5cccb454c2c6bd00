"""Customers are greeted by their name unless it contains a link."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.notifications.mail_types import Occasion
from gateways.mail.greetings import greeting_name
from tests.gateways.mails import ADA, FULL_FACTS, a_reader, assert_both_say, renderer


@pytest.mark.parametrize(
    "name",
    [
        *("J.Smith", "Dr.Müller", "St.John", "j.smith", "J.R.R.Tolkien", "John.Smith", "JOHN.SMITH", "Prof.Dr.Müller"),
        *("Dr.med.Müller", "Hans-J.Müller", "D.O'Brien", "St.John-Smith", "J.Li", "J.Page", "M.A.", "Ph.D. Ada"),
        *("O'Neil,J.Smith", "A.Smith/B.Jones", "王.小明", "Ma.Theresa", "Ada L.", "Sammy Davis Jr.", "Acme Co.Ltd"),
    ],
)
def test_a_name_with_dots_is_a_name(name: str) -> None:
    assert greeting_name(name) == name


@pytest.mark.parametrize(
    "name",
    [
        *("evil.com", "EVIL.COM", "Evil.Com", "X.Com", "evil.example", "Evil.Co.Uk", "Win at Evil.Shop", "bit.ly/abc"),
        *(
            "T.Co/x",
            "www.evil.de",
            "WWW.evil",
            "1.2.3.4",
            "http://1.2.3.4",
            "evil。com",
            "evil\u200b.com",
            "ｅｖｉｌ．ｃｏｍ",
        ),
        *("ada@evil.example", "J.Smith evil.com", "evil.com:80", "free.xn--p1ai", "Free money: cash.win!", "окна.рф"),
    ],
)
def test_a_name_with_a_link_is_left_out(name: str) -> None:
    assert greeting_name(name) == ""


def test_a_greeting_has_the_name_with_its_dots() -> None:
    for name in ("J.Smith", "Dr.Müller", "St.John"):
        mail = renderer().render(Occasion.CANCELED, FULL_FACTS, a_reader("en", name))
        assert_both_say(mail, f"Hello {name},")
    assert_both_say(renderer().render(Occasion.CANCELED, FULL_FACTS, ADA), "Hello Ada Lovelace,")


@given(st.text(max_size=70))
def test_no_name_breaks_a_greeting(name: str) -> None:
    assert len(greeting_name(name)) <= 60
    assert "://" not in greeting_name(name)
