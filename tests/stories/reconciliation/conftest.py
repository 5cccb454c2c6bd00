"""A stack of its own for reconciliations: each looks at all that live there."""

from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from pathlib import Path

import pytest
import stripe

from gateways.stripe.http_client import connected
from sandbox.product import Product
from sandbox.secrets import Secrets
from sandbox.stack import Stack
from storage.reconciliation import Reconciliations
from tenure.cli.reconcile import run_now
from tests.harness.folders import migrated_folder
from tests.harness.lives import Life
from tests.harness.own_stack import own_stack

Begin = Callable[..., Awaitable[Life]]
PAID_START = {"trial_days": 0, "payment_method": "pm_card_visa"}


@pytest.fixture(scope="session")
def folder() -> Iterator[Path]:
    with migrated_folder() as folder:
        yield folder


@pytest.fixture(scope="session")
async def stack(folder: Path) -> AsyncIterator[Stack]:
    """A stack of its own: a reconciliation looks at all that live on it."""
    async with own_stack(folder) as stack:
        yield stack


@pytest.fixture(scope="session")
async def product(stack: Stack) -> AsyncIterator[Product]:
    async with Product(stack.addresses) as product:
        yield product


@pytest.fixture(scope="session")
async def api(stack: Stack, folder: Path) -> AsyncIterator[stripe.StripeClient]:
    """Stripe, behind Tenure's back."""
    async with connected(Secrets.of(folder).stripe_key, stack.simulator.base_url) as client:
        yield client


class Reconciler:
    """Reconciles, and tells what was found."""

    def __init__(self, stack: Stack) -> None:
        self._stack = stack

    async def __call__(self, *, fix: bool = True) -> Counter[tuple[str, str, str]]:
        """Kind, subscription (or agreement) and outcome of all that was found."""
        done = await run_now(self._stack.client, fix=fix)
        found = await Reconciliations(self._stack.engine).of_run(done.run)
        return Counter((each.kind, each.subscription or each.agreement_ref, each.outcome) for each in found)


@pytest.fixture
def reconcile(stack: Stack) -> Reconciler:
    return Reconciler(stack)
