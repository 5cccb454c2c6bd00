"""A trial that is taken over is lost before, or just after, it has ended at Stripe: one of both bills, never none."""

from collections import Counter
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from domain.subscription.state import Subscription
from gateways.stripe.provider import stripe_provider
from sandbox.product import Product
from sandbox.stack import Stack
from tests.harness.elsewhere import Elsewhere
from tests.harness.lives import Life
from tests.harness.names import a_name
from tests.stories.reconciliation.conftest import Reconciler


@pytest.fixture
async def elsewhere(stack: Stack, folder: Path) -> AsyncIterator[Elsewhere]:
    async with Elsewhere.at(stack.addresses, folder) as elsewhere:
        yield elsewhere


async def lost(elsewhere: Elsewhere, name: str, price: str) -> Subscription:
    """A trial of Stripe's that is written down as taken over, and whose workflow is gone."""
    ends_at = int((datetime.now(UTC) + timedelta(days=5)).timestamp())
    agreement = await elsewhere.subscriber(name, price, trial_end=ends_at)
    trial = await elsewhere.life_of(agreement, {price: "starter"})
    await elsewhere.lost(trial)
    return trial


@pytest.mark.parametrize("is_ended", [False, True], ids=["before-the-end", "after-the-end"])
async def test_it_is_found_ended_at_stripe_and_converted_here_once(
    elsewhere: Elsewhere, product: Product, reconcile: Reconciler, is_ended: bool
) -> None:
    name, price = a_name("lost-trial"), await elsewhere.price(3900)
    trial = await lost(elsewhere, name, price)
    if is_ended:
        await stripe_provider(elsewhere.api).handover.end_trial(trial.agreement_ref, trial.id, key=a_name("end"))
    (told,) = await elsewhere.verdicts(trial.agreement_ref, plans={price: "starter"})
    assert (told.result, told.words) == ("already ours", trial.id)

    found = await reconcile()

    life = Life(product, name, {"id": trial.id})
    assert found["workflow_missing", trial.id, "healed"] == 1, found
    await life.live_until_converted()
    assert (await elsewhere.found(trial.agreement_ref))["status"] == "canceled"
    assert await elsewhere.bills(trial.agreement_ref) == [("paid", 0)]
    assert (await life.bills())["paid"] == 1
    assert (await life.kinds())["handed_over"] == 1
    assert await reconcile() == Counter()


@pytest.mark.parametrize("what", ["converted", "canceled"])
async def test_what_became_of_it_at_stripe_meanwhile_stays(
    elsewhere: Elsewhere, product: Product, reconcile: Reconciler, what: str
) -> None:
    name, price = a_name("lost-early"), await elsewhere.price(3900)
    trial = await lost(elsewhere, name, price)
    if what == "converted":
        await elsewhere.api.v1.subscriptions.update_async(trial.agreement_ref, {"trial_end": "now"})
    else:
        await elsewhere.api.v1.subscriptions.cancel_async(trial.agreement_ref)
    left = await elsewhere.found(trial.agreement_ref)

    await reconcile()

    life = Life(product, name, {"id": trial.id})
    assert await life.status() == ("canceled", "none")
    assert await elsewhere.found(trial.agreement_ref) == left
    assert await life.bills() == Counter()
    assert await life.mails() == Counter()
    if what == "converted":
        (again,) = await elsewhere.verdicts(trial.agreement_ref, plans={price: "starter"})
        assert again.result == "adopted"
        assert again.words.startswith("starter/month x1, $39.00, active until ")
        assert trial.id not in again.words
    assert await reconcile() == Counter()
