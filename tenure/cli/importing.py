"""`tenure import`: a product that is on Stripe already moves to Tenure, and its customers notice nothing."""

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
from storage.subscriptions.adoptions import Adoptions
from storage.subscriptions.customers import Customers
from tenure.cli.connections import database, stripe_payments, temporal
from tenure.cli.pacing import Pace
from tenure.cli.take_over import Offer, Result, TakeOver

MOST_RATE = 50.0
"""Calls a second: the rest of what Stripe allows is for what goes on meanwhile."""


def import_(
    *,
    map_: Annotated[Path | None, Parameter(name="--map")] = None,
    dry_run: Annotated[bool, Parameter(negative="")] = False,
    rate: float = 20.0,
    only: Annotated[list[str] | None, Parameter(negative="")] = None,
    external_id: str = "metadata:external_id",
) -> None:
    """Adopt the subscriptions that a product already has at Stripe; safe to interrupt and to repeat.

    Status 1 when some could not be adopted that should have been. What is skipped is told with the reason.

    Parameters
    ----------
    map_
        A file that says which plan or add-on a price stands for that the catalog has not made.
    dry_run
        Only tell what would be done; nothing is written anywhere.
    rate
        Calls to Stripe a second, at most.
    only
        Only this subscription of Stripe's, sub_...; may be given several times.
    external_id
        What customers are called here: metadata:KEY of the Stripe customer (their Stripe id where it is missing),
        or customer for their Stripe id.
    """
    if not 0 < rate <= MOST_RATE:
        raise Malformed(f"--rate must be above 0 and at most {MOST_RATE:g} calls a second", field="rate")
    wish = ImportOptions(map_, dry_run, rate, tuple(only or ()), _key_of(external_id))
    if not asyncio.run(_import(wish)):
        sys.exit(1)


@dataclass(frozen=True)
class ImportOptions:
    """What the command line asks for."""

    map_file: Path | None
    dry_run: bool
    rate: float
    only: tuple[str, ...]
    external_id_key: str


def _key_of(external_id: str) -> str:
    """The key in a customer's metadata; empty: they are called as at the provider."""
    kind, _, key = external_id.partition(":")
    if external_id == "customer":
        return ""
    if kind != "metadata" or not key:
        raise Malformed("--external-id must be metadata:KEY or customer", field="external_id")
    return key


async def _import(wish: ImportOptions) -> bool:
    """Whether nothing failed."""
    told: Counter[Result] = Counter()
    async with _take_over(wish, load_settings(Process.IMPORT)) as take_over:
        async for verdict in take_over.all(wish.only):
            told[verdict.result] += 1
            print(f"{verdict.agreement_ref}  {verdict.result:<12} {verdict.words}", flush=True)
    order = (Result.WOULD if wish.dry_run else Result.ADOPTED, Result.OURS, Result.SKIPPED, Result.FAILED)
    print(", ".join(f"{told[result]} {result}" for result in order))
    return not told[Result.FAILED]


@asynccontextmanager
async def _take_over(wish: ImportOptions, settings: ImportSettings) -> AsyncIterator[TakeOver]:
    catalog = load_catalog(settings.catalog)
    prices = load_price_map(wish.map_file, catalog) if wish.map_file is not None else PriceMap()
    offer = Offer(catalog, load_policy(settings.policy), prices, wish.external_id_key)
    async with AsyncExitStack() as exits:
        stripe = await exits.enter_async_context(stripe_payments(settings))
        engine = await exits.enter_async_context(database(settings))
        # To tell what would be done takes no workflow.
        client = None if wish.dry_run else await temporal(settings)
        yield TakeOver(
            stripe, stripe, Pace(wish.rate), Customers(engine), Adoptions(engine, DEFAULT_TENANT), client, offer
        )
