"""Use beyond a plan's limit: it goes on, is told to the provider once, and is on the bill of its period."""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text

from domain.catalog.features import Feature, FeatureKind, LimitRule, Overage, UsageWindow
from domain.catalog.plans import Catalog, Interval, Plan
from domain.entitlements.usage import Outcome, UsageChange
from domain.money import Money
from gateways.stripe.catalog_push import push
from gateways.stripe.http_client import connected
from sandbox.product import Product
from sandbox.secrets import Secrets
from sandbox.stack import Stack
from storage.usage.counting import EntitlementRules, Usage
from tenure.cli.usage_report import run_now
from tests.harness.lives import Life
from tests.harness.names import a_name
from tests.harness.previews import as_shown
from tests.stories.test_plan_changes import A_DAY, PAID_START, bills_of

Begin = Callable[..., Awaitable[Life]]

PRO, SCALE, RUNS, A_RUN = 4900, 19900, 100, 25
CATALOG = Catalog(
    "runs",
    1,
    "usd",
    {
        "pro": Plan("pro", "Pro", {Interval.MONTH: Money(PRO, "usd")}, entitlements={"runs": RUNS}),
        "scale": Plan(
            "scale",
            "Scale",
            {Interval.MONTH: Money(SCALE, "usd")},
            entitlements={"runs": RUNS},
            overage={"runs": Overage(Money(A_RUN, "usd"))},
        ),
    },
    features={
        "runs": Feature(
            "runs", "Runs", FeatureKind.NUMBER, (), UsageWindow.BILLING_PERIOD, "runs", limit=LimitRule(mails=())
        )
    },
)
RULES = EntitlementRules(CATALOG.name, "")


@pytest.fixture(scope="module")
async def shop(stack: Stack, stack_folder: Path) -> AsyncIterator[Product]:
    """A product that sells runs on the stack."""
    async with AsyncExitStack() as exits:
        key = Secrets.of(stack_folder).stripe_key
        await push(await exits.enter_async_context(connected(key, stack.addresses.stripe_url)), CATALOG)
        addresses = await exits.enter_async_context(stack.under(stack.api_parts.policy, CATALOG))
        yield await exits.enter_async_context(Product(addresses))


async def subscribed(shop: Product, name: str, plan: str = "scale") -> Life:
    return await Life.begun(shop, a_name(name), plan=plan, **PAID_START)


async def use(stack: Stack, life: Life, quantity: int, key: str) -> Outcome:
    asked = UsageChange(life.external_id, "runs", quantity, f"{life.external_id}/{key}")
    return (await Usage(stack.engine).use(asked, RULES)).outcome


async def use_before(stack: Stack, life: Life, quantity: int) -> None:
    """Use a minute ago, and not in the very second of what comes next."""
    assert await use(stack, life, quantity, "before") is Outcome.COUNTED
    earlier = text("update usage_events set at = at - interval '1 minute' where customer = :who")
    async with stack.engine.begin() as connection:
        await connection.execute(earlier, {"who": life.external_id})


async def waiting(stack: Stack, life: Life) -> int:
    """How many uses of a customer are still to be told."""
    wanted = text("select count(*) from usage_events where customer = :who and overage > 0 and reported_at is null")
    async with stack.engine.connect() as connection:
        return int((await connection.execute(wanted, {"who": life.external_id})).scalar_one())


def told(stack: Stack, life: Life) -> list[int]:
    """What Stripe has been told of a customer's use."""
    (reference,) = stack.simulator._clocks.stripe_ids(life.external_id)
    events = stack.simulator._store.find("billing.meter_event", customer=reference, newest_first=False)
    return [event["_value"] for event in events]


def paid(stack: Stack, life: Life) -> list[int]:
    """What Stripe has taken, also when the subscription was over."""
    (reference,) = stack.simulator._clocks.stripe_ids(life.external_id)
    bills = stack.simulator._store.find("invoice", customer=reference, newest_first=False)
    return [bill["amount_paid"] for bill in bills]


async def renew(life: Life) -> None:
    await life.live_until("renew")
    await life.live(timedelta(hours=2))


async def amounts(life: Life) -> list[int]:
    return [bill["amount"] for bill in await bills_of(life) if bill["status"] == "paid"]


async def test_use_beyond_the_limit_is_told_once_and_billed_with_its_period(shop: Product, stack: Stack) -> None:
    life = await subscribed(shop, "overage-told-once")
    assert await use(stack, life, RUNS - 10, "within") is Outcome.COUNTED
    assert await use(stack, life, 30, "over") is Outcome.COUNTED
    assert await use(stack, life, 30, "over") is Outcome.REPEATED

    await run_now(stack.client)
    await run_now(stack.client)
    assert await use(stack, life, 5, "more") is Outcome.COUNTED
    await run_now(stack.client)

    assert (told(stack, life), await waiting(stack, life)) == ([20, 5], 0)
    await renew(life)
    await renew(life)
    assert await amounts(life) == [SCALE, SCALE + 25 * A_RUN, SCALE]


@pytest.mark.usefixtures("healed")
async def test_use_whose_report_got_no_answer_is_billed_once(shop: Product, stack: Stack) -> None:
    life = await subscribed(shop, "overage-no-answer")
    await use(stack, life, RUNS + 4, "over")
    await shop.faults(stripe={"timeout_after_commit": 1})

    first = await run_now(stack.client)
    assert (first.unanswered, await waiting(stack, life)) == (1, 1)
    await run_now(stack.client)

    assert (told(stack, life), await waiting(stack, life)) == ([4], 0)
    await renew(life)
    assert await amounts(life) == [SCALE, SCALE + 4 * A_RUN]


async def test_an_upgrade_away_from_it_bills_what_was_used_as_its_preview_says(shop: Product, stack: Stack) -> None:
    life = await subscribed(shop, "overage-changed")
    await life.live(10 * A_DAY)
    await use_before(stack, life, RUNS + 4)

    # Nobody has told it yet.
    preview = await life.command("preview-change", plan="pro", when="now")
    await life.command("change-plan", plan="pro", when="now", **as_shown(preview))

    lines: list[dict[str, Any]] = preview["lines"]
    assert [line["amount"] for line in lines if "Runs beyond the plan" in line["text"]] == [4 * A_RUN]
    assert (await bills_of(life))[-1]["amount"] == preview["due_now"]
    assert await use(stack, life, RUNS, "refused") is Outcome.LIMIT_REACHED


async def test_what_was_used_just_before_an_end_at_once_is_on_the_last_bill(shop: Product, stack: Stack) -> None:
    life = await subscribed(shop, "overage-just-ended")
    await life.live(A_DAY)
    await use_before(stack, life, RUNS + 4)

    await life.command("cancel", at="now")

    assert (told(stack, life), await life.status()) == ([4], ("canceled", "none"))
    assert paid(stack, life) == [SCALE, 4 * A_RUN]


async def test_a_change_goes_on_though_use_cannot_be_told(shop: Product, stack: Stack) -> None:
    life = await subscribed(shop, "overage-untold")
    await use(stack, life, RUNS + 4, "over")
    held = text("select key from usage_events where customer = :who for update")

    async with stack.engine.connect() as another:
        await another.execute(held, {"who": life.external_id})
        await life.command("cancel", at="now")

    assert (told(stack, life), await life.status()) == ([], ("canceled", "none"))


async def test_what_is_used_until_a_planned_downgrade_is_billed_after_it(shop: Product, stack: Stack) -> None:
    life = await subscribed(shop, "overage-downgraded")
    await life.command("change-plan", plan="pro")
    await use(stack, life, RUNS + 4, "over")
    await run_now(stack.client)

    await life.live_until("change_plan")
    await renew(life)
    await renew(life)

    assert await amounts(life) == [SCALE, PRO, PRO + 4 * A_RUN, PRO]


async def test_who_is_not_billed_for_it_is_refused_at_the_limit_and_nothing_is_told(
    shop: Product, stack: Stack
) -> None:
    trial = await Life.begun(shop, a_name("overage-in-trial"), plan="scale")

    assert await use(stack, trial, RUNS * 2, "over") is Outcome.LIMIT_REACHED
    assert await waiting(stack, trial) == 0


async def test_at_the_end_of_a_canceled_subscription_what_was_used_is_billed(shop: Product, stack: Stack) -> None:
    life = await subscribed(shop, "overage-canceled")
    await use(stack, life, RUNS + 4, "over")
    await run_now(stack.client)
    await life.command("cancel")

    await life.live_until("cancel")
    await life.live(timedelta(hours=2))

    assert await life.status() == ("canceled", "none")
    assert paid(stack, life) == [SCALE, 4 * A_RUN]
