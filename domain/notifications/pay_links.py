"""Links in mails that open a payment page without a login: a subscription's id, signed by us."""

import base64
import hashlib
import hmac
import struct
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from uuid import UUID

from domain.errors import Rejected

GOOD_FOR = timedelta(days=45)
"""From the mail on: longer than a subscription waits after its last mail under the default policy (30 days)."""

_PURPOSE = b"tenure/pay/2"
"""Signed along with the rest, so that a signature made for another purpose opens nothing here."""
_FIRST_PURPOSE = b"tenure/pay/1"
"""Of links that carry the id alone. They were mailed before links could expire or be replaced, and still open."""
_ABOUT = struct.Struct(">16sIQ")
"""Subscription, generation, and when it expires, in seconds since 1970."""
_ID_LENGTH = 16
_SIGNATURE_LENGTH = hashlib.sha256().digest_size


@dataclass(frozen=True)
class PayLink:
    """What a link in a mail stands for."""

    subscription: str
    generation: int = 0
    """A subscription's links are replaced by renewing them: those of an earlier generation open nothing."""
    expires_at: datetime | None = None
    """None: never, as it was mailed before links expired."""

    def token(self, secret: str) -> str:
        """The token that stands for it in an address: 80 characters that fit in as they are."""
        expires = int(self.expires_at.timestamp()) if self.expires_at is not None else 0
        about = _ABOUT.pack(UUID(self.subscription).bytes, self.generation, expires)
        return base64.urlsafe_b64encode(about + _signature(_PURPOSE, about, secret)).decode()

    @classmethod
    def read(cls, token: str, secret: str) -> "PayLink":
        """What a token stands for; whether it is still good is for the caller to say.

        Raises:
            Rejected: code `bad_link`; the token was not made by us with this secret.
        """
        try:
            carried = base64.b64decode(token, altchars=b"-_", validate=True)
        except ValueError:
            carried = b""
        about, signature = carried[:-_SIGNATURE_LENGTH], carried[-_SIGNATURE_LENGTH:]
        if len(about) == _ABOUT.size and hmac.compare_digest(signature, _signature(_PURPOSE, about, secret)):
            id_, generation, expires = _ABOUT.unpack(about)
            return cls(str(UUID(bytes=id_)), generation, datetime.fromtimestamp(expires, UTC) if expires else None)
        if len(about) == _ID_LENGTH and hmac.compare_digest(signature, _signature(_FIRST_PURPOSE, about, secret)):
            return cls(str(UUID(bytes=about)))
        raise Rejected("this link is not one of ours", code="bad_link")


def pay_url(public_url: str, link: PayLink, secret: str) -> str:
    """The address that opens a payment page for a subscription."""
    return f"{public_url.rstrip('/')}/pay/{link.token(secret)}"


def _signature(purpose: bytes, about: bytes, secret: str) -> bytes:
    return hmac.new(secret.encode(), purpose + about, hashlib.sha256).digest()
