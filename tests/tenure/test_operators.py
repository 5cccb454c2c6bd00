"""`tenure operators`: added, listed and disabled."""

import json

import pytest

from tests.tenure.conftest import Terminal


@pytest.fixture
def hand(terminal: Terminal, database_url: str) -> Terminal:
    """A terminal whose settings lead to a database of its own."""
    terminal.settings = {"TENURE_DATABASE_URL": database_url}
    return terminal


async def operators_of(hand: Terminal, *words: str) -> dict[str, tuple[str, bool]]:
    """By address: the role, and whether they may sign in."""
    said = await hand.run("operators", "list", "--json", *words)
    assert said.status == 0, said.err
    return {one["email"]: (one["role"], one["disabled_at"] is None) for one in json.loads(said.out)}


async def test_operators_are_added_listed_and_disabled(hand: Terminal) -> None:
    said = [
        await hand.run("operators", *words)
        for words in (
            ("add", "Ada@Example.com", "--role", "admin", "--name", "Ada Lovelace"),
            ("add", "grace@example.com", "--role", "read_only"),
            ("add", "GRACE@example.com", "--role", "operator"),
            ("add", "grace@example.com", "--role", "operator"),
            ("disable", "grace@EXAMPLE.com"),
        )
    ]

    assert [one.out for one in said] == [
        "added ada@example.com as admin\n",
        "added grace@example.com as read_only\n",
        "grace@example.com was read_only, is operator now\n",
        "grace@example.com is operator already\n",
        "grace@example.com is disabled: `tenure operators add` lets them sign in again\n",
    ]
    assert await operators_of(hand) == {"ada@example.com": ("admin", True), "grace@example.com": ("operator", False)}
    shown = (await hand.run("operators", "list")).out.splitlines()
    assert shown[0].split() == ["EMAIL", "ROLE", "STATUS", "SINCE", "NAME"]
    assert shown[1].split()[:3] == ["ada@example.com", "admin", "active"]
    assert shown[1].endswith("Ada Lovelace")
    back = await hand.run("operators", "add", "grace@example.com", "--role", "read_only")
    assert back.out == "grace@example.com was operator, is read_only now and may sign in again\n"


async def test_each_tenant_has_its_own(hand: Terminal) -> None:
    unknown = await hand.run("operators", "add", "ada@example.com", "--role", "admin", "--tenant", "acme")
    assert (unknown.status, "there is no tenant 'acme'" in unknown.err) == (1, True)
    await hand.run("tenants", "add", "acme")
    await hand.run("operators", "add", "ada@example.com", "--role", "admin", "--tenant", "acme")

    assert await operators_of(hand) == {}
    assert await operators_of(hand, "--tenant", "acme") == {"ada@example.com": ("admin", True)}
    said = await hand.run("operators", "disable", "ada@example.com")
    assert (said.status, "there is no operator ada@example.com" in said.err) == (1, True)


@pytest.mark.parametrize("words", [["disable", "ada@example.com"], ["add", "ada@example.com", "--role", "operator"]])
async def test_the_last_admin_stays(hand: Terminal, words: list[str]) -> None:
    await hand.run("operators", "add", "ada@example.com", "--role", "admin")

    said = await hand.run("operators", *words)

    assert said.status == 1
    assert "ada@example.com is the last admin: make another one first" in said.err
    assert await operators_of(hand) == {"ada@example.com": ("admin", True)}


@pytest.mark.parametrize("address", ["ada", "ada@", "@example.com", "ada@example..com", "a b@example.com", ""])
async def test_an_address_that_cannot_be_mailed_to_is_refused(hand: Terminal, address: str) -> None:
    said = await hand.run("operators", "add", address, "--role", "admin")

    assert said.status == 1
    assert "is not a mail address" in said.err
    assert await operators_of(hand) == {}


@pytest.mark.parametrize("role", ["service", "webhooks", "read-only", "root"])
async def test_people_have_the_roles_for_people(hand: Terminal, role: str) -> None:
    said = await hand.run("operators", "add", "ada@example.com", "--role", role)

    assert said.status > 0
    assert "--role" in said.err + said.out
