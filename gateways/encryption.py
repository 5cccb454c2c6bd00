"""Encryption of what is stored, by AES-256-GCM under keys that are derived from the installation's secrets."""

import os
from collections.abc import Sequence
from typing import Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from domain.encryption import Encrypted, MissingKey

_KEY, _KEY_ID = b"tenure/encryption/1/key", b"tenure/encryption/1/id"
"""What the derived bytes are for. What is stored depends on them: they never change."""
_KEY_BYTES: Final = 32
_ID_BYTES: Final = 6
_NONCE_BYTES: Final = 12


class AesGcmEncryption:
    """Implements `domain.encryption.Encryption`. A ciphertext is 12 random bytes, the encrypted bytes and 16 of tag."""

    def __init__(self, secrets: Sequence[str]) -> None:
        self._keys = {_derived(secret, _KEY_ID, _ID_BYTES).hex(): _cipher(secret) for secret in secrets}
        self.key_ids = tuple(self._keys)

    def encrypt(self, plaintext: bytes, about: str) -> Encrypted:
        key_id, nonce = self.key_ids[0], os.urandom(_NONCE_BYTES)
        return Encrypted(key_id, nonce + self._keys[key_id].encrypt(nonce, plaintext, about.encode()))

    def decrypt(self, encrypted: Encrypted, about: str) -> bytes:
        key = self._keys.get(encrypted.key_id)
        if key is None:
            raise MissingKey(f"none of the keys that this process has encrypted this: key {encrypted.key_id} did")
        nonce, rest = encrypted.ciphertext[:_NONCE_BYTES], encrypted.ciphertext[_NONCE_BYTES:]
        try:
            return key.decrypt(nonce, rest, about.encode())
        except InvalidTag:
            raise ValueError(f"what is stored of {about} was changed, or belongs to something else") from None


def _cipher(secret: str) -> AESGCM:
    return AESGCM(_derived(secret, _KEY, _KEY_BYTES))


def _derived(secret: str, purpose: bytes, length: int) -> bytes:
    # Secrets are long and random (`configuration.setting_kinds`), so that nothing slower is needed.
    return HKDF(SHA256(), length=length, salt=None, info=purpose).derive(secret.encode())
