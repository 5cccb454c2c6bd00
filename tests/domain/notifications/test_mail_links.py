"""A link in a mail names its page, and nobody else can make one."""

import base64
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from uuid import uuid4

import pytest

from domain.billing_flows import BillingFlow
from domain.errors import Rejected
from domain.notifications.mail_links import GOOD_FOR, MailLink, mail_link_url
from domain.notifications.mail_types import Occasion
from domain.notifications.pay_links import PayLink
from domain.signing import SigningSecrets
from domain.subscription.policy import DEFAULT_POLICY

SECRET = SigningSecrets.of("a secret of ours")
LINK = MailLink(
    str(uuid4()), BillingFlow.UNDO_CANCEL, Occasion.CANCELLATION_SCHEDULED, 3, datetime(2026, 12, 29, tzinfo=UTC)
)


@pytest.mark.parametrize("flow", BillingFlow)
@pytest.mark.parametrize("occasion", Occasion)
def test_a_link_is_read_as_it_was_written(flow: BillingFlow, occasion: Occasion) -> None:
    link = replace(LINK, flow=flow, occasion=occasion)

    assert MailLink.read(link.token(SECRET), SECRET) == link


def test_a_link_needs_no_escaping() -> None:
    url = mail_link_url("https://billing.example/", LINK, SECRET)

    path = url.removeprefix("https://billing.example/billing/mail/")
    assert path == LINK.token(SECRET)
    assert set(path) <= set("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_")


def test_a_link_lasts_longer_than_a_subscription_waits_after_its_last_mail() -> None:
    last, end = (step.day for step in DEFAULT_POLICY.recovery[-2:])

    assert timedelta(days=end - last) < GOOD_FOR


def forged() -> dict[str, str]:
    token = LINK.token(SECRET)
    content = base64.urlsafe_b64decode(token + "=" * (-len(token) % 4))
    other = content.replace(b"undo_cancel", b"cancel     ")
    return {
        "another secret": LINK.token(SigningSecrets.of("another secret")),
        "cut short": token[:-1],
        "another page": base64.urlsafe_b64encode(other).decode().rstrip("="),
        "a link to pay": PayLink(LINK.subscription).token(SECRET),
        "an early link to pay": PayLink(LINK.subscription, 3, LINK.expires_at).token(SECRET),
        "nothing": "",
        "not base64": "é<script>",
        "long": "x" * 5000,
    }


@pytest.mark.parametrize("token", forged().values(), ids=forged())
def test_what_we_did_not_sign_for_this_is_refused(token: str) -> None:
    with pytest.raises(Rejected) as refused:
        MailLink.read(token, SECRET)

    assert refused.value.code == "bad_link"
