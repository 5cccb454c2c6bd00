"""A step that the provider does not take: everybody sees it, nothing else waits for it, and it goes on once mended."""

from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx
import pytest
import stripe
from temporalio.client import Client

from activities import failures
from domain.names import subscription_workflow_id
from gateways.stripe.http_client import connected
from sandbox.product import Product, RefusedError
from sandbox.secrets import Secrets
from sandbox.stack import Stack
from tenure.cli.reconcile import run_now
from tests.harness.lives import A_MINUTE, CONVERTED, Life
from tests.harness.names import a_name
from tests.harness.patience import until
from tests.harness.permissions import withheld
from workflows.subscription import visibility

Begin = Callable[..., Awaitable[Life]]
pytestmark = pytest.mark.usefixtures("healed")
AN_HOUR = timedelta(hours=1)


async def refuse(life: Life, status: int) -> None:
    await life.product.faults(stripe={"error_rate": 1, "status": status})


async def blocked(life: Life) -> dict[str, Any] | None:
    found: dict[str, Any] | None = (await life.stands())["blocked"]
    return found


async def shown_in_temporal(client: Client, life: Life) -> str | None:
    described = await client.get_workflow_handle(subscription_workflow_id(life.id)).describe()
    return described.typed_search_attributes.get(visibility.BLOCKED)


async def measured(stack: Stack, name: str) -> float:
    """What the API tells a scraper."""
    async with httpx.AsyncClient(timeout=30) as scraper:
        lines = (await scraper.get(f"{stack.addresses.api_url}/metrics")).text.splitlines()
    return float(next((line.rpartition(" ")[2] for line in lines if line.startswith(name)), "nan"))


@pytest.fixture(autouse=True)
def _told_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """A key that is not accepted is asked with once: how often it is, and how long that takes, others prove."""
    monkeypatch.setattr(failures, "FORBIDDEN_ATTEMPTS", 1)


@pytest.fixture
async def account(stack: Stack, stack_folder: Path) -> AsyncIterator[stripe.StripeClient]:
    """The account at Stripe as an operator has it."""
    async with connected(Secrets.of(stack_folder).stripe_key, stack.addresses.stripe_url) as client:
        yield client


async def test_a_conversion_with_a_key_that_is_not_accepted_is_blocked_within_a_minute_and_goes_on_once_mended(
    begin: Begin, stack: Stack
) -> None:
    life = await begin(payment_method="pm_card_visa")
    await life.live(timedelta(days=13))
    await refuse(life, 401)
    await life.live_until("convert")

    shown = await blocked(life)
    assert shown is not None
    assert (shown["action"], shown["code"]) == ("convert", "stripe_key")
    assert "does not accept our key" in shown["why"]
    next_try, since = datetime.fromisoformat(shown["next_try"]), datetime.fromisoformat(shown["since"])
    assert AN_HOUR <= next_try - since <= AN_HOUR + A_MINUTE
    assert await shown_in_temporal(stack.client, life) == "stripe_key"
    await life.live(timedelta(hours=3))
    assert (await life.kinds())["blocked"] == 1
    listed = [each["id"] for each in (await life.product.get("/v1/subscriptions", blocked="true"))["data"]]
    others = [each["id"] for each in (await life.product.get("/v1/subscriptions", blocked="false"))["data"]]
    assert life.id in listed
    assert life.id not in others

    async def is_measured() -> bool:
        # What was counted within the last seconds is told again.
        return await measured(stack, 'tenure_subscriptions_blocked_by_code{code="stripe_key"}') >= 1

    await until(is_measured)

    await life.product.faults()
    assert (await life.command("retry-payment"))["status"] == "active"

    assert await blocked(life) is None
    assert await shown_in_temporal(stack.client, life) is None
    assert (await life.kinds())["unblocked"] == 1
    assert await life.bills() == Counter(paid=1)
    assert await life.mails() == CONVERTED


async def test_reconciliation_lists_what_is_blocked_also_without_the_provider_and_tries_it_once_mended(
    begin: Begin, stack: Stack
) -> None:
    life = await begin(payment_method="pm_card_visa")
    await life.live(timedelta(days=13))
    await refuse(life, 403)
    await life.live_until("convert")

    in_vain = await run_now(stack.client, fix=False)

    assert "does not accept our key" in in_vain.tally.not_compared
    assert in_vain.tally.found["blocked"]["failed"] >= 1
    assert await life.status() == ("trialing", "full")
    await life.product.faults()
    mended = await run_now(stack.client, fix=False)
    assert mended.tally.not_compared == ""
    assert mended.tally.found["blocked"]["healed"] >= 1
    assert await life.status() == ("active", "full")
    assert await blocked(life) is None
    assert await life.bills() == Counter(paid=1)


async def test_an_archived_price_blocks_at_once_while_a_new_card_and_a_cancellation_are_taken(
    begin: Begin, account: stripe.StripeClient
) -> None:
    life = await begin(payment_method="pm_card_visa", plan="enterprise", interval="year")
    lookup_key = "manufacturing_enterprise_year_v1"
    [price] = (await account.v1.prices.list_async({"lookup_keys": [lookup_key]})).data
    await account.v1.prices.update_async(price.id, {"active": False})
    try:
        await life.live_until("convert")
        shown = await blocked(life)
        assert shown is not None
        assert shown["action"] == "convert"
        assert "price" in shown["why"]

        await life.command("payment-method", payment_method="pm_card_mastercard")
        assert await blocked(life) == shown
        over = await life.command("cancel", reason="it took too long")
    finally:
        await account.v1.prices.update_async(price.id, {"active": True})

    assert (over["status"], over["blocked"]) == ("canceled", None)
    assert await life.bills() == Counter()


async def test_a_hold_that_is_refused_is_seen_until_it_is_taken(begin: Begin, stack: Stack) -> None:
    life = await begin(trial_days=0, payment_method="pm_card_visa")
    await refuse(life, 403)

    paused = await life.command("pause")
    await life.live(A_MINUTE)

    shown = await blocked(life)
    assert shown is not None
    assert (paused["status"], shown["action"]) == ("paused", "hold")
    await life.product.faults()
    tried = await life.command("retry-payment")
    assert (tried["status"], tried["blocked"]) == ("paused", None)
    holds = [(key, status) for _, _, key, status in stack.simulator.call_log() if f"{life.id}/hold/" in str(key)]
    # Under the key of what it has refused Stripe would refuse it for a day.
    assert {status for _, status in holds[:-1]} == {403}
    assert holds[-1][1] == 200
    assert str(holds[-1][0]).endswith("/again/2")


async def not_begun(product: Product, name: str, key: str, card: str = "pm_card_visa") -> Life:
    """A paid sign-up whose first payment Stripe does not let us take."""
    with pytest.raises(RefusedError) as refusal:
        await product.sign_up(name, key=key, trial_days=0, payment_method=card)
    problem = refusal.value.problem
    assert (refusal.value.status, problem["code"]) == (503, "first_payment_blocked"), problem
    return Life(product, name, {"id": problem["subscription"]})


async def test_a_paid_sign_up_that_is_blocked_has_not_begun_and_begins_once_when_it_is_mended(
    product: Product,
) -> None:
    key, name = str(uuid4()), a_name("not-begun")
    with withheld("POST", "/v1/subscriptions"):
        life = await not_begun(product, name, key)
        stands = await life.stands()
        assert (stands["status"], stands["status_reason"], stands["access"]) == (
            "suspended",
            "awaiting_payment",
            "none",
        )
        assert stands["blocked"]["action"] == "first_payment"
        assert await life.refused("payment-method", payment_method="pm_card_visa") == (409, "awaiting_payment")
        await life.live(2 * AN_HOUR)
        assert (await not_begun(product, name, key)).id == life.id
        assert (await life.kinds())["blocked"] == 1

    assert (await life.command("retry-payment"))["status"] == "active"

    assert (await product.sign_up(name, key=key, trial_days=0, payment_method="pm_card_visa"))["id"] == life.id
    assert await life.bills() == Counter(paid=1)
    assert await life.mails() == Counter(converted=1, receipt=1)


async def test_a_paid_sign_up_that_is_blocked_can_be_canceled_or_made_anew(product: Product) -> None:
    key, name = str(uuid4()), a_name("not-begun")
    with withheld("POST", "/v1/subscriptions"):
        first = await not_begun(product, name, key)
        second = await not_begun(product, name, str(uuid4()))
        over = [await first.stands(), await second.command("cancel")]

    assert [(one["status"], one["end_kind"], one["blocked"]) for one in over] == [("canceled", "never_began", None)] * 2
    with pytest.raises(RefusedError) as refusal:
        await product.sign_up(name, key=key, trial_days=0, payment_method="pm_card_visa")
    assert (refusal.value.status, refusal.value.problem["code"]) == (409, "payment_not_taken")
    assert await second.bills() == Counter()
