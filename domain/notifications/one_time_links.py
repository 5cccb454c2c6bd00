"""Tokens of one-time links: derived from our own secret, so that the link itself need not be stored."""

import base64

from domain.signing import SigningSecrets

_PURPOSE = b"tenure/billing/1"


def one_time_tokens(secrets: SigningSecrets, *parts: str) -> list[str]:
    """Returns 256 bits for a URL that only the holder of a secret can make, always the same for the same *parts*.

    One for each secret: the first is for new links, the others are of links made before a secret was replaced.
    """
    message = b"\0".join((_PURPOSE, *(part.encode() for part in parts)))
    return [base64.urlsafe_b64encode(digest).decode().rstrip("=") for digest in secrets.signatures(message)]


def mailed_tokens(secrets: SigningSecrets, mail: str) -> list[str]:
    """Returns the tokens of the link in a mail, by the mail's id; the first is mailed."""
    return one_time_tokens(secrets, "mail", mail)


def enter_url(public_url: str, token: str) -> str:
    """Returns the URL of a one-time link to the billing pages."""
    return f"{public_url.rstrip('/')}/billing/enter/{token}"


def sign_in_url(public_url: str, token: str) -> str:
    """Returns the URL of a one-time link that signs an operator in to the console."""
    return f"{public_url.rstrip('/')}/console/enter/{token}"
