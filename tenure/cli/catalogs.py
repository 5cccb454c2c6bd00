"""Commands about catalogs: `tenure catalog check|schema|diff|push`."""

import asyncio
import sys
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Annotated

from cyclopts import Parameter
from sqlalchemy.ext.asyncio import AsyncEngine

from configuration.catalog_changes import changes
from configuration.catalog_file import load_catalog
from configuration.catalog_schema import catalog_schema
from configuration.catalog_summary import check_catalog
from configuration.loading import Process, load_settings
from configuration.offer_check import load_offer
from configuration.settings import PushSettings
from domain.audit import AuditTarget
from domain.catalog.plans import Catalog
from domain.errors import Rejected
from gateways.stripe.catalog_push import push as push_to_stripe
from gateways.stripe.http_client import connected
from storage.catalog.catalogs import Catalogs
from storage.catalog.current import put_in_force
from storage.db.engine import create_engine_from_url
from storage.db.roles import DatabaseRole
from tenure.cli.audited import noted
from tenure.cli.catalog_impact import Outlook, Step, outlook, refuse_in_place
from tenure.cli.connections import database


def check(file: Path, *, policy: Path | None = None) -> None:
    """Check a plan catalog and print what it sells, or every error with its line.

    Parameters
    ----------
    file
        The catalog.
    policy
        The policy that it is used with: whether the catalog has the plans that the policy names is checked, too.
    """
    if policy is not None:
        load_offer(file, policy)
    print(check_catalog(file))


def schema() -> None:
    """Print the JSON Schema of catalogs, for editors."""
    sys.stdout.write(catalog_schema())


def diff(file: Path, other: Path | None = None) -> None:
    """Show how two catalog files differ, or how a file differs from the published catalog, and whom that affects.

    Parameters
    ----------
    file
        A catalog; with a second one, the earlier of the two.
    other
        The later catalog. Without it, the file is compared with the published catalog.
    """
    if other is None:
        asyncio.run(_diff(load_catalog(file)))
        return
    before, after = load_catalog(file), load_catalog(other)
    differing = changes(before, after)
    print(f"{after.name} compared with {before.name}")
    for line in differing.lines() if not differing.are_none else ["no differences"]:
        print(f"  {line}")


async def _diff(catalog: Catalog) -> None:
    settings = load_settings(Process.CATALOG_DIFF)
    async with database(settings) as engine:
        _print_impact(await outlook(engine, catalog))


def push(
    file: Path,
    *,
    in_place: Annotated[bool, Parameter(negative="")] = False,
    in_force: Annotated[bool, Parameter(negative="")] = False,
    dry_run: Annotated[bool, Parameter(negative="")] = False,
) -> None:
    """Create a catalog's products and prices at Stripe, and publish it; safe to repeat.

    Prices at Stripe never change. A version older than a published one serves the subscriptions that chose from it:
    it is not offered again, and Stripe stays as it is. Without TENURE_DATABASE_URL nothing is published: `tenure api`
    publishes the catalog when it starts.

    Parameters
    ----------
    file
        The catalog.
    in_place
        Change what the plans of a published version include, for all of its subscriptions.
    in_force
        Put the catalog in force now, though a later one is: after a release was taken back. Customers without a
        subscription have the free plan of the catalog in force. Otherwise the first API that starts with a catalog
        puts it in force, and none that starts later with an earlier catalog changes that.
    dry_run
        Only show what would be done, and whom it would affect.
    """
    asyncio.run(_push(load_catalog(file), in_place=in_place, in_force=in_force, dry_run=dry_run))


async def _push(catalog: Catalog, *, in_place: bool, in_force: bool, dry_run: bool) -> None:
    settings = load_settings(Process.CATALOG)
    if settings.database_url is None:
        if in_place or in_force:
            raise Rejected("published catalogs are in the database: set TENURE_DATABASE_URL", code="no_database")
        await _to_stripe(settings, catalog, dry_run=dry_run)
        print(f"TENURE_DATABASE_URL is not set: `tenure api` publishes {catalog.name} when it starts with this file.")
        return
    engine = create_engine_from_url(settings.database_url.get_secret_value(), role=DatabaseRole.SYSTEM)
    try:
        ahead = await outlook(engine, catalog)
        _print_impact(ahead)
        _refuse(ahead, in_place=in_place)
        async with AsyncExitStack() as exits:
            if not dry_run:
                await exits.enter_async_context(noted(engine, "catalog push", AuditTarget("catalog", catalog.name)))
            await _push_ahead(settings, engine, ahead, dry_run=dry_run)
            if in_force:
                await _put_in_force(engine, catalog, dry_run=dry_run)
    finally:
        await engine.dispose()


async def _push_ahead(settings: PushSettings, engine: AsyncEngine, ahead: Outlook, *, dry_run: bool) -> None:
    if ahead.step is Step.OLDER:
        # Its prices exist, as subscriptions pay them; names at Stripe are those of the newest version.
        print("Stripe stays as it is.")
    else:
        await _to_stripe(settings, ahead.catalog, dry_run=dry_run)
    await _publish(engine, ahead, dry_run=dry_run)


def _print_impact(ahead: Outlook) -> None:
    for line in ahead.lines():
        print(line)
    sys.stdout.flush()


def _refuse(ahead: Outlook, *, in_place: bool) -> None:
    if ahead.step is not Step.IN_PLACE:
        return
    refuse_in_place(ahead)
    if not in_place:
        raise Rejected(
            f"{ahead.catalog.name} is published with different content: raise the version, so that running"
            " subscriptions keep what they have, or use --in-place to change it for all of them",
            code="catalog_differs",
        )


async def _to_stripe(settings: PushSettings, catalog: Catalog, *, dry_run: bool) -> None:
    async with connected(settings.stripe_api_key.get_secret_value(), settings.stripe_api_base) as stripe:
        made = await push_to_stripe(stripe, catalog, dry_run=dry_run)
    for line in made:
        print(f"{'would create' if dry_run else 'created'}: {line}")
    if not made:
        print("Stripe has everything already.")


async def _publish(engine: AsyncEngine, ahead: Outlook, *, dry_run: bool) -> None:
    if ahead.step is Step.NONE:
        return
    in_place = ahead.step is Step.IN_PLACE
    if not dry_run:
        await Catalogs(engine).publish(ahead.catalog, in_place=in_place)
    would = "would be " if dry_run else ""
    print(f"{would}{'changed in place' if in_place else 'published'}: {ahead.catalog.name}")


async def _put_in_force(engine: AsyncEngine, catalog: Catalog, *, dry_run: bool) -> None:
    if not dry_run:
        await put_in_force(engine, catalog.name, again=True)
    print(f"{'would be put' if dry_run else 'put'} in force: {catalog.name}")
