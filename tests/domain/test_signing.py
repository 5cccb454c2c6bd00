"""The first secret signs, all verify, also while one is replaced by another."""

from uuid import uuid4

import pytest

from domain.errors import Rejected
from domain.notifications.one_time_links import mailed_tokens, one_time_tokens
from domain.notifications.pay_links import PayLink
from domain.signing import SigningSecrets

OLD, NEW = SigningSecrets.of("the old one"), SigningSecrets.of("the new one")
BOTH = SigningSecrets.of("the new one", "the old one")
LINK = PayLink(str(uuid4()), 2)


def test_the_first_secret_signs() -> None:
    assert BOTH.sign(b"content") == NEW.sign(b"content") != OLD.sign(b"content")
    assert LINK.token(BOTH) == LINK.token(NEW)


def test_all_secrets_verify() -> None:
    for signer in (OLD, NEW):
        assert BOTH.verify(b"content", signer.sign(b"content"))
        assert PayLink.read(LINK.token(signer), BOTH) == LINK
    assert not BOTH.verify(b"other content", OLD.sign(b"content"))
    assert not BOTH.verify(b"content", b"")


def test_a_secret_that_was_taken_away_verifies_no_more() -> None:
    with pytest.raises(Rejected) as refused:
        PayLink.read(LINK.token(OLD), NEW)

    assert refused.value.code == "bad_link"


def test_one_time_tokens_are_those_of_each_secret_the_first_ones_first() -> None:
    assert one_time_tokens(BOTH, "a", "b") == one_time_tokens(NEW, "a", "b") + one_time_tokens(OLD, "a", "b")
    assert mailed_tokens(BOTH, "mail")[0] == mailed_tokens(NEW, "mail")[0]
    assert one_time_tokens(BOTH, "a", "b") != one_time_tokens(BOTH, "ab")


def test_secrets_are_not_shown() -> None:
    assert "the old one" not in repr(OLD)
