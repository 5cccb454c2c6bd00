"""What is stored encrypted is read by the keys that are listed, and nowhere but where it belongs."""

import pytest

from domain.encryption import Encrypted, MissingKey
from gateways.encryption import AesGcmEncryption

OLD, NEW = "an-old-secret-of-32-characters-0", "a-new-secret-of-32-characters-01"


def test_the_first_key_encrypts_and_all_decrypt() -> None:
    by_old = AesGcmEncryption([OLD]).encrypt(b"kept", "here")
    both = AesGcmEncryption([NEW, OLD])

    by_new = both.encrypt(b"kept", "here")

    assert both.decrypt(by_old, "here") == both.decrypt(by_new, "here") == b"kept"
    assert (by_new.key_id, by_old.key_id) == both.key_ids


def test_what_none_of_the_keys_encrypted_names_the_key_that_is_missing() -> None:
    encrypted = AesGcmEncryption([OLD]).encrypt(b"kept", "here")

    with pytest.raises(MissingKey, match=encrypted.key_id):
        AesGcmEncryption([NEW]).decrypt(encrypted, "here")


def test_what_was_moved_or_changed_does_not_decrypt() -> None:
    encryption = AesGcmEncryption([OLD])
    encrypted = encryption.encrypt(b"kept", "here")
    changed = Encrypted(encrypted.key_id, encrypted.ciphertext[:-1] + bytes([encrypted.ciphertext[-1] ^ 1]))

    for stored, about in ((encrypted, "there"), (changed, "here")):
        with pytest.raises(ValueError, match="was changed, or belongs to something else"):
            encryption.decrypt(stored, about)


def test_nothing_stored_tells_the_secret_or_what_was_encrypted_and_no_two_are_alike() -> None:
    encryption = AesGcmEncryption([OLD])
    first, second = (encryption.encrypt(b"kept", "here") for _ in range(2))

    assert first.ciphertext != second.ciphertext
    assert b"kept" not in first.ciphertext
    assert first.key_id not in OLD
    assert "ciphertext" not in repr(first)
