"""One mailbox is one mailbox, however its address is written."""

from string import ascii_letters, digits

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.notifications.mailboxes import canonical_mail

ADDRESSES = st.builds(
    "{}@{}".format,
    st.text("aA1.+-", min_size=1, max_size=12) | st.text(ascii_letters + digits + "!#$%&'*/=?^_`{|}~", min_size=1),
    st.sampled_from(["gmail.com", "GoogleMail.com", "Example.COM", "xn--Strae-OQA.example", "straße.example"]),
)
"""`st.emails` takes ten times as long, and writes next to no tags and dots, and nobody at Gmail."""


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


@given(ADDRESSES | st.text())
def test_what_is_canonical_stays_so(address: str) -> None:
    once = canonical_mail(address)
    assert canonical_mail(once) == once
