"""API keys grant access, and the database does not contain them."""

import asyncio
from uuid import uuid4

import pytest
import pytest_asyncio

from storage.access.api_keys import ApiKeys, Role
from tests.storage.ledger import Ledger


@pytest_asyncio.fixture
async def keys(ledger: Ledger) -> ApiKeys:
    return ApiKeys(ledger.engine)


@pytest.mark.parametrize("role", list(Role))
async def test_a_key_says_whose_it_is_and_what_it_may(keys: ApiKeys, role: Role) -> None:
    plaintext = await keys.create(role, "the shop", tenant="acme")
    key = await keys.verify(plaintext)
    assert key is not None
    assert (key.tenant, key.role, key.name) == ("acme", role, "the shop")


async def test_the_secret_is_nowhere_in_the_table(ledger: Ledger, keys: ApiKeys) -> None:
    made = await keys.create(Role.ADMIN, "made")
    await keys.ensure("tn_given_secret", Role.ADMIN, "given")
    [row] = await ledger.rows("select string_agg(api_keys::text, ' ') as it from api_keys")
    for secret in (made, made.removeprefix("tn_live_"), made[-8:], "tn_given_secret"):
        assert secret not in str(row["it"])


async def test_no_two_keys_are_alike(keys: ApiKeys) -> None:
    made = [await keys.create(Role.SERVICE, "the shop") for _ in range(5)]
    assert len(set(made)) == 5
    assert all(len(plaintext) >= 40 for plaintext in made)


async def test_a_key_is_there_once_when_it_is_ensured_by_many_at_once(ledger: Ledger, keys: ApiKeys) -> None:
    await asyncio.gather(*(keys.ensure("tn_live_x", Role.ADMIN, "sandbox") for _ in range(10)))
    assert await ledger.count("api_keys") == 1


async def test_a_known_key_stays_as_it_is_when_it_is_ensured_again(keys: ApiKeys) -> None:
    await keys.ensure("tn_live_x", Role.READ_ONLY, "first")
    before = await keys.verify("tn_live_x")
    await keys.ensure("tn_live_x", Role.ADMIN, "second", tenant="acme")
    assert await keys.verify("tn_live_x") == before


async def test_a_revoked_key_opens_nothing_even_when_it_is_ensured_again(keys: ApiKeys) -> None:
    kept = await keys.create(Role.ADMIN, "kept")
    plaintext = await keys.create(Role.ADMIN, "revoked")
    key = await keys.verify(plaintext)
    assert key is not None

    await keys.revoke(key.id)
    await keys.revoke(str(uuid4()))
    assert await keys.verify(plaintext) is None
    await keys.ensure(plaintext, Role.ADMIN, "again")
    assert await keys.verify(plaintext) is None
    assert await keys.verify(kept) is not None


@pytest.mark.parametrize("guess", ["", "tn_live_", "\0", "' or true --", "ä", "\ud800"])
async def test_a_guess_opens_nothing(keys: ApiKeys, guess: str) -> None:
    await keys.create(Role.ADMIN, "the shop")
    assert await keys.verify(guess) is None


async def test_the_hash_itself_opens_nothing(ledger: Ledger, keys: ApiKeys) -> None:
    await keys.create(Role.ADMIN, "the shop")
    [row] = await ledger.rows("select key_hash from api_keys")
    assert await keys.verify(str(row["key_hash"])) is None
