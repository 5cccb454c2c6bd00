"""Lives in which the provider refuses something or the customer changes, whose histories are kept."""

from datetime import timedelta

from temporalio.client import Client

from domain.names import customer_workflow_id
from sandbox.product import Product, RefusedError
from tenure.cli.reconcile import run_now
from tests.harness.lives import A_MINUTE, Life
from tests.harness.patience import until
from tests.harness.permissions import withheld
from tests.replay.plays import PAID_START, sweep


async def refused(product: Product) -> None:
    """A conversion refused permanently, under a release that did not show it; then fixed."""
    life = await Life.begun(product, "kept-refused", payment_method="pm_card_visa")
    await life.live(timedelta(days=13))
    await product.faults(stripe={"error_rate": 1, "status": 400})
    await life.live_until("convert")
    await life.live(timedelta(hours=3))
    await product.faults()
    await life.live(timedelta(hours=2))


async def blocked(product: Product) -> None:
    """A hold, a conversion and a cancellation that are blocked, by refusals and by an outage; each continues."""
    client = await Client.connect(product.addresses.temporal_address)
    life = await Life.begun(product, "kept-blocked", payment_method="pm_card_visa")
    await life.live(timedelta(days=13))
    await product.faults(stripe={"error_rate": 1, "status": 401})
    await life.live_until("convert")
    await life.live(timedelta(hours=2))
    await run_now(client, fix=False)
    await product.faults()
    await life.command("retry-payment")
    await product.faults(stripe={"error_rate": 1, "status": 400})
    await life.command("pause")
    await life.live(timedelta(hours=2))
    await product.faults()
    await run_now(client, fix=False)
    await life.command("resume")
    await product.faults(stripe={"error_rate": 1, "status": 401})
    await life.command("cancel", at="now")
    await product.faults(stripe={"error_rate": 1, "status": 500})
    await life.live(timedelta(minutes=90))
    await product.faults()
    await life.live(timedelta(minutes=10))


async def blocked_in_turns(product: Product) -> None:
    """A hold and an event that are refused in turns; each waits independently, and continues."""
    life = await Life.begun(product, "kept-blocked-in-turns", **PAID_START)
    await product.faults(stripe={"error_rate": 1, "status": 401})
    await life.command("pause")
    await life.live(A_MINUTE)
    await product.refund(life.external_id, 100)
    await life.live(timedelta(hours=3))
    await product.faults()
    await life.live(timedelta(hours=2))


async def ended_untold(product: Product) -> None:
    """A cancellation at period end and one at once, neither taken by the provider; reported once it takes them."""
    life = await Life.begun(product, "kept-ended-untold", **PAID_START)
    await product.faults(stripe={"error_rate": 1, "status": 401})
    await life.command("cancel")
    await life.live(A_MINUTE)
    await product.faults()
    await life.command("retry-payment")
    await product.faults(stripe={"error_rate": 1, "status": 401})
    await life.command("cancel", at="now")
    await life.live(timedelta(hours=2))
    await product.faults()
    await life.live(timedelta(hours=2))


async def not_begun(product: Product) -> None:
    """A paid sign-up whose first payment is not taken, then repeated; the second one starts once that is fixed."""
    with withheld("POST", "/v1/subscriptions"):
        for _ in range(2):
            try:
                await Life.begun(product, "kept-not-begun", **PAID_START)
            except RefusedError as error:
                life = Life(product, "kept-not-begun", {"id": error.problem["subscription"]})
        await life.live(timedelta(hours=2))
    await life.command("retry-payment")


async def customer_changed(product: Product) -> None:
    """A time zone changed in a trial and before a yearly renewal, an address changed here and at Stripe; a sweep."""
    life = await Life.begun(product, "kept-customer", payment_method="pm_card_visa", interval="year")
    await product.change_customer(life.external_id, timezone="Asia/Tokyo", email="kept-customer@new.example")
    await _noted(product, life, 1)
    await _told(product, life)
    await product.edited_at_stripe(life.external_id, name="Ada King")
    await _noted(product, life, 2)
    await life.live_until_converted()
    await product.change_customer(life.external_id, timezone="America/Los_Angeles")
    await _noted(product, life, 3)
    await sweep(product)


async def moved_owing(product: Product) -> None:
    """A time zone changed during a recovery."""
    life = await Life.begun(product, "kept-moved-owing", payment_method="pm_card_chargeCustomerFail")
    await life.live_until("convert")
    await product.change_customer(life.external_id, timezone="Asia/Tokyo")
    await _noted(product, life, 1)
    await life.live_until("recover")


async def _told(product: Product, life: Life) -> None:
    """Wait until everyone has been notified of the customer's change."""
    client = await Client.connect(product.addresses.temporal_address)
    customer = (await product.get(f"/v1/customers/{life.external_id}"))["id"]
    await client.get_workflow_handle(customer_workflow_id(customer)).result()


async def _noted(product: Product, life: Life, times: int) -> None:
    """Wait until the timeline has this many customer changes."""

    async def is_recorded() -> bool:
        past = (await product.timeline(life.id))["past"]
        return len([entry for entry in past if entry["kind"] == "customer_changed"]) >= times

    await until(is_recorded)


async def announced(product: Product) -> None:
    """A yearly renewal announced with its amount, and without one while the provider does not respond."""
    life = await Life.begun(product, "kept-announced", interval="year", **PAID_START)
    await life.live_until("notify")
    await life.live_until("renew")
    await life.live(timedelta(hours=4))
    await product.faults(stripe={"error_rate": 1.0, "status": 503})
    await life.live_until("notify")
    await product.faults()
