"""The free plan: what a trial falls to, what can be left for money, and what can be come back to."""

from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from domain.catalog.plans import Catalog
from domain.names import subscription_workflow_id
from gateways.stripe.http_client import connected
from sandbox.product import Product, RefusedError
from sandbox.secrets import Secrets
from sandbox.stack import Stack
from tests.harness.free_plan import FALLS_TO_FREE, with_free_plan
from tests.harness.lives import TRIAL, Life
from tests.harness.lost_answers import ABOUT_SUBSCRIPTION, SUBSCRIBE, unheard
from tests.harness.names import a_name, named_after
from workflows.subscription.workflow import SubscriptionWorkflow

Begin = Callable[..., Awaitable[Life]]

A_DAY = timedelta(days=1)
PAID_START = {"trial_days": 0, "payment_method": "pm_card_visa"}
STARTER, PROFESSIONAL = 4900, 19900
CREDIT = 1000


@pytest.fixture(scope="module")
def catalog(tmp_path_factory: pytest.TempPathFactory) -> Catalog:
    """The stack's own catalog and a free plan."""
    return with_free_plan(tmp_path_factory.mktemp("catalog"))


@pytest.fixture(scope="module")
async def shop(stack: Stack, catalog: Catalog) -> AsyncIterator[Product]:
    """A product that has a free plan, and whose trials fall to it."""
    async with stack.under(FALLS_TO_FREE, catalog) as addresses, Product(addresses) as product:
        yield product


@pytest.fixture
def begin(shop: Product, request: pytest.FixtureRequest) -> Begin:
    async def begin(**more: object) -> Life:
        return await Life.begun(shop, named_after(request), **more)

    return begin


@pytest.fixture
async def fallen(begin: Begin) -> Life:
    """A customer whose trial is over, and who goes on for nothing."""
    life = await begin()
    await life.live_until("expire_trial")
    assert await stands_on(life) == ("free", "active", "full")
    return life


async def stands_on(life: Life) -> tuple[str, str, str]:
    stands = await life.stands()
    return stands["plan"], stands["status"], stands["access"]


def one_line(text: str) -> str:
    return " ".join(text.split())


async def amounts_paid(life: Life) -> list[int]:
    await life.mails()
    bills = (await life.product.get("/v1/invoices", customer=life.external_id))["data"]
    return [bill["amount"] for bill in sorted(bills, key=lambda bill: bill["at"]) if bill["status"] == "paid"]


async def agreement(stack: Stack, life: Life) -> str:
    """What Stripe calls the subscription; empty when there is none."""
    workflow = stack.client.get_workflow_handle(subscription_workflow_id(life.id))
    return (await workflow.query(SubscriptionWorkflow.current)).agreement_ref


async def test_a_trial_that_ends_without_a_card_goes_on_for_nothing(begin: Begin) -> None:
    life = await begin()
    ahead = (await life.stands())["next_actions"]
    assert ahead[-1]["why"] == "the trial ends and no card is on file: continues on Free"
    await life.mails()
    assert "you go on with Free, which costs nothing" in one_line((await life.last_mail())["text"])
    await life.live_until("send_reminder")
    reminder = one_line((await life.last_mail())["text"])
    assert "you go on with Free from" in reminder
    assert "access ends" not in reminder

    await life.live_until("expire_trial")

    stands = await life.stands()
    assert await stands_on(life) == ("free", "active", "full")
    assert (stands["amount"], stands["next_actions"], stands["current_period_end"]) == (0, [], None)
    assert await life.mails() == TRIAL + Counter(moved_to_free=1)
    await life.live(400 * A_DAY)
    assert await stands_on(life) == ("free", "active", "full")
    assert await life.mails() == TRIAL + Counter(moved_to_free=1)
    assert await life.bills() == Counter()


async def test_leaving_the_free_plan_is_paid_at_once_as_previewed(
    fallen: Life, stack: Stack, stack_folder: Path
) -> None:
    await fallen.command("payment-method", payment_method="pm_card_visa")
    assert await amounts_paid(fallen) == []
    async with connected(Secrets.of(stack_folder).stripe_key, stack.addresses.stripe_url) as account:
        of_email: Any = {"email": f"{fallen.external_id}@example.com"}
        [customer] = (await account.v1.customers.list_async(of_email)).data
        await account.v1.customers.update_async(customer.id, {"balance": -CREDIT})

    preview = await fallen.command("preview-change", plan="professional")
    stands = await fallen.command("change-plan", plan="professional")

    assert (preview["when"], preview["due_now"]) == ("now", PROFESSIONAL - CREDIT)
    assert (preview["credit_applied"], preview["carried_to_next"], len(preview["lines"])) == (CREDIT, 0, 1)
    assert (stands["plan"], stands["status"], stands["amount"]) == ("professional", "active", PROFESSIONAL)
    assert await fallen.mails() == TRIAL + Counter(moved_to_free=1, converted=1, receipt=1)
    assert (await fallen.kinds())["converted"] == 1
    await fallen.live_until("renew")
    await fallen.live(timedelta(hours=4))
    assert await amounts_paid(fallen) == [preview["due_now"], PROFESSIONAL]


async def test_a_first_payment_after_the_free_plan_that_was_not_answered_is_found_by_asking(
    fallen: Life, stack: Stack
) -> None:
    await fallen.command("payment-method", payment_method="pm_card_visa")

    leaving = fallen.command("change-plan", plan="professional")
    await unheard(stack.simulator, fallen, SUBSCRIBE, leaving)

    assert await stands_on(fallen) == ("professional", "active", "full")
    assert await amounts_paid(fallen) == [PROFESSIONAL]
    assert (await fallen.kinds())["converted"] == 1
    assert await fallen.mails() == TRIAL + Counter(moved_to_free=1, converted=1, receipt=1)


async def test_going_to_the_free_plan_waits_for_the_end_of_what_is_paid_for(begin: Begin, stack: Stack) -> None:
    life = await begin(plan="professional", **PAID_START)
    at_stripe = await agreement(stack, life)

    stands = await life.command("change-plan", plan="free")

    assert (stands["plan"], stands["pending_change"]["plan"]) == ("professional", "free")
    assert stands["pending_change"]["at"] == stands["current_period_end"]
    await life.live_until("change_plan")
    assert await stands_on(life) == ("free", "active", "full")
    assert await agreement(stack, life) == ""
    assert ("DELETE", f"/v1/subscriptions/{at_stripe}") in [call[:2] for call in stack.simulator.call_log()]
    await life.live(60 * A_DAY)
    assert await amounts_paid(life) == [PROFESSIONAL]
    assert await life.mails() == Counter(converted=1, receipt=1, plan_change_scheduled=1, moved_to_free=1)
    await life.command("change-plan", plan="starter")
    assert await amounts_paid(life) == [PROFESSIONAL, STARTER]


async def test_an_agreement_whose_end_for_the_free_plan_was_not_answered_is_not_taken_for_ended_by_others(
    begin: Begin, stack: Stack
) -> None:
    life = await begin(plan="professional", **PAID_START)
    await life.command("change-plan", plan="free")
    # Billing is held by then: what follows is the end.
    await life.live(timedelta(minutes=1))

    await unheard(stack.simulator, life, ABOUT_SUBSCRIPTION, life.live_until("change_plan"))

    assert await stands_on(life) == ("free", "active", "full")
    assert (await life.kinds())["moved_to_free"] == 1
    assert await life.mails() == Counter(converted=1, receipt=1, moved_to_free=1, plan_change_scheduled=1)


async def test_nobody_signs_up_for_the_free_plan(shop: Product) -> None:
    with pytest.raises(RefusedError) as refusal:
        await shop.sign_up(a_name("wants-nothing"), plan="free")

    assert refusal.value.status == 422
    assert "is free: a customer without a subscription has it already" in str(refusal.value.problem)
