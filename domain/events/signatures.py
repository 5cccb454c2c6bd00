"""Signatures of what is sent to products, as Standard Webhooks 1.0.0 describes them."""

import base64
import hashlib
import hmac
import secrets
from collections.abc import Sequence
from typing import Final

PREFIX: Final = "whsec_"
SECRET_BYTES: Final = 32
ID_HEADER: Final = "webhook-id"
TIMESTAMP_HEADER: Final = "webhook-timestamp"
SIGNATURE_HEADER: Final = "webhook-signature"


def new_secret() -> str:
    """Returns a new random secret: `whsec_` and 32 bytes in base64."""
    return PREFIX + base64.b64encode(secrets.token_bytes(SECRET_BYTES)).decode()


def signed_headers(secrets_: Sequence[str], message: str, timestamp: int, body: bytes) -> dict[str, str]:
    """Returns the headers of one message, with a signature by each secret.

    Args:
        secrets_: as `new_secret` returns them.
        message: the message's id, the same each time that it is sent.
        timestamp: of this attempt, in seconds since 1970.
        body: what is sent, byte by byte.

    """
    signed = b".".join((message.encode(), str(timestamp).encode(), body))
    return {
        ID_HEADER: message,
        TIMESTAMP_HEADER: str(timestamp),
        SIGNATURE_HEADER: " ".join(_signature(secret, signed) for secret in secrets_),
    }


def _signature(secret: str, signed: bytes) -> str:
    key = base64.b64decode(secret.removeprefix(PREFIX))
    return "v1," + base64.b64encode(hmac.new(key, signed, hashlib.sha256).digest()).decode()
