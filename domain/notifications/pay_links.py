"""Signed links in mails of earlier releases, which open a subscription's payment page without a login."""

import base64
import hashlib
import struct
from dataclasses import dataclass
from datetime import UTC, datetime
from uuid import UUID

from domain.errors import Rejected
from domain.signing import SigningSecrets

_PURPOSE = b"tenure/pay/2"
"""Part of what is signed, so that signatures for other purposes are not valid here."""
_FIRST_PURPOSE = b"tenure/pay/1"
"""For links with the id alone, mailed before links could expire or be replaced. They are still valid."""
_ABOUT = struct.Struct(">16sIQ")
"""Subscription, generation, and expiry in seconds since 1970."""
_ID_LENGTH = 16
_SIGNATURE_LENGTH = hashlib.sha256().digest_size


@dataclass(frozen=True)
class PayLink:
    """The content of a payment link."""

    subscription: str
    generation: int = 0
    """Renewing a subscription's links increments it: links of an earlier generation are invalid."""
    expires_at: datetime | None = None
    """None: never, as it was mailed before links had an expiry."""

    def token(self, secrets: SigningSecrets) -> str:
        """Returns the token for a URL: 80 characters that need no escaping."""
        expires = int(self.expires_at.timestamp()) if self.expires_at is not None else 0
        about = _ABOUT.pack(UUID(self.subscription).bytes, self.generation, expires)
        return base64.urlsafe_b64encode(about + secrets.sign(_PURPOSE + about)).decode()

    @classmethod
    def read(cls, token: str, secrets: SigningSecrets) -> "PayLink":
        """Decodes a token; the caller checks whether it is still valid.

        Raises:
            Rejected: code `bad_link`; none of these secrets signed the token.
        """
        try:
            carried = base64.b64decode(token, altchars=b"-_", validate=True)
        except ValueError:
            carried = b""
        about, signature = carried[:-_SIGNATURE_LENGTH], carried[-_SIGNATURE_LENGTH:]
        if len(about) == _ABOUT.size and secrets.verify(_PURPOSE + about, signature):
            id_, generation, expires = _ABOUT.unpack(about)
            return cls(str(UUID(bytes=id_)), generation, datetime.fromtimestamp(expires, UTC) if expires else None)
        if len(about) == _ID_LENGTH and secrets.verify(_FIRST_PURPOSE + about, signature):
            return cls(str(UUID(bytes=about)))
        raise Rejected("this link is not ours", code="bad_link")
