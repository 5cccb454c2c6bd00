"""What `tenure doctor` says when one of its checks goes wrong in a way of its own."""

import re
from collections.abc import AsyncIterator

import asyncpg
import pytest
import pytest_asyncio

from domain.findings import Finding
from tenure.cli import doctor
from tests.configuration.conftest import bare_environment, environment
from tests.harness.catalogs import CATALOG, POLICY
from tests.harness.postgres import Databases

__all__ = ["bare_environment", "environment"]


@pytest.mark.usefixtures("environment")
async def test_a_check_that_fails_in_an_unexpected_way_is_a_line_to_fix_beside_all_others(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async def fine(_settings: object) -> str:
        return "fine"

    async def broken(_settings: object) -> str:
        raise RuntimeError("the card is in the wrong slot\nand upside down")

    async def silent(_settings: object) -> str:
        raise RuntimeError

    for name in ("_catalog", "_policy", "_database", "_temporal"):
        monkeypatch.setattr(doctor, name, fine)
    monkeypatch.setattr(doctor, "_stripe", broken)
    monkeypatch.setattr(doctor, "_mail", silent)

    first, *others = await doctor.examine()

    assert first.is_fine
    assert others == [
        *(Finding(subject, True, "fine") for subject in ("catalog", "policy", "database", "temporal")),
        Finding("stripe", False, "RuntimeError: the card is in the wrong slot and upside down"),
        Finding("mail", False, "RuntimeError"),
    ]


@pytest_asyncio.fixture
async def url_of_the_api(databases: Databases, database_url: str) -> AsyncIterator[str]:
    """A migrated database for a login that sees the rows of one tenant alone."""
    superuser = await asyncpg.connect(databases.superuser_url)
    await superuser.execute("CREATE ROLE examined LOGIN PASSWORD 'k7Qx2mVb' IN ROLE tenure_app")
    yield re.sub(r"//.*?@", "//examined:k7Qx2mVb@", database_url)
    await superuser.execute("DROP ROLE examined")
    await superuser.close()


async def test_policies_are_compared_with_the_login_that_sees_every_tenant(
    environment: pytest.MonkeyPatch, database_url: str, url_of_the_api: str
) -> None:
    async def fine(_settings: object) -> str:
        return "fine"

    for name in ("_catalog", "_database", "_temporal", "_stripe", "_mail"):
        environment.setattr(doctor, name, fine)
    environment.setenv("TENURE_CATALOG", str(CATALOG))
    environment.setenv("TENURE_POLICY", str(POLICY))
    environment.setenv("TENURE_DATABASE_URL", url_of_the_api)
    environment.setenv("TENURE_SYSTEM_DATABASE_URL", database_url)

    [policy] = [finding for finding in await doctor.examine() if finding.subject == "policy"]

    assert policy.is_fine, policy.words


async def test_an_address_of_the_database_that_cannot_be_carried_out_is_a_line_to_fix(
    environment: pytest.MonkeyPatch,
) -> None:
    environment.setenv("TENURE_DATABASE_URL", "postgresql://u:hunter2@h/d?sslmode=require&channel_binding=require")
    [finding] = await doctor.examine()
    assert not finding.is_fine
    assert finding.words.startswith("TENURE_DATABASE_URL has channel_binding=require, which the driver cannot do: ")
