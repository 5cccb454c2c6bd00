"""One mailbox is one mailbox, however its address is written."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.notifications.mailboxes import canonical_mail


@pytest.mark.parametrize(
    ("one", "other"),
    [
        pytest.param("Ada@Example.COM", "ada@example.com", id="case"),
        pytest.param("ada+trial2@example.com", "ada@example.com", id="tag"),
        pytest.param("ada+a+b@example.com", "ada@example.com", id="two-tags"),
        pytest.param("a.da@gmail.com", "ada@gmail.com", id="dots-at-gmail"),
        pytest.param("A.D.A+x.y@GoogleMail.com", "ada@gmail.com", id="all-of-it-at-gmail"),
        pytest.param("straße@example.com", "STRASSE@example.com", id="sharp-s"),
        pytest.param("Ada@XN--Strae-OQA.example", "ada@xn--strae-oqa.example", id="case-of-a-domain-in-ascii"),
        pytest.param("\uff41da@example.com", "ada@example.com", id="wide-letters"),
    ],
)
def test_two_ways_to_write_a_mailbox_are_one(one: str, other: str) -> None:
    assert canonical_mail(one) == canonical_mail(other)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        pytest.param("ada@example.com", "grace@example.com", id="name"),
        pytest.param("ada@example.com", "ada@example.org", id="domain"),
        pytest.param("a.da@example.com", "ada@example.com", id="dots-elsewhere"),
        pytest.param("ada@gmail.com", "ada@mail.gmail.com", id="beneath-gmail"),
        pytest.param("ada@xn--strae-oqa.example", "ada@strasse.example", id="sharp-s-in-a-domain"),
        pytest.param("+ada@example.com", "+grace@example.com", id="nothing-before-the-plus"),
        pytest.param("+ada@gmail.com", "+grace@gmail.com", id="nothing-before-the-plus-at-gmail"),
    ],
)
def test_two_mailboxes_stay_two(one: str, other: str) -> None:
    assert canonical_mail(one) != canonical_mail(other)


@given(st.emails() | st.text())
def test_what_is_canonical_stays_so(address: str) -> None:
    once = canonical_mail(address)
    assert canonical_mail(once) == once
