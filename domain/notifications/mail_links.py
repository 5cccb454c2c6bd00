"""Signed links in mails: each opens one page of one subscription without a login, as often as it is needed."""

import base64
import hashlib
import struct
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from uuid import UUID

from domain.billing_flows import BillingFlow
from domain.errors import Rejected
from domain.notifications.mail_types import Occasion
from domain.signing import SigningSecrets

GOOD_FOR = timedelta(days=31)
"""A day longer than a subscription waits after its last mail by the default policy: that mail says until when."""

_PURPOSE = b"tenure/mail/1"
"""Part of what is signed: links for other purposes, as those to a payment page, are not valid here."""
_FIXED = struct.Struct(">16sIQ")
"""Subscription, generation, and expiry in seconds since 1970; flow and occasion follow as text."""
_SIGNATURE_LENGTH = hashlib.sha256().digest_size


@dataclass(frozen=True)
class MailLink:
    """The content of a link."""

    subscription: str
    flow: BillingFlow
    """What its page is for."""
    occasion: Occasion
    """The mail that it is in."""
    generation: int
    """Renewing a subscription's links increments it: links of an earlier generation are invalid."""
    expires_at: datetime

    def token(self, secrets: SigningSecrets) -> str:
        """Returns the token for a URL, which needs no escaping."""
        fixed = _FIXED.pack(UUID(self.subscription).bytes, self.generation, int(self.expires_at.timestamp()))
        about = fixed + f"{self.flow} {self.occasion}".encode()
        return base64.urlsafe_b64encode(about + secrets.sign(_PURPOSE + about)).decode().rstrip("=")

    @classmethod
    def read(cls, token: str, secrets: SigningSecrets) -> "MailLink":
        """Decodes a token; the caller checks whether it is still valid.

        Raises:
            Rejected: code `bad_link`; none of these secrets signed the token, or we do not know its page any more.
        """
        try:
            carried = base64.b64decode(token + "=" * (-len(token) % 4), altchars=b"-_", validate=True)
        except ValueError:
            carried = b""
        about, signature = carried[:-_SIGNATURE_LENGTH], carried[-_SIGNATURE_LENGTH:]
        if secrets.verify(_PURPOSE + about, signature):
            with suppress(ValueError):  # of another release: it names what we do not know
                return cls._of(about)
        raise Rejected("this link is not ours", code="bad_link")

    @classmethod
    def _of(cls, about: bytes) -> "MailLink":
        id_, generation, expires = _FIXED.unpack_from(about)
        flow, occasion = about[_FIXED.size :].decode().split(" ")
        expires_at = datetime.fromtimestamp(expires, UTC)
        return cls(str(UUID(bytes=id_)), BillingFlow(flow), Occasion(occasion), generation, expires_at)


def mail_link_url(public_url: str, link: MailLink, secrets: SigningSecrets) -> str:
    """Returns the URL of a link's page."""
    return f"{public_url.rstrip('/')}/billing/mail/{link.token(secrets)}"
