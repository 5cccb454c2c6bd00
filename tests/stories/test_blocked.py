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
    assert await measured(stack, 'tenure_subscriptions_blocked_by_code{code="stripe_key"}') >= 1

    await life.product.faults()
    assert (await life.command("retry-payment"))["status"] == "active"

    assert await blocked(life) is None
    assert await shown_in_temporal(stack.client, life) is None
    assert (await life.kinds())["unblocked"] == 1
    assert await life.bills() == Counter(paid=1)
    assert await life.mails() == CONVERTED


async def test_an_outage_blocks_after_an_hour_and_is_over_soon_after_its_end(begin: Begin) -> None:
    life = await begin(payment_method="pm_card_visa")
    await life.live(timedelta(days=13))
    await refuse(life, 500)
    await life.live_until("convert")
    await life.live(timedelta(minutes=50))
    assert await blocked(life) is None

    await life.live(timedelta(minutes=20))
    shown = await blocked(life)
    assert shown is not None
    assert shown["action"] == "convert"
    suspended = await life.command("suspend", reason="asked for by phone")
    assert (suspended["status"], suspended["blocked"]) == ("suspended", None)

    await life.command("reactivate", reason="and taken back")
    await life.product.faults()
    await life.live(timedelta(minutes=10))
    assert await life.status() == ("active", "full")
    assert await life.bills() == Counter(paid=1)


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


TAKEN: dict[str, tuple[tuple[str, dict[str, Any], str], ...]] = {
    "trialing": (
        ("extend-trial", {"days": 3, "reason": "asked nicely"}, "trialing"),
        ("suspend", {"reason": "fraud check"}, "suspended"),
        ("reactivate", {"reason": "all is well"}, "trialing"),
        ("cancel", {}, "trialing"),
    ),
    "active": (
        ("change-plan", {"plan": "professional", "when": "period_end"}, "active"),
        ("withdraw-change", {}, "active"),
        ("pause", {}, "paused"),
        ("resume", {}, "active"),
        ("suspend", {"reason": "fraud check"}, "suspended"),
        ("reactivate", {"reason": "all is well"}, "active"),
        ("cancel", {}, "active"),
        ("cancel", {"at": "now"}, "canceled"),
    ),
    "past_due": (
        ("suspend", {"reason": "fraud check"}, "suspended"),
        ("reactivate", {"reason": "all is well"}, "past_due"),
        ("cancel", {"at": "period_end"}, "canceled"),
    ),
    "suspended": (
        ("reactivate", {"reason": "all is well"}, "active"),
        ("suspend", {"reason": "fraud check"}, "suspended"),
        ("cancel", {"at": "now"}, "canceled"),
    ),
    "paused": (
        ("suspend", {"reason": "fraud check"}, "suspended"),
        ("reactivate", {"reason": "all is well"}, "paused"),
        ("cancel", {"at": "now"}, "canceled"),
    ),
}
"""What is carried out in each status while our key is not accepted, in turn, and the status after it."""
REFUSED: dict[str, tuple[tuple[str, dict[str, Any]], ...]] = {
    "trialing": (("convert", {"when": "now"}), ("payment-method", {"payment_method": "pm_card_visa"})),
    "active": (("change-plan", {"plan": "professional", "when": "now"}),),
    "past_due": (("retry-payment", {}), ("payment-method", {"payment_method": "pm_card_mastercard"})),
    "suspended": (("payment-method", {"payment_method": "pm_card_mastercard"}),),
    "paused": (),
}
"""What asks something of Stripe itself, and is 503."""


async def in_each_status(begin: Begin) -> dict[str, Life]:
    """A life in each status but the last one."""
    lives = {"trialing": await begin(payment_method="pm_card_visa")} | {
        status: await begin(trial_days=0, payment_method="pm_card_visa")
        for status in ("active", "past_due", "suspended", "paused")
    }
    await lives["past_due"].live_until_declined("insufficient_funds")
    await lives["suspended"].command("suspend", reason="fraud check")
    await lives["paused"].command("pause")
    for life in lives.values():
        await life.live(A_MINUTE)
    return lives


async def agreements_of(account: stripe.StripeClient, stack: Stack, life: Life) -> list[str]:
    """The states of a customer's agreements at Stripe."""
    [customer] = stack.simulator._known(life.external_id)
    found = await account.v1.subscriptions.list_async({"customer": customer, "status": "all"})
    return [each.status for each in found.data]


async def test_what_is_decided_here_is_taken_in_each_status_while_our_key_is_refused_and_told_once_mended(
    begin: Begin, product: Product, stack: Stack, account: stripe.StripeClient
) -> None:
    lives = await in_each_status(begin)
    await refuse(lives["active"], 401)

    for status, life in lives.items():
        for command, body in REFUSED[status]:
            assert await life.refused(command, **body) == (503, "stripe_key")
        for command, body, after in TAKEN[status]:
            stands = await life.command(command, **body)
            assert stands["status"] == after, command
        if after == "canceled":
            await life.live(A_MINUTE)
            stands = await life.stands()
            assert (stands["access"], stands["blocked"]["action"]) == ("none", "end")
            assert (await life.kinds())["canceled"] == 1

    await product.faults()
    await run_now(stack.client, fix=False)
    for status, life in lives.items():
        assert await blocked(life) is None
        assert status == "trialing" or await agreements_of(account, stack, life) == ["canceled"]
        assert (await life.bills())["open"] == 0


async def test_what_stripe_takes_after_a_cancellation_that_it_was_not_told_is_shown_and_the_agreement_ends(
    begin: Begin, stack: Stack, account: stripe.StripeClient
) -> None:
    life = await begin(trial_days=0, payment_method="pm_card_visa")
    renews_at = datetime.fromisoformat((await life.stands())["current_period_end"])
    await life.live(renews_at - life.now - AN_HOUR)
    await refuse(life, 401)

    over = await life.command("cancel", at="now", reason="closing down")
    await life.live(3 * AN_HOUR)

    assert (over["status"], over["access"], over["end_kind"]) == ("canceled", "none", "operator")
    assert (await life.kinds())["blocked"] == 1
    await life.product.faults()
    assert (await life.command("retry-payment"))["blocked"] is None
    assert await agreements_of(account, stack, life) == ["canceled"]
    assert (await life.kinds())["charged_after_end"] == 1
    assert await life.bills() == Counter(paid=2), "the one that an operator may have to refund is listed"


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


async def test_who_was_here_before_is_charged_on_the_card_of_a_sign_up_that_was_blocked(
    product: Product, stack: Stack
) -> None:
    def default_card() -> Any:
        return stack.simulator.customer(name)["invoice_settings"]["default_payment_method"]

    name = a_name("returning")
    former = await product.sign_up(name, trial_days=0, payment_method="pm_card_visa")
    await product.command(former["id"], "cancel", at="now")
    card = default_card()
    with withheld("POST", "/v1/subscriptions"):
        life = await not_begun(product, name, str(uuid4()), "pm_card_mastercard")
        assert default_card() == card

    assert (await life.command("retry-payment"))["status"] == "active"

    assert default_card() != card


async def test_a_card_given_on_a_page_during_an_outage_of_our_access_is_put_on_file_once_mended(begin: Begin) -> None:
    life = await begin()
    url = await life.product.open_checkout(life.id)
    await refuse(life, 401)

    await life.pay_at(url, "pm_card_visa")
    await life.live(A_MINUTE)

    shown = await blocked(life)
    assert shown is not None
    assert shown["action"] == "hear"
    assert "convert" not in await life.ahead()
    await life.product.faults()
    await life.live(timedelta(hours=1))
    assert "convert" in await life.ahead()
    assert await blocked(life) is None


async def test_a_command_that_our_access_does_not_allow_is_answered_and_leaves_nothing_waiting(begin: Begin) -> None:
    life = await begin()
    await refuse(life, 401)

    refused = await life.refused("payment-method", payment_method="pm_card_visa")

    assert refused == (503, "stripe_key")
    assert (await life.command("cancel"))["cancel_at"] is not None


async def test_a_customer_whom_the_provider_does_not_know_may_be_anothers_and_is_left_to_an_operator(
    begin: Begin, stack: Stack
) -> None:
    life = await begin(payment_method="pm_card_visa")
    await life.live(A_MINUTE)
    [customer] = stack.simulator._known(life.external_id)
    stack.simulator._store.forget(customer)

    await life.live_until("convert")

    shown = await blocked(life)
    assert shown is not None
    assert (shown["action"], shown["code"]) == ("convert", "resource_missing")
    assert await life.status() == ("trialing", "full")
