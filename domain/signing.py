"""The secrets that sign links: a list, so that one can be replaced while links of the other still work."""

import hashlib
import hmac
from dataclasses import dataclass, field


@dataclass(frozen=True)
class SigningSecrets:
    """The first signs, all verify."""

    secrets: tuple[str, ...] = field(repr=False)

    @classmethod
    def of(cls, *secrets: str) -> "SigningSecrets":
        return cls(secrets)

    def sign(self, message: bytes) -> bytes:
        """Returns the signature of a message: 32 bytes."""
        return _signature(self.secrets[0], message)

    def signatures(self, message: bytes) -> list[bytes]:
        """Returns the signatures by all secrets, ours first."""
        return [_signature(secret, message) for secret in self.secrets]

    def verify(self, message: bytes, signature: bytes) -> bool:
        """True if one of the secrets made this signature."""
        return any(hmac.compare_digest(signature, ours) for ours in self.signatures(message))


def _signature(secret: str, message: bytes) -> bytes:
    return hmac.new(secret.encode(), message, hashlib.sha256).digest()
