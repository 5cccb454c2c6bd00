"""Commands about configuration files: `tenure catalog check|push`, `tenure policy check|migrate`."""

import asyncio
from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from configuration.catalog_file import load_catalog
from configuration.catalog_summary import check_catalog
from configuration.loading import Process, load_settings
from configuration.policy_summary import check_policy
from domain.plans import Catalog
from gateways.stripe_catalog import push as push_to_stripe
from gateways.stripe_http import connected


def check_one_catalog(file: Path) -> None:
    """Read a plan catalog and tell what is for sale, or every line that is wrong."""
    print(check_catalog(file))


def check_one_policy(file: Path) -> None:
    """Read a policy and tell what it does, or every line that is wrong."""
    print(check_policy(file))


def push(
    file: Path, *, dry_run: Annotated[bool, Parameter(help="only tell what would be done", negative="")] = False
) -> None:
    """Bring the catalog's products and prices to Stripe; safe to repeat, no price there is ever changed."""
    asyncio.run(_push(load_catalog(file), dry_run=dry_run))


async def _push(catalog: Catalog, *, dry_run: bool) -> None:
    settings = load_settings(Process.CATALOG)
    async with connected(settings.stripe_api_key.get_secret_value(), settings.stripe_api_base) as stripe:
        made = await push_to_stripe(stripe, catalog, dry_run=dry_run)
    for line in made:
        print(f"{'would make' if dry_run else 'made'}: {line}")
    if not made:
        print("Stripe has all of it already.")
