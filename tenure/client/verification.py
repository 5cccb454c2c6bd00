"""Whether a webhook comes from Tenure: its signature by Standard Webhooks 1.0.0, and its age."""

import base64
import binascii
import hashlib
import hmac
import json
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Final

from tenure.client.errors import CannotSend, InvalidSignature, UnreadableEvent
from tenure.client.events import TenureEvent, event_from

TOLERANCE: Final = timedelta(minutes=5)
_PREFIX: Final = "whsec_"
_VERSION: Final = "v1"


def verified_event(
    body: bytes,
    headers: Mapping[str, str],
    secrets: str | Sequence[str],
    *,
    tolerance: timedelta = TOLERANCE,
    now: datetime | None = None,
) -> TenureEvent:
    """Return the event of a webhook, once it is certain that Tenure sent it, and sent it now.

    Args:
        body: of the request, byte by byte: JSON that was parsed and written again has another signature.
        headers: of the request; the case of their names does not matter.
        secrets: of the endpoint, `whsec_...`; several while one replaces another.
        tolerance: how far the time of sending may be from *now*, so that nobody can send a recorded one again.
        now: the current time, if not the clock's.

    Raises:
        InvalidSignature: answer it with 400. Code `signature_missing`, `signature_differs`, `too_old` or `too_new`.
        UnreadableEvent: Tenure sent it, and it is no event.
        CannotSend: code `no_secret`; a secret is missing, or is none of Tenure's.

    """
    named = {name.lower(): value for name, value in headers.items()}
    try:
        message, sent_at, signatures = (named[f"webhook-{part}"] for part in ("id", "timestamp", "signature"))
        seconds = int(sent_at)
    except (KeyError, ValueError):
        raise InvalidSignature(
            "the headers webhook-id, webhook-timestamp and webhook-signature are missing or make no sense",
            code="signature_missing",
        ) from None
    signed = b".".join((message.encode(), sent_at.encode(), body))
    if not _is_signed(signed, signatures, _keys(secrets)):
        raise InvalidSignature("no secret has made this signature", code="signature_differs")
    _check_age(seconds, tolerance, now or datetime.now(UTC))
    try:
        return event_from(json.loads(body))
    except ValueError as error:
        raise UnreadableEvent(f"this is no JSON: {error}", code="unreadable_event") from error


def _keys(secrets: str | Sequence[str]) -> list[bytes]:
    listed = [secrets] if isinstance(secrets, str) else list(secrets)
    try:
        keys = [base64.b64decode(secret.strip().removeprefix(_PREFIX), validate=True) for secret in listed]
    except (binascii.Error, ValueError):
        keys = []
    if not keys or not all(keys):
        raise CannotSend("give the secret of the endpoint: whsec_ and what follows it", code="no_secret")
    return keys


def _is_signed(signed: bytes, signatures: str, keys: Sequence[bytes]) -> bool:
    """Compare each signature to each secret's, in a time that tells nothing of how much is right."""
    given = [each.partition(",")[2] for each in signatures.split() if each.startswith(f"{_VERSION},")]
    made = [base64.b64encode(hmac.new(key, signed, hashlib.sha256).digest()) for key in keys]
    matches = [hmac.compare_digest(one.encode(), each) for one in given for each in made]
    return any(matches)


def _check_age(sent_at: int, tolerance: timedelta, now: datetime) -> None:
    age = now.timestamp() - sent_at
    if age > tolerance.total_seconds():
        raise InvalidSignature(f"this was sent {age:.0f} s ago", code="too_old")
    if -age > tolerance.total_seconds():
        raise InvalidSignature(f"this was sent {-age:.0f} s from now: is the clock right?", code="too_new")
