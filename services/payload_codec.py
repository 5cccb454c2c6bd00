"""Encrypts what Temporal stores of workflows: arguments, results, memos, summaries and the words of failures.

An encrypted payload holds another one: 12 random bytes, then, by AES-256-GCM, one byte that says whether what follows
is compressed, the payload, and 16 bytes of tag. What is stored depends on it: it never changes.
"""

import base64
import hashlib
import os
import zlib
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final, Self

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from temporalio.api.common.v1 import Payload
from temporalio.converter import DataConverter, DefaultFailureConverterWithEncodedAttributes, PayloadCodec

from domain.errors import GatewayUnavailable
from services.payload_converter import SparsePayloadConverter

ENCODING: Final = b"binary/encrypted"
KEY_ID: Final = "encryption-key-id"
_PLAIN, _COMPRESSED = b"\0", b"\1"
_NONCE_BYTES: Final = 12


class PayloadKeyMissing(GatewayUnavailable):
    """A payload was encrypted under a key that this process does not have, or has another of that name."""

    code = "payload_key_missing"


@dataclass(frozen=True)
class PayloadKey:
    """A key by its name, which stands in the clear on each payload."""

    id: str
    key: bytes = field(repr=False)

    @classmethod
    def of(cls, text: str) -> Self:
        """Read `name:base64`, as `configuration.setting_kinds.PayloadKeys` has checked it."""
        name, _, key = text.partition(":")
        return cls(name, base64.b64decode(key))

    @property
    def fingerprint(self) -> str:
        """What may be stored to tell whether a key is the same."""
        return hashlib.sha256(b"tenure/payload-key/1" + self.key).hexdigest()


class EncryptedPayloads(PayloadCodec):
    """The first key encrypts, all decrypt. What is not encrypted stays as it is: it was written without keys."""

    def __init__(self, keys: Sequence[PayloadKey]) -> None:
        self._first = keys[0].id
        self._ciphers = {one.id: AESGCM(one.key) for one in keys}

    async def encode(self, payloads: Sequence[Payload]) -> list[Payload]:
        return [self._encrypted(one) for one in payloads]

    async def decode(self, payloads: Sequence[Payload]) -> list[Payload]:
        """Decrypt.

        Raises:
            PayloadKeyMissing: there is no key for one of them, or not the right one.
        """
        return [self._decrypted(one) if one.metadata.get("encoding") == ENCODING else one for one in payloads]

    def _encrypted(self, payload: Payload) -> Payload:
        plain = payload.SerializeToString()
        packed = zlib.compress(plain)
        content = _COMPRESSED + packed if len(packed) < len(plain) else _PLAIN + plain
        nonce, key_id = os.urandom(_NONCE_BYTES), self._first.encode()
        data = nonce + self._ciphers[self._first].encrypt(nonce, content, key_id)
        return Payload(metadata={"encoding": ENCODING, KEY_ID: key_id}, data=data)

    def _decrypted(self, payload: Payload) -> Payload:
        key_id = payload.metadata.get(KEY_ID, b"")
        name = key_id.decode(errors="replace")
        cipher = self._ciphers.get(name)
        if cipher is None:
            raise PayloadKeyMissing(
                f"TENURE_PAYLOAD_KEYS has no key {name!r}, which encrypted this: put it behind the first"
            )
        nonce, encrypted = payload.data[:_NONCE_BYTES], payload.data[_NONCE_BYTES:]
        try:
            content = cipher.decrypt(nonce, encrypted, key_id)
        except (InvalidTag, ValueError):
            raise PayloadKeyMissing(
                f"the key {name!r} in TENURE_PAYLOAD_KEYS is not the key that encrypted this payload, or the payload"
                " was changed"
            ) from None
        packed = content[1:]
        return Payload.FromString(zlib.decompress(packed) if content[:1] == _COMPRESSED else packed)


def converter_with(keys: Sequence[PayloadKey]) -> DataConverter:
    """Return the converter of every client, every worker and every replay; without keys, nothing is encrypted."""
    if not keys:
        return DataConverter(payload_converter_class=SparsePayloadConverter)
    return DataConverter(
        payload_converter_class=SparsePayloadConverter,
        payload_codec=EncryptedPayloads(keys),
        failure_converter_class=DefaultFailureConverterWithEncodedAttributes,
    )
