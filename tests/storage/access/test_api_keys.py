"""API keys grant access, and the database does not contain them."""

import asyncio
from datetime import timedelta
from uuid import NAMESPACE_URL, uuid4, uuid5

import pytest
import pytest_asyncio

from domain.api_keys import KeyMode, hint, mode_of_key, new_key
from domain.errors import Rejected
from storage.access.api_keys import ApiKeys, KeyStatus, Role
from storage.access.tenants import Tenants
from storage.db.cursors import PageRequest
from tests.storage.ledger import Ledger

GIVEN = "tn_test_" + "Zz-_9" * 6 + "zz"
"""A key as sandboxes of earlier releases made them."""


@pytest_asyncio.fixture
async def keys(ledger: Ledger) -> ApiKeys:
    await Tenants(ledger.engine).add("acme", "Acme")
    return ApiKeys(ledger.engine)


@pytest.mark.parametrize("role", list(Role))
async def test_a_key_says_whose_it_is_and_what_it_may(keys: ApiKeys, role: Role) -> None:
    plaintext = await keys.create(role, "the shop", tenant="acme")
    key = await keys.verify(plaintext)
    assert key is not None
    assert (key.tenant, key.role, key.name) == ("acme", role, "the shop")


async def test_the_secret_is_nowhere_in_the_table(ledger: Ledger, keys: ApiKeys) -> None:
    made = await keys.create(Role.ADMIN, "made")
    await keys.ensure(GIVEN, Role.ADMIN, "given")
    [row] = await ledger.rows("select string_agg(api_keys::text, ' ') as it from api_keys")
    for secret in (made, made.removeprefix("tn_live_"), made[-8:], GIVEN, GIVEN[-8:]):
        assert secret not in str(row["it"])


async def test_no_two_keys_are_alike(keys: ApiKeys) -> None:
    made = [await keys.create(Role.SERVICE, "the shop") for _ in range(5)]
    assert len(set(made)) == 5
    assert all(len(plaintext) >= 40 for plaintext in made)


async def test_a_key_is_there_once_when_it_is_ensured_by_many_at_once(ledger: Ledger, keys: ApiKeys) -> None:
    await asyncio.gather(*(keys.ensure(GIVEN, Role.ADMIN, "sandbox") for _ in range(10)))
    assert await ledger.count("api_keys") == 1


async def test_a_known_key_stays_as_it_is_when_it_is_ensured_again(keys: ApiKeys) -> None:
    await keys.ensure(GIVEN, Role.READ_ONLY, "first")
    before = await keys.verify(GIVEN)
    await keys.ensure(GIVEN, Role.ADMIN, "second", tenant="acme")
    assert await keys.verify(GIVEN) == before


async def test_a_revoked_key_opens_nothing_even_when_it_is_ensured_again(keys: ApiKeys) -> None:
    kept = await keys.create(Role.ADMIN, "kept")
    plaintext = await keys.create(Role.ADMIN, "revoked")
    key = await keys.verify(plaintext)
    assert key is not None

    await keys.revoke(key.id)
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


async def test_a_malformed_key_is_refused_without_a_lookup(keys: ApiKeys, asked: list[str]) -> None:
    key = await keys.create(Role.ADMIN, "the shop")
    asked.clear()

    for wrong in (key[:-1], f"{key}x", key[:-1] + ("a" if key[-1] != "a" else "b"), key.replace("live", "test"), ""):
        assert await keys.verify(wrong) is None
    assert asked == []

    assert await keys.verify(new_key(KeyMode.LIVE)) is None
    assert len(asked) == 1


async def test_a_key_of_an_earlier_release_is_still_accepted(ledger: Ledger, keys: ApiKeys) -> None:
    await keys.ensure(GIVEN, Role.SERVICE, "the shop")
    await ledger.run("update api_keys set hint = ''")

    found = await keys.verify(GIVEN)

    assert found is not None
    [record] = (await keys.find("default", PageRequest())).rows
    assert (record.hint, record.created_by, record.status, record.id) == ("", "", KeyStatus.ACTIVE, found.id)


@pytest.mark.parametrize("mode", list(KeyMode))
async def test_a_new_key_is_of_the_mode_that_is_asked_for(keys: ApiKeys, mode: KeyMode) -> None:
    assert await keys.mode_of_newest() is None

    key = await keys.create(Role.SERVICE, "the shop", mode=mode)

    assert mode_of_key(key) is mode
    assert await keys.mode_of_newest() is mode


async def test_lists_show_all_but_the_key(ledger: Ledger, keys: ApiKeys) -> None:
    key = await keys.create(Role.SERVICE, "the shop", created_by="tenure keys", expires_in=timedelta(days=90))
    await keys.create(Role.ADMIN, "another tenant's", tenant="acme")

    [record] = (await keys.find("default", PageRequest())).rows

    assert (record.name, record.role, record.created_by, record.hint) == (
        "the shop",
        Role.SERVICE,
        "tenure keys",
        hint(key),
    )
    assert record.status is KeyStatus.ACTIVE
    assert record.expires_at == record.created_at + timedelta(days=90)
    assert (record.last_used_at, record.revoked_at, record.replaced_by) == (None, None, None)


async def test_lists_are_paged_newest_first(keys: ApiKeys) -> None:
    for number in range(5):
        await keys.create(Role.SERVICE, f"key {number}")

    first = await keys.find("default", PageRequest(2))
    second = await keys.find("default", PageRequest(2, first.next_cursor))
    last = await keys.find("default", PageRequest(2, second.next_cursor))

    names = [one.name for page in (first, second, last) for one in page.rows]
    assert names == [f"key {number}" for number in (4, 3, 2, 1, 0)]
    assert last.next_cursor is None


async def test_an_expired_key_opens_nothing(ledger: Ledger, keys: ApiKeys) -> None:
    key = await keys.create(Role.SERVICE, "the shop", expires_in=timedelta(hours=1))
    found = await keys.verify(key)
    assert found is not None
    assert found.expires_in == pytest.approx(3600, abs=60)

    await ledger.run("update api_keys set expires_at = now()")

    assert await keys.verify(key) is None
    [record] = (await keys.find("default", PageRequest())).rows
    assert record.status is KeyStatus.EXPIRED


async def test_a_rotated_key_and_the_new_one_are_both_accepted_for_a_while(ledger: Ledger, keys: ApiKeys) -> None:
    old = await keys.create(Role.SERVICE, "the shop", tenant="acme")
    known = await keys.verify(old)
    assert known is not None

    issued = await keys.rotate(known.id, uuid4(), tenant="acme", mode=KeyMode.LIVE, overlap=timedelta(hours=24))

    assert issued.plaintext is not None
    new = await keys.verify(issued.plaintext)
    assert new is not None
    assert (new.name, new.role, new.tenant) == ("the shop", Role.SERVICE, "acme")
    assert new.id != known.id
    assert await keys.verify(old) == known
    before = await keys.get(known.id, tenant="acme")
    assert (before.status, before.replaced_by) == (KeyStatus.ROTATED, new.id)
    assert before.expires_at is not None
    assert before.expires_at == issued.record.created_at + timedelta(hours=24)

    await ledger.run(f"update api_keys set expires_at = now() where id = '{known.id}'")  # noqa: S608
    assert await keys.verify(old) is None
    assert await keys.verify(issued.plaintext) == new


async def test_no_overlap_ends_the_old_key_at_once(keys: ApiKeys) -> None:
    old = await keys.create(Role.SERVICE, "the shop")
    known = await keys.verify(old)
    assert known is not None

    await keys.rotate(known.id, uuid4(), tenant="default", mode=KeyMode.LIVE, overlap=timedelta())

    assert await keys.verify(old) is None


async def test_a_rotation_never_makes_a_key_live_longer(keys: ApiKeys) -> None:
    old = await keys.create(Role.SERVICE, "the shop", expires_in=timedelta(hours=2))
    known = await keys.verify(old)
    assert known is not None
    before = await keys.get(known.id, tenant="default")

    issued = await keys.rotate(known.id, uuid4(), tenant="default", mode=KeyMode.LIVE, overlap=timedelta(days=1))

    assert (await keys.get(known.id, tenant="default")).expires_at == before.expires_at
    assert issued.record.expires_at == issued.record.created_at + timedelta(hours=2)


async def test_a_repeated_rotation_makes_no_second_key(ledger: Ledger, keys: ApiKeys) -> None:
    known = await keys.verify(await keys.create(Role.SERVICE, "the shop"))
    assert known is not None
    new_id = uuid4()

    answers = await asyncio.gather(
        *(keys.rotate(known.id, new_id, tenant="default", mode=KeyMode.LIVE) for _ in range(5))
    )

    assert {one.record.id for one in answers} == {str(new_id)}
    assert len([one for one in answers if one.plaintext is not None]) == 1
    assert await ledger.count("api_keys") == 2


async def test_a_repeated_request_makes_no_second_key(ledger: Ledger, keys: ApiKeys) -> None:
    key_id = uuid4()

    answers = await asyncio.gather(
        *(keys.issue(key_id, Role.SERVICE, "the shop", tenant="default", mode=KeyMode.LIVE) for _ in range(5))
    )

    assert len([one for one in answers if one.plaintext is not None]) == 1
    assert {one.record.id for one in answers} == {str(key_id)}
    assert await ledger.count("api_keys") == 1


@pytest.mark.parametrize("code", ["api_key_revoked", "api_key_expired", "api_key_rotated"])
async def test_a_key_that_has_ended_is_not_rotated(ledger: Ledger, keys: ApiKeys, code: str) -> None:
    known = await keys.verify(await keys.create(Role.SERVICE, "the shop"))
    assert known is not None
    if code == "api_key_revoked":
        await keys.revoke(known.id)
    elif code == "api_key_expired":
        await ledger.run("update api_keys set expires_at = now()")
    else:
        await keys.rotate(known.id, uuid4(), tenant="default", mode=KeyMode.LIVE)
    before = await ledger.count("api_keys")

    with pytest.raises(Rejected) as refused:
        await keys.rotate(known.id, uuid4(), tenant="default", mode=KeyMode.LIVE)

    assert refused.value.code == code
    assert await ledger.count("api_keys") == before


@pytest.mark.parametrize("key_id", [str(uuid5(NAMESPACE_URL, "nobody")), "x", ""])
async def test_unknown_ids_are_refused(keys: ApiKeys, key_id: str) -> None:
    for doing in (
        keys.revoke(key_id),
        keys.get(key_id, tenant="default"),
        keys.rotate(key_id, uuid4(), tenant="default", mode=KeyMode.LIVE),
    ):
        with pytest.raises(Rejected) as refused:
            await doing
        assert refused.value.code == "unknown_api_key"


async def test_another_tenant_can_neither_rotate_nor_revoke_a_key(keys: ApiKeys) -> None:
    key = await keys.create(Role.SERVICE, "the shop", tenant="acme")
    known = await keys.verify(key)
    assert known is not None

    for doing in (
        keys.revoke(known.id, tenant="other"),
        keys.rotate(known.id, uuid4(), tenant="other", mode=KeyMode.LIVE),
    ):
        with pytest.raises(Rejected) as refused:
            await doing
        assert refused.value.code == "unknown_api_key"
    assert await keys.verify(key) == known


async def test_revoking_again_keeps_the_moment(keys: ApiKeys) -> None:
    known = await keys.verify(await keys.create(Role.SERVICE, "the shop"))
    assert known is not None

    first = await keys.revoke(known.id)

    assert first.status is KeyStatus.REVOKED
    assert await keys.revoke(known.id) == first
