"""What differs between provider, database and workflow is found, and healed once."""

from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import timedelta
from pathlib import Path

import pytest
import stripe

from gateways.stripe_http import connected
from sandbox.product import Product
from sandbox.secrets import Secrets
from sandbox.stack import Options, Stack, running
from storage.reconciling import Reconciliations
from tenure.cli.reconcile import run_now
from tests.harness.lives import CATALOG, POLICY, Life

Begin = Callable[..., Awaitable[Life]]
Differences = set[tuple[str, str]]
PAID_START = {"trial_days": 0, "payment_method": "pm_card_visa"}
A_DAY = timedelta(days=1)


@pytest.fixture(scope="module")
async def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("reconciled")


@pytest.fixture(scope="module")
async def stack(folder: Path) -> AsyncIterator[Stack]:
    """A stack of its own: a reconciliation looks at all that live on it."""
    async with running(Options(folder, CATALOG, POLICY, durable=False, ui=False)) as stack:
        yield stack


@pytest.fixture(scope="module")
async def product(stack: Stack) -> AsyncIterator[Product]:
    async with Product(stack.addresses) as product:
        yield product


@pytest.fixture(scope="module")
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


pytestmark = pytest.mark.usefixtures("healed")


async def test_renewals_whose_webhooks_never_came_are_taken_over_once(begin: Begin, reconcile: Reconciler) -> None:
    life = await begin(**PAID_START)
    await life.product.faults(webhooks={"drop": True})
    await life.live_until("renew")
    await life.live(timedelta(hours=2))

    listed = await reconcile(fix=False)
    before = await life.stands()
    healed = await reconcile()

    assert listed == Counter({("payment_unheard", life.id, "listed"): 1})
    assert before["current_period_end"] < (await life.stands())["current_period_end"]
    assert healed == Counter({("payment_unheard", life.id, "healed"): 1})
    assert await reconcile() == Counter()
    assert await life.bills() == Counter(paid=2)
    assert await life.mails() == Counter(converted=1, receipt=2)
    renewed = [entry for entry in await life.past() if entry["kind"] == "renewed"]
    assert [entry["cause"]["kind"] for entry in renewed] == ["reconciliation"]
