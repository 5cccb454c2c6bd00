"""The simulator in a process of its own, so that it can be killed: python -m tests.sandbox.stripe.alone STORE HOOK."""

import asyncio
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

from sandbox.serving import serve
from sandbox.stripe import StripeSimulator
from tests.sandbox.stripe.shop import API_KEY, WEBHOOK_SECRET

AHEAD = timedelta(days=40)
"""How far Ada's clock is moved before anything else happens in a new store."""


async def main(store: Path, hook: str, *, is_new: bool) -> None:
    simulator = StripeSimulator(store, api_key=API_KEY, webhook_secret=WEBHOOK_SECRET)
    simulator.webhook_url = hook
    if is_new:
        await simulator.advance("ada", datetime.now(UTC) + AHEAD)
    async with serve(simulator.app) as simulator.base_url:
        await simulator.start()
        sys.stdout.write(f"{simulator.base_url}\n")
        sys.stdout.flush()
        await asyncio.Event().wait()


if __name__ == "__main__":
    file = Path(sys.argv[1])
    asyncio.run(main(file, sys.argv[2], is_new=not file.exists()))
