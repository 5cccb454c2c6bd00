"""What is sent is verified by the library of Standard Webhooks, by either secret while one takes another's place."""

from datetime import UTC, datetime

import pytest
from standardwebhooks.webhooks import Webhook, WebhookVerificationError

from domain.events.signatures import new_secret, signed_headers

BODY = b'{"type":"subscription.renewed"}'


def test_both_signatures_verify_by_the_standards_own_library() -> None:
    current, replaced = new_secret(), new_secret()
    headers = signed_headers([current, replaced], "evt", int(datetime.now(UTC).timestamp()), BODY)

    for secret in (current, replaced):
        assert Webhook(secret).verify(BODY, headers) == {"type": "subscription.renewed"}


def test_neither_another_secret_nor_another_body_verifies() -> None:
    secret = new_secret()
    headers = signed_headers([secret], "evt", int(datetime.now(UTC).timestamp()), BODY)

    for by, body in ((new_secret(), BODY), (secret, BODY + b" ")):
        with pytest.raises(WebhookVerificationError):
            Webhook(by).verify(body, headers)
