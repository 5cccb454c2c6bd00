"""No process starts without a key under which Temporal stores something."""

from collections.abc import AsyncIterator

import pytest
from sqlalchemy import delete
from sqlalchemy.ext.asyncio import AsyncEngine

from domain.errors import Rejected
from storage.db.engine import transaction
from storage.payload_keys import PREFIX, check_payload_keys, forget_payload_key, payload_keys
from storage.schema.tables import installation


@pytest.fixture
async def unknown(engine: AsyncEngine) -> AsyncIterator[AsyncEngine]:
    """A database that knows no key, as it is again afterwards."""
    yield engine
    async with transaction(engine) as connection:
        await connection.execute(delete(installation).where(installation.c.name.startswith(PREFIX)))


async def refused(engine: AsyncEngine, **keys: str) -> Rejected:
    with pytest.raises(Rejected) as caught:
        await check_payload_keys(engine, keys)
    return caught.value


async def test_without_keys_there_is_nothing_to_hold_to(unknown: AsyncEngine) -> None:
    await check_payload_keys(unknown, {})

    assert await payload_keys(unknown) == []


async def test_the_key_that_encrypts_is_needed_from_then_on(unknown: AsyncEngine) -> None:
    await check_payload_keys(unknown, {"old": "a"})

    assert (await refused(unknown)).code == "payload_key_missing"
    assert "'old'" in (await refused(unknown, new="b")).message
    assert await payload_keys(unknown) == ["old"], "what is refused is not noted"
    await check_payload_keys(unknown, {"new": "b", "old": "a"})
    assert await payload_keys(unknown) == ["new", "old"]


async def test_a_key_that_only_decrypts_may_be_taken_out_again(unknown: AsyncEngine) -> None:
    await check_payload_keys(unknown, {"old": "a", "next": "b"})

    await check_payload_keys(unknown, {"old": "a"})


async def test_who_encrypts_nothing_notes_nothing(unknown: AsyncEngine) -> None:
    await check_payload_keys(unknown, {"old": "a"}, noting=False)

    assert await payload_keys(unknown) == []


async def test_another_key_of_the_same_name_is_refused(unknown: AsyncEngine) -> None:
    await check_payload_keys(unknown, {"old": "a"})

    assert (await refused(unknown, old="b")).code == "payload_key_differs"


async def test_what_is_forgotten_is_needed_no_more(unknown: AsyncEngine) -> None:
    await check_payload_keys(unknown, {"old": "a"})
    await check_payload_keys(unknown, {"new": "b", "old": "a"})

    await forget_payload_key(unknown, "old")

    await check_payload_keys(unknown, {"new": "b"})
    with pytest.raises(Rejected) as caught:
        await forget_payload_key(unknown, "old")
    assert caught.value.code == "unknown_payload_key"
