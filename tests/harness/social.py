"""The suite for social media on the session's stack: its catalog, and paid plans."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from configuration.catalog_file import load_catalog
from domain.subscription.policy import DEFAULT_POLICY
from gateways.stripe.catalog_push import push
from gateways.stripe.http_client import connected
from sandbox.secrets import Secrets
from sandbox.stack import Addresses, Stack
from tenure.client.retry import RetryPolicy
from tests.harness.catalogs import CATALOGS
from tests.harness.patience import PATIENT

UNHURRIED = RetryPolicy(total_timeout=PATIENT, attempt_timeout=PATIENT)
"""The client waits as long as a busy machine needs."""


@asynccontextmanager
async def social_suite(stack: Stack, folder: Path) -> AsyncIterator[Addresses]:
    """A second API of the stack that sells catalogs/social.yaml, whose prices Stripe has."""
    catalog = load_catalog(CATALOGS / "social.yaml")
    async with connected(Secrets.of(folder).stripe_key, stack.addresses.stripe_url) as stripe:
        await push(stripe, catalog)
    async with stack.under(DEFAULT_POLICY, catalog) as addresses:
        yield addresses
