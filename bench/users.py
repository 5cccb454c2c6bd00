"""A thousand clients at once, who ask as a product's pages do, beside as many requests that do nothing."""

import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from random import Random

from bench.many_customers import CATALOG, CUSTOMERS, Requests, allow_connections, check_by, consume_by, fill, get_by
from bench.posting import request
from bench.side_by_side import POLICY, Figures, a_round, beside, process, settings_of
from sandbox.options import Options
from sandbox.stack import Stack, running

ROUNDS, EACH = 5, 10
"""Requests of each client in a round."""
SHARES = {"check": 60, "consume": 25, "customer": 5, "usage": 5, "subscriptions": 3, "banner": 2}
"""Of a hundred requests."""


async def measure() -> str:
    """Let the clients come in rounds, in turns with the same number of requests that do nothing."""
    allow_connections()
    with tempfile.TemporaryDirectory() as folder:
        catalog = Path(folder) / "catalog.yaml"
        catalog.write_text(CATALOG)
        async with running(Options(Path(folder), catalog, POLICY, durable=False, ui=False)) as stack:
            await fill(stack)
            settings = settings_of(stack, Path(folder), catalog)
            port = int(settings["TENURE_API_PORT"])
            asked, nothing = Figures(), Figures()
            async with process(settings, beside("tenure"), "api", port=port) as server:
                ready = _kinds(stack)
                for number in range(ROUNDS + 1):
                    # The first round only warms up.
                    mixed, floor = (asked, nothing) if number else (Figures(), Figures())
                    chance = Random(number)  # noqa: S311 - the same requests in every run
                    await a_round(server.port, _mixed(ready, chance), mixed, CUSTOMERS)
                    await a_round(server.port, [_nothing()] * (CUSTOMERS * EACH), floor, CUSTOMERS)
    return _report(asked, nothing)


def _kinds(stack: Stack) -> Mapping[str, Requests]:
    key = stack.addresses.admin_key
    return {
        "check": check_by(key),
        "consume": consume_by(key),
        "customer": get_by(key, "/v1/customers/{customer}"),
        "usage": get_by(key, "/v1/customers/{customer}/usage"),
        "subscriptions": get_by(key, "/v1/subscriptions?customer={customer}"),
        "banner": get_by(key, "/v1/customers/{customer}/banner"),
    }


def _mixed(ready: Mapping[str, Requests], random: Random) -> Sequence[bytes]:
    kinds = random.choices(list(SHARES), list(SHARES.values()), k=CUSTOMERS * EACH)
    return [ready[kind](turn % CUSTOMERS) for turn, kind in enumerate(kinds)]


def _nothing() -> bytes:
    return request("/healthz", {}, method="GET")


def _report(asked: Figures, nothing: Figures) -> str:
    return "\n".join(
        [
            f"{CUSTOMERS} clients at once, {ROUNDS} rounds of {CUSTOMERS * EACH} requests in turns with /healthz",
            "of a hundred: " + ", ".join(f"{share} {kind}" for kind, share in SHARES.items()),
            f"{'':<10}{'a second':>9}{'p50 ms':>9}{'p99 ms':>9}{'errors':>9}",
            *(
                f"{name:<10}{one.rate:>9.0f}{one.share(0.5):>9.0f}{one.share(0.99):>9.0f}{0:>9}"
                for name, one in (("mixed", asked), ("nothing", nothing))
            ),
            f"mixed / nothing: {asked.rate / nothing.rate:.2f} of its rate; a request that fails ends the run",
        ]
    )
