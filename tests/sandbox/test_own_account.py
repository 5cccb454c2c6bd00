"""The sandbox's account at its Stripe is set up as docs/stripe.md says, however often the sandbox starts."""

from pathlib import Path

import stripe

from configuration.catalog_file import load_catalog
from domain.findings import Finding
from gateways.stripe.http_client import connected
from gateways.stripe.setup_check import ExpectedSetup, check_setup
from sandbox.own_account import open_portal, register_endpoint
from sandbox.secrets import Secrets
from sandbox.stack import Stack
from tests.harness.catalogs import CATALOG


async def _examined(client: stripe.StripeClient, wanted: ExpectedSetup) -> list[Finding]:
    return [check for check in await check_setup(client, wanted) if not check.is_fine]


async def test_the_doctor_finds_nothing_to_fix_in_the_sandbox(stack: Stack, stack_folder: Path) -> None:
    key = Secrets.of(stack_folder).stripe_key
    url = f"{stack.addresses.api_url}/webhooks/stripe"
    wanted = ExpectedSetup(key, url, 1, load_catalog(CATALOG))

    async with connected(key, stack.addresses.stripe_url) as client:
        assert await _examined(client, wanted) == []

        await register_endpoint(client, url)
        await open_portal(client)
        assert await _examined(client, wanted) == []
