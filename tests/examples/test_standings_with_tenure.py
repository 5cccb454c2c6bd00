"""The product's copy of what its users have, kept by a real Tenure's events."""

from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest

from examples.social_suite.app import create_app
from sandbox.processes import free_port
from sandbox.serving import serve
from sandbox.stack import Addresses
from tenure.client import AsyncTenure, OfCustomer, Options
from tests.harness.patience import PATIENT, until
from tests.harness.social import UNHURRIED


@pytest.fixture
async def user(social: Addresses, name: str) -> AsyncIterator[httpx.AsyncClient]:
    """Somebody who uses the product, which Tenure tells of everything."""
    port = free_port()
    async with AsyncTenure(social.api_url, social.admin_key, Options(staleness=60, quick=UNHURRIED)) as tenure:
        endpoint = await tenure.create_webhook_endpoint(f"http://127.0.0.1:{port}/hooks/tenure")
        product = create_app(tenure, secrets=[endpoint.secret or ""])
        try:
            async with (
                serve(product, port=port) as url,
                httpx.AsyncClient(base_url=url, headers={"X-User": name}, timeout=PATIENT, trust_env=False) as user,
            ):
                yield user
        finally:
            async with AsyncTenure(social.api_url, social.admin_key) as operator:
                await operator.delete_webhook_endpoint(endpoint.id)


async def test_what_a_user_has_is_never_older_than_the_event(
    user: httpx.AsyncClient, social: Addresses, name: str
) -> None:
    assert (await user.get("/plan/standing")).status_code == 404
    begun = await user.post("/plan/trial", json={"plan": "pro", "email": f"{name}@example.com"})
    assert begun.status_code == 201, begun.text
    await until(lambda: has_status(user, "trialing"))
    # From here on the client remembers what it was told, for a minute.
    assert (await user.get("/posts/analytics")).status_code == 200

    async with AsyncTenure(social.api_url, social.admin_key) as operator:
        await operator.suspend(OfCustomer(name), "a test")

    await until(lambda: has_status(user, "suspended"))
    shown: dict[str, Any] = (await user.get("/plan/standing")).json()
    assert (shown["plan"], shown["access"]) == ("pro", "none")
    assert (await user.get("/posts/analytics")).status_code in (402, 403)


async def has_status(user: httpx.AsyncClient, status: str) -> bool:
    """Whether the copy says so."""
    shown = await user.get("/plan/standing")
    return shown.status_code == 200 and shown.json()["status"] == status
