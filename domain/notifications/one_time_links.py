"""Tokens of one-time links: derived from a secret of ours, so that the link itself need not be stored."""

import base64
import hashlib
import hmac

_PURPOSE = b"tenure/billing/1"


def one_time_token(secret: str, *parts: str) -> str:
    """Returns 256 bits for a URL that only the holder of *secret* can make, always the same for the same *parts*."""
    message = b"\0".join((_PURPOSE, *(part.encode() for part in parts)))
    digest = hmac.new(secret.encode(), message, hashlib.sha256).digest()
    return base64.urlsafe_b64encode(digest).decode().rstrip("=")


def mailed_token(secret: str, mail: str) -> str:
    """Returns the token of the link in a mail, by the mail's id."""
    return one_time_token(secret, "mail", mail)


def enter_url(public_url: str, token: str) -> str:
    """Returns the URL of a one-time link to the billing pages."""
    return f"{public_url.rstrip('/')}/billing/enter/{token}"
