"""Tenants by command, and logins for which nothing would keep them apart."""

import pytest

from tests.harness.postgres import Databases
from tests.tenure.conftest import Terminal


@pytest.fixture(autouse=True)
def _settings(terminal: Terminal, database_url: str) -> None:
    terminal.settings = {"TENURE_DATABASE_URL": database_url}


async def test_a_tenant_is_added_once_and_listed(terminal: Terminal) -> None:
    added = await terminal.run("tenants", "add", "europe", "--name", "Europe")
    again = await terminal.run("tenants", "add", "europe", "--name", "Another")
    listed = await terminal.run("tenants", "list")

    assert (added.status, added.out) == (0, "tenant europe added\n")
    assert (again.status, again.out) == (0, "tenant europe is there already\n")
    assert [line.split()[:2] for line in listed.out.splitlines()] == [
        ["TENANT", "NAME"],
        ["default", "default"],
        ["europe", "Europe"],
    ]


async def test_an_id_that_cannot_stand_in_addresses_is_refused(terminal: Terminal) -> None:
    said = await terminal.run("tenants", "add", "Europe/West")
    assert said.status == 1
    assert "lower-case letters" in said.err


@pytest.mark.parametrize(
    "command",
    [
        ("keys", "create", "--role", "admin", "--tenant", "nobody"),
        ("usage", "stats", "--tenant", "nobody"),
    ],
    ids=" ".join,
)
async def test_a_command_for_an_unknown_tenant_says_how_to_add_it(terminal: Terminal, command: tuple[str, ...]) -> None:
    said = await terminal.run(*command)
    assert said.status == 1
    assert "there is no tenant 'nobody': add it with `tenure tenants add nobody`, or name one of default" in said.err


async def test_a_command_refuses_the_login_of_a_superuser(terminal: Terminal, databases: Databases) -> None:
    terminal.settings = {"TENURE_DATABASE_URL": databases.superuser_url}
    said = await terminal.run("tenants", "list")
    assert said.status == 1
    assert "the login postgres is a superuser of PostgreSQL" in said.err
    assert 'docs/operations.md, "Database roles"' in said.err
