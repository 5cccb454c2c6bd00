"""What commands change is in the audit: who ran them, what they were about, and what came of it."""

import pytest

from domain.audit import ActorKind, AuditEntry
from storage.access.audit import AuditFilter, AuditLog
from storage.db.cursors import PageRequest, Sort
from storage.db.engine import create_engine_from_url
from tests.harness.catalogs import POLICY
from tests.tenure.conftest import Terminal


@pytest.fixture
def shell(terminal: Terminal, database_url: str) -> Terminal:
    """A terminal whose settings lead to a database of its own."""
    terminal.settings = {"TENURE_DATABASE_URL": database_url, "TENURE_STRIPE_API_KEY": "sk_test_0123456789"}
    return terminal


async def noted(shell: Terminal, tenant: str = "default") -> list[AuditEntry]:
    engine = create_engine_from_url(shell.settings["TENURE_DATABASE_URL"])
    try:
        return (await AuditLog(engine).find(tenant, AuditFilter(), PageRequest(sort=Sort.OLDEST_FIRST))).rows
    finally:
        await engine.dispose()


async def test_commands_are_noted_with_their_targets_and_outcomes(shell: Terminal) -> None:
    key = (await shell.run("keys", "create", "--role", "service", "--name", "the shop")).out.strip()
    await shell.run("operators", "add", "ada@example.com", "--role", "admin")
    refused = await shell.run("operators", "disable", "ada@example.com")
    await shell.run("policy", "push", str(POLICY))

    entries = await noted(shell)

    assert refused.status == 1
    assert [(entry.action, entry.target.kind, entry.outcome, entry.code) for entry in entries] == [
        ("tenure keys create", "api_key", "done", ""),
        ("tenure operators add", "operator", "done", ""),
        ("tenure operators disable", "operator", "refused", "last_admin"),
        ("tenure policy push", "policy", "done", ""),
    ]
    assert {entry.actor.kind for entry in entries} == {ActorKind.COMMAND}
    assert all(entry.address for entry in entries)
    assert entries[1].target.id
    assert entries[3].target.id == "default"
    assert key not in str(entries)
    assert "ada@example.com" not in str(entries)


async def test_a_command_for_a_tenant_is_in_that_tenants_audit(shell: Terminal) -> None:
    await shell.run("tenants", "add", "acme")
    await shell.run("keys", "create", "--role", "service", "--tenant", "acme")

    assert [entry.action for entry in await noted(shell, "acme")] == ["tenure keys create"]
    assert [entry.action for entry in await noted(shell)] == ["tenure tenants add"]


async def test_what_only_looks_is_not_noted(shell: Terminal) -> None:
    await shell.run("keys", "list")
    await shell.run("operators", "list")

    assert await noted(shell) == []
