"""`tenure keys`: created, listed, rotated and revoked."""

import json

import pytest

from domain.api_keys import KeyMode, mode_of_key
from storage.access.api_keys import ApiKey, ApiKeys
from storage.db.engine import create_engine_from_url
from tests.tenure.conftest import Terminal


@pytest.fixture
def hand(terminal: Terminal, database_url: str) -> Terminal:
    """A terminal whose settings lead to a database of its own."""
    terminal.settings = {"TENURE_DATABASE_URL": database_url, "TENURE_STRIPE_API_KEY": "sk_test_0123456789"}
    return terminal


async def verified(hand: Terminal, key: str) -> ApiKey | None:
    engine = create_engine_from_url(hand.settings["TENURE_DATABASE_URL"])
    try:
        return await ApiKeys(engine).verify(key)
    finally:
        await engine.dispose()


async def keys_of(hand: Terminal, *words: str) -> list[dict[str, str]]:
    said = await hand.run("keys", "list", "--json", *words)
    assert said.status == 0, said.err
    found: list[dict[str, str]] = json.loads(said.out)
    return found


@pytest.mark.parametrize("role", ["read_only", "service", "operator", "admin", "webhooks"])
async def test_a_key_is_created_printed_alone_and_listed_without_its_text(hand: Terminal, role: str) -> None:
    await hand.run("tenants", "add", "acme")
    made = await hand.run("keys", "create", "--role", role, "--name", "the shop", "--tenant", "acme")

    key = made.out.strip()
    assert (made.status, made.err) == (0, "")
    found = await verified(hand, key)
    assert found is not None
    assert (found.role, found.tenant, found.name) == (role, "acme", "the shop")
    shown = await hand.run("keys", "list", "--tenant", "acme")
    heads, row = shown.out.splitlines()
    assert heads.split()[:4] == ["ID", "KEY", "ROLE", "STATUS"]
    assert row.split()[:4] == [found.id, f"{key[:12]}…{key[-4:]}", role, "active"]
    assert key not in shown.out
    assert await keys_of(hand) == []


async def test_roles_have_one_spelling(hand: Terminal) -> None:
    said = await hand.run("keys", "create", "--role", "read-only")

    assert said.status > 0
    assert '"read_only"' in said.err + said.out


@pytest.mark.parametrize(
    ("provider_key", "mode"),
    [("sk_test_0123456789", KeyMode.TEST), ("rk_live_0123456789", KeyMode.LIVE), ("", KeyMode.LIVE)],
)
async def test_a_key_is_of_the_mode_of_the_stripe_key(hand: Terminal, provider_key: str, mode: KeyMode) -> None:
    hand.settings["TENURE_STRIPE_API_KEY"] = provider_key

    made = await hand.run("keys", "create", "--role", "service")

    assert mode_of_key(made.out.strip()) is mode


async def test_without_a_stripe_key_the_mode_is_that_of_the_keys_that_are_there(hand: Terminal) -> None:
    await hand.run("keys", "create", "--role", "service")
    del hand.settings["TENURE_STRIPE_API_KEY"]

    made = await hand.run("keys", "create", "--role", "service")

    assert mode_of_key(made.out.strip()) is KeyMode.TEST


async def test_a_key_is_rotated_with_overlap_and_the_old_one_revoked(hand: Terminal) -> None:
    old = (await hand.run("keys", "create", "--role", "service", "--name", "the shop")).out.strip()
    [known] = await keys_of(hand)

    rotated = await hand.run("keys", "rotate", known["id"], "--overlap", "24h")
    new = rotated.out.strip()
    assert rotated.status == 0, rotated.err
    assert "is valid until" in rotated.err
    assert await verified(hand, old) is not None
    found = await verified(hand, new)
    assert found is not None
    assert (found.role, found.name) == ("service", "the shop")

    revoked = await hand.run("keys", "revoke", known["id"])
    assert revoked.status == 0, revoked.err
    assert revoked.out.startswith(f"revoked {known['hint']} (the shop)")
    assert await verified(hand, old) is None
    assert await verified(hand, new) is not None
    assert {one["status"] for one in await keys_of(hand)} == {"active", "revoked"}


async def test_a_key_that_expires_says_when(hand: Terminal) -> None:
    made = await hand.run("keys", "create", "--role", "service", "--expires-in", "90d")

    found = await verified(hand, made.out.strip())
    assert found is not None
    assert found.expires_in == pytest.approx(90 * 86400, abs=600)
    [listed] = await keys_of(hand)
    assert listed["expires_at"].endswith("Z")
    assert listed["created_by"] == "tenure keys"


@pytest.mark.parametrize(
    ("words", "complaint"),
    [
        (
            ["create", "--role", "service", "--expires-in", "soon"],
            "'soon' is not a length of time: write 30m, 24h or 90d",
        ),
        (["create", "--role", "service", "--expires-in", "0"], "0 is not between 1s and 3650d"),
        (["create", "--role", "service", "--expires-in", "99999w"], "99999w is not between"),
        (["create", "--role", "service", "--tenant", " "], "name a tenant"),
        (["create", "--role", "service", "--tenant", "acme"], "there is no tenant 'acme'"),
        (["create", "--role", "service", "--name", "two\nlines"], "one line of at most 200 characters"),
        (["rotate", "0b2d9f4e-0000-4000-8000-000000000000"], "there is no API key"),
        (["rotate", "x", "--overlap", "31d"], "31d is not between 0s and 30d"),
        (["rotate", "x"], "there is no API key 'x'"),
        (["revoke", "x"], "there is no API key 'x'"),
    ],
)
async def test_a_mistake_is_told_and_nothing_is_made(hand: Terminal, words: list[str], complaint: str) -> None:
    said = await hand.run("keys", *words)

    assert (said.status, said.out) == (1, "")
    assert complaint in said.err
    assert await keys_of(hand) == []


async def test_another_tenants_key_is_not_revoked(hand: Terminal) -> None:
    await hand.run("tenants", "add", "acme")
    key = (await hand.run("keys", "create", "--role", "service", "--tenant", "acme")).out.strip()
    [known] = await keys_of(hand, "--tenant", "acme")

    said = await hand.run("keys", "revoke", known["id"])

    assert said.status == 1
    assert "there is no API key" in said.err
    assert await verified(hand, key) is not None


async def test_where_no_keys_are_it_says_how_to_make_one(hand: Terminal) -> None:
    said = await hand.run("keys", "list", "--tenant", "acme")

    assert said.out == "no API keys of tenant acme: `tenure keys create` makes one\n"
