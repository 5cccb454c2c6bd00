"""The port for what is stored encrypted."""

from dataclasses import dataclass, field
from typing import Protocol

from domain.errors import GatewayUnavailable


@dataclass(frozen=True)
class Encrypted:
    """Some bytes, encrypted."""

    key_id: str
    """Of the key that encrypted them."""
    ciphertext: bytes = field(repr=False)


class Encryption(Protocol):
    """Encrypts and decrypts by a list of keys: the first encrypts, all decrypt."""

    @property
    def key_ids(self) -> tuple[str, ...]:
        """The ids of all keys, that of the first one first. An id tells nothing about its key."""
        ...

    def encrypt(self, plaintext: bytes, about: str) -> Encrypted:
        """Encrypt. *about* names what the bytes belong to: elsewhere they do not decrypt."""
        ...

    def decrypt(self, encrypted: Encrypted, about: str) -> bytes:
        """Decrypt what `encrypt` returned for the same *about*.

        Raises:
            MissingKey: none of the keys encrypted it.
            ValueError: it was changed, or belongs to something else.
        """
        ...


class MissingKey(GatewayUnavailable):
    """What is stored was encrypted by a key that this process does not have; another process may have it."""

    code = "secret_key_missing"
