"""Links in mails that open a payment page without a login: a subscription's id, signed by us."""

import base64
import hashlib
import hmac
from uuid import UUID

from domain.errors import Rejected

_PURPOSE = b"tenure/pay/1"
"""Signed along with the id, so that a signature made for another purpose opens nothing here."""
_ID_LENGTH = 16


def pay_token(subscription_id: str, secret: str) -> str:
    """The token that stands for a subscription in a link: 64 characters that fit into an address as they are."""
    about = UUID(subscription_id).bytes
    return base64.urlsafe_b64encode(about + _signature(about, secret)).decode()


def read_pay_token(token: str, secret: str) -> str:
    """The id of the subscription that a token stands for.

    Raises:
        Rejected: code `bad_link`; the token was not made by us with this secret.
    """
    try:
        carried = base64.b64decode(token, altchars=b"-_", validate=True)
    except ValueError:
        carried = b""
    about, signature = carried[:_ID_LENGTH], carried[_ID_LENGTH:]
    if len(about) < _ID_LENGTH or not hmac.compare_digest(signature, _signature(about, secret)):
        raise Rejected("this link is not one of ours", code="bad_link")
    return str(UUID(bytes=about))


def pay_url(public_url: str, subscription_id: str, secret: str) -> str:
    """The address that opens a payment page for a subscription."""
    return f"{public_url.rstrip('/')}/pay/{pay_token(subscription_id, secret)}"


def _signature(about: bytes, secret: str) -> bytes:
    return hmac.new(secret.encode(), _PURPOSE + about, hashlib.sha256).digest()
