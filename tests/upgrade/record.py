"""Keeps the database and the servers of a world of today: `python -m tests.upgrade.record NAME`.

What is kept already stays: a release must carry on what earlier ones began. So record under a new name.
"""

import asyncio
import logging
import shutil
import sys
from collections import Counter
from pathlib import Path
from unittest.mock import patch

import structlog

from sandbox.options import Options
from sandbox.product import Product
from sandbox.stack import running
from storage.webhooks.inbox import Inbox
from tests.harness.catalogs import POLICY as DEFAULT_POLICY
from tests.harness.folders import data_folder
from tests.harness.lives import Life
from tests.harness.patience import until
from tests.upgrade.keeping import CATALOG, KEPT, POLICY, KeptLife, World, keep, now, sizes
from tests.upgrade.lives import AHEAD, ONE_BY_ONE, SIDE_BY_SIDE, Play, leave_in_disorder

SHOP = Path(__file__).parent / "shop.yaml"
AT_ONCE = 6


async def record(name: str) -> Path:
    """Play all lives, stop everything as a release does, and keep it."""
    kept = KEPT / name
    if kept.exists():
        raise FileExistsError(f"{kept} is kept already: give the recording a new name")
    with data_folder() as data:
        async with running(Options(data, SHOP, DEFAULT_POLICY, ui=False)) as stack, Product(stack.addresses) as product:
            lives = await _played(product)
            told = {each: await _told(life) for each, life in lives.items()}
            await leave_in_disorder(product, lives)
            await until(lambda: Inbox(stack.engine).waiting())
            told["mail_on_its_way"] = await _told(lives["mail_on_its_way"])
        stopped_at = now()
        world = World(stopped_at, stopped_at + AHEAD, told)
        await keep(data, kept)
    world.write(kept)
    shutil.copy(SHOP, kept / CATALOG)
    shutil.copy(DEFAULT_POLICY, kept / POLICY)
    return kept


async def _played(product: Product) -> dict[str, Life]:
    gate = asyncio.Semaphore(AT_ONCE)

    async def play(one: Play) -> tuple[str, Life]:
        async with gate:
            return one.__name__, await one(product, f"kept-{one.__name__.replace('_', '-')}")

    lives = dict(await asyncio.gather(*(play(one) for one in SIDE_BY_SIDE)))
    return lives | dict([await play(one) for one in ONE_BY_ONE])


async def _told(life: Life) -> KeptLife:
    bills = (await life.product.get("/v1/invoices", customer=life.external_id))["data"]
    mails = await life.product.mails(life.external_id)
    return KeptLife(
        life.id,
        life.external_id,
        await life.stands(),
        dict(Counter(bill["status"] for bill in bills)),
        dict(Counter(mail["headers"]["X-Tenure-Occasion"] for mail in mails)),
    )


if __name__ == "__main__":
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))
    # What is left in disorder at the end is told of there, with all its traces.
    logging.getLogger("temporalio").setLevel(logging.CRITICAL)
    with patch("socket.gethostname", return_value="host"):
        recorded = asyncio.run(record(sys.argv[1]))
    for file, size in sizes(recorded):
        print(f"{file} {size:,} bytes")  # noqa: T201 - it is a command
