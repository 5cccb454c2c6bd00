"""`tenure import`: moves a product from plain Stripe to Tenure without its customers noticing."""

import asyncio
import sys
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from configuration.catalog_file import load_catalog
from configuration.loading import Process, load_settings
from configuration.policy_file import load_policy
from configuration.price_map import load_price_map
from configuration.settings import ImportSettings
from domain.errors import Malformed
from domain.imports.adoption import PriceMap
from domain.names import DEFAULT_TENANT
from storage.access.tenants import Tenants
from storage.catalog.policies import Policies
from storage.subscriptions.adoptions import Adoptions
from storage.subscriptions.customers import Customers
from storage.subscriptions.trial_key import check_trial_key
from tenure.cli.audited import noted
from tenure.cli.connections import database, hold_to_payload_keys, payment_provider, temporal
from tenure.cli.pacing import Pace
from tenure.cli.processes import trial_key_of
from tenure.cli.progress import progress
from tenure.cli.take_over import Offer, Result, TakeOver

MOST_RATE = 50.0
"""Calls per second: the rest of Stripe's rate limit is left to production traffic."""


def import_(
    *,
    map_: Annotated[Path | None, Parameter(name="--map")] = None,
    dry_run: Annotated[bool, Parameter(negative="")] = False,
    rate: float = 20.0,
    only: Annotated[list[str] | None, Parameter(negative="")] = None,
    external_id: str = "metadata:external_id",
    tenant: str = DEFAULT_TENANT,
) -> None:
    """Adopt the subscriptions that a product already has at Stripe; safe to interrupt and to repeat.

    Exits with status 1 when an adoption failed. Skipped subscriptions are listed with the reason.

    Parameters
    ----------
    map_
        A file that maps Stripe prices which the catalog did not create to plans and add-ons.
    dry_run
        Only show what would be done; nothing is written.
    rate
        Maximum number of calls to Stripe per second.
    only
        Only this Stripe subscription, sub_...; can be repeated.
    external_id
        Where a customer's external id comes from: metadata:KEY of the Stripe customer (the Stripe id where that is
        missing), or customer for the Stripe id.
    tenant
        Whose customers they become.
    """
    if not 0 < rate <= MOST_RATE:
        raise Malformed(f"--rate must be above 0 and at most {MOST_RATE:g} calls per second", field="rate")
    options = ImportOptions(map_, dry_run, rate, tuple(only or ()), _key_of(external_id), tenant)
    if not asyncio.run(_import(options)):
        sys.exit(1)


@dataclass(frozen=True)
class ImportOptions:
    """The options of the command line."""

    map_file: Path | None
    dry_run: bool
    rate: float
    only: tuple[str, ...]
    external_id_key: str
    tenant: str


def _key_of(external_id: str) -> str:
    """The key in a customer's metadata; empty: the provider's own id."""
    kind, _, key = external_id.partition(":")
    if external_id == "customer":
        return ""
    if kind != "metadata" or not key:
        raise Malformed("--external-id must be metadata:KEY or customer", field="external_id")
    return key


async def _import(options: ImportOptions) -> bool:
    """True if nothing failed."""
    counts: Counter[Result] = Counter()
    with progress("Connecting") as shown:
        async with _take_over(options, load_settings(Process.IMPORT)) as take_over:
            shown.say("Reading subscriptions from Stripe")
            async for verdict in take_over.all(options.only):
                counts[verdict.result] += 1
                shown.print(f"{verdict.agreement_ref}  {verdict.result:<12} {verdict.words}")
                shown.say(f"{counts.total()} subscriptions so far")
    order = (Result.WOULD if options.dry_run else Result.ADOPTED, Result.OURS, Result.SKIPPED, Result.FAILED)
    print(", ".join(f"{counts[result]} {result}" for result in order))
    return not counts[Result.FAILED]


@asynccontextmanager
async def _take_over(options: ImportOptions, settings: ImportSettings) -> AsyncIterator[TakeOver]:
    catalog = load_catalog(settings.catalog)
    prices = load_price_map(options.map_file, catalog) if options.map_file is not None else PriceMap()
    policy = load_policy(settings.policy)
    offer = Offer(catalog, policy, prices, options.external_id_key)
    async with AsyncExitStack() as exits:
        provider = await exits.enter_async_context(payment_provider(settings))
        engine = await exits.enter_async_context(database(settings))
        await check_trial_key(engine, trial_key_of(settings))
        await Tenants(engine).check(options.tenant)
        await Policies(engine).check(policy)
        if not options.dry_run:
            await hold_to_payload_keys(settings, engine)
            await exits.enter_async_context(noted(engine, "import", tenant=options.tenant))
        # A dry run starts no workflow.
        client = None if options.dry_run else await temporal(settings)
        yield TakeOver(
            provider.agreements,
            provider.contacts,
            provider.handover,
            Pace(options.rate),
            Customers(engine),
            Adoptions(engine, options.tenant),
            client,
            offer,
        )
