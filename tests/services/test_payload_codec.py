"""Payloads in Temporal: what is encrypted comes back, what is not stays as it is, and a missing key is named."""

import base64
import os
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from temporalio.api.common.v1 import Payload
from temporalio.api.failure.v1 import Failure
from temporalio.converter import DataConverter
from temporalio.exceptions import ApplicationError

from services.payload_codec import ENCODING, EncryptedPayloads, PayloadKey, PayloadKeyMissing, converter_with

OLD, NEW = (PayloadKey(name, os.urandom(32)) for name in ("old", "new"))
MARK = "ada@example.com"


@given(st.lists(st.builds(Payload, metadata=st.dictionaries(st.text(), st.binary()), data=st.binary(max_size=5000))))
async def test_what_is_encrypted_comes_back(payloads: list[Payload]) -> None:
    codec = EncryptedPayloads([NEW])

    encrypted = await codec.encode(payloads)

    assert {one.metadata["encoding"] for one in encrypted} <= {ENCODING}
    assert await codec.decode(encrypted) == payloads


async def test_what_is_stored_tells_the_name_of_the_key_and_nothing_else() -> None:
    [encrypted] = await converter_with([NEW]).encode([{"email": MARK}])

    assert encrypted.metadata == {"encoding": ENCODING, "encryption-key-id": b"new"}
    assert MARK.encode() not in encrypted.SerializeToString()


async def test_the_same_twice_looks_different() -> None:
    codec = EncryptedPayloads([NEW])

    first, second = await codec.encode([Payload(data=b"the same")] * 2)

    assert first.data != second.data


async def test_much_of_the_same_gets_smaller() -> None:
    [plain] = await DataConverter.default.encode([["monthly"] * 500])

    [encrypted] = await converter_with([NEW]).encode([["monthly"] * 500])

    assert encrypted.ByteSize() < plain.ByteSize() / 10


async def test_the_first_key_encrypts_and_all_decrypt() -> None:
    before = await EncryptedPayloads([OLD]).encode([Payload(data=b"before")])
    codec = EncryptedPayloads([NEW, OLD])

    after = await codec.encode([Payload(data=b"after")])

    assert after[0].metadata["encryption-key-id"] == b"new"
    assert [one.data for one in await codec.decode([*before, *after])] == [b"before", b"after"]


async def test_what_was_written_without_keys_is_read_with_them() -> None:
    plain = await DataConverter.default.encode(["plain"])

    assert await converter_with([NEW]).decode(plain) == ["plain"]


async def test_a_key_that_is_not_there_is_named() -> None:
    encrypted = await EncryptedPayloads([OLD]).encode([Payload(data=b"x")])

    with pytest.raises(PayloadKeyMissing, match="TENURE_PAYLOAD_KEYS has no key 'old'"):
        await EncryptedPayloads([NEW]).decode(encrypted)


async def test_another_key_of_the_same_name_is_no_help() -> None:
    encrypted = await EncryptedPayloads([OLD]).encode([Payload(data=b"x")])

    with pytest.raises(PayloadKeyMissing, match="is not the key that encrypted this payload"):
        await EncryptedPayloads([PayloadKey("old", NEW.key)]).decode(encrypted)


@given(st.integers(0), st.integers(1, 255))
async def test_what_was_changed_is_refused(at: int, by: int) -> None:
    codec = EncryptedPayloads([NEW])
    [encrypted] = await codec.encode([Payload(data=b"100 EUR")])
    changed = bytearray(encrypted.data)
    changed[at % len(changed)] ^= by
    encrypted.data = bytes(changed)

    with pytest.raises(PayloadKeyMissing, match="or the payload was changed"):
        await codec.decode([encrypted])


@pytest.mark.parametrize("cut", [b"", b"short"])
async def test_what_was_cut_short_is_refused(cut: bytes) -> None:
    codec = EncryptedPayloads([NEW])
    [encrypted] = await codec.encode([Payload(data=b"100 EUR")])
    encrypted.data = cut

    with pytest.raises(PayloadKeyMissing):
        await codec.decode([encrypted])


async def test_the_words_of_a_failure_are_encrypted_too() -> None:
    converter, failure = converter_with([NEW]), Failure()
    error = ApplicationError(f"{MARK} was declined", {"email": MARK}, type="declined", next_retry_delay=timedelta(1))

    await converter.encode_failure(error, failure)

    assert MARK.encode() not in failure.SerializeToString()
    again = await converter.decode_failure(failure)
    assert isinstance(again, ApplicationError)
    assert (again.message, again.type, list(again.details)) == (error.message, "declined", [{"email": MARK}])


def test_a_key_is_read_from_its_setting_and_not_shown() -> None:
    encoded = base64.b64encode(NEW.key).decode()

    key = PayloadKey.of(f"new:{encoded}")

    assert key == NEW
    assert encoded not in repr(key)
    assert repr(NEW.key) not in repr(key)
    assert key.fingerprint != OLD.fingerprint
