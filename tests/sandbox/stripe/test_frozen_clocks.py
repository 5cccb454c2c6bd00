"""Test clocks as Stripe has them; each request and answer is held to Stripe's description."""

from typing import Any

import pytest
import stripe

from sandbox.stripe import StripeSimulator
from tests.harness.patience import until
from tests.sandbox.stripe.shop import Inbox, Shop, period_of, plain

BEGIN = 1_767_225_600
"""2026-01-01."""
LOOK = 0.02
HOUR, DAY = 3_600, 86_400
FEBRUARY, MARCH, APRIL = BEGIN + 31 * DAY, BEGIN + 59 * DAY, BEGIN + 90 * DAY


class Rehearsal:
    """A clock that stands at the beginning of 2026, and customers on it."""

    def __init__(self, shop: Shop) -> None:
        self.shop = shop
        self.calls = shop.client.v1.test_helpers.test_clocks
        self.id = ""

    async def customer(self, name: str, **more: Any) -> str:
        card = "pm_card_visa"
        params: Any = {"test_clock": self.id, "payment_method": card, "metadata": {"external_id": name}}
        params |= {"invoice_settings": {"default_payment_method": card}}
        return (await self.shop.client.v1.customers.create_async(params | more)).id

    async def now(self) -> dict[str, Any]:
        return plain(await self.calls.retrieve_async(self.id))

    async def advance(self, to: int) -> dict[str, Any]:
        return plain(await self.calls.advance_async(self.id, {"frozen_time": to}))

    async def ready(self) -> None:
        await until(self._is_at_rest)
        assert (await self.now())["status"] == "ready"

    async def _is_at_rest(self) -> bool:
        return bool((await self.now())["status"] != "advancing")


@pytest.fixture
async def clock(shop: Shop) -> Rehearsal:
    clock = Rehearsal(shop)
    clock.id = (await clock.calls.create_async({"frozen_time": BEGIN, "name": "renewals"})).id
    return clock


async def test_all_of_a_customers_is_on_the_clock_and_of_its_time(shop: Shop, clock: Rehearsal) -> None:
    ada = await clock.customer("ada")
    expand = ["customer", "latest_invoice", "test_clock"]

    subscription = await shop.subscribe(ada, expand=expand)

    assert (subscription["created"], subscription["test_clock"]["id"]) == (BEGIN, clock.id)
    assert period_of(subscription) == (BEGIN, FEBRUARY)
    bill, customer = subscription["latest_invoice"], subscription["customer"]
    assert (bill["created"], bill["test_clock"]) == (BEGIN, clock.id)
    assert (customer["created"], customer["test_clock"]) == (BEGIN, clock.id)


async def test_what_is_due_on_the_way_happens_in_order_with_events(shop: Shop, clock: Rehearsal, inbox: Inbox) -> None:
    ada, grace = await clock.customer("ada"), await clock.customer("grace")
    first = await shop.subscribe(ada)
    second = await shop.subscribe(grace, trial_end=BEGIN + 14 * DAY)

    begun = await clock.advance(MARCH)
    assert (begun["status"], begun["frozen_time"]) == ("advancing", BEGIN)
    await clock.ready()

    assert (await clock.now())["frozen_time"] == MARCH
    assert period_of(await shop.subscription(first["id"]))[0] == MARCH
    assert (await shop.subscription(second["id"]))["status"] == "active"
    assert [each["created"] for each in await shop.invoices(ada)] == [BEGIN, FEBRUARY, MARCH]
    assert [each["status"] for each in await shop.invoices(ada)] == ["paid", "paid", "draft"]
    await inbox.has("test_helpers.test_clock.ready")
    assert "test_helpers.test_clock.advancing" in inbox.kinds

    await clock.advance(MARCH + HOUR)
    await clock.ready()
    assert (await shop.invoices(ada))[-1]["status"] == "paid"


async def test_the_clock_stands_whatever_the_sandbox_does(shop: Shop, clock: Rehearsal) -> None:
    await shop.subscribe(await clock.customer("ada"))
    simulator = shop.simulator

    assert simulator.next_boundary("ada") is None
    await simulator.advance("ada", simulator.now("ada").replace(year=2030))

    assert simulator.now("ada").timestamp() == BEGIN


@pytest.mark.parametrize(
    ("to", "told"),
    [
        (BEGIN, "only advance it to a later time"),
        (BEGIN - DAY, "only advance it to a later time"),
        (MARCH + 1, rf"You can only advance it up to {MARCH} \(2026-03-01 00:00:00 UTC\)"),
    ],
    ids=["stays", "back", "too far"],
)
async def test_a_clock_goes_forward_by_two_of_the_shortest_intervals(
    shop: Shop, clock: Rehearsal, to: int, told: str
) -> None:
    ada = await clock.customer("ada")
    for plan in ("yearly", "starter"):
        await shop.subscribe(ada, plan)

    with pytest.raises(stripe.InvalidRequestError, match=told) as refused:
        await clock.advance(to)

    assert (refused.value.http_status, refused.value.param) == (400, "frozen_time")
    assert (await clock.now())["status"] == "ready"


async def test_a_clock_without_a_subscription_goes_two_years(clock: Rehearsal) -> None:
    two_years = BEGIN + 730 * DAY
    with pytest.raises(stripe.InvalidRequestError, match=f"up to {two_years}"):
        await clock.advance(two_years + 1)

    await clock.advance(two_years)
    await clock.ready()
    assert (await clock.now())["frozen_time"] == two_years


async def test_a_clock_begins_five_years_ahead_at_most(clock: Rehearsal) -> None:
    with pytest.raises(stripe.InvalidRequestError, match="five years"):
        await clock.calls.create_async({"frozen_time": BEGIN + 20 * 366 * DAY})


async def test_nothing_of_a_clocks_is_changed_while_it_is_advancing(
    simulator: StripeSimulator, shop: Shop, clock: Rehearsal
) -> None:
    ada = await clock.customer("ada")
    subscription = await shop.subscribe(ada)
    # Whoever lets time pass rests, so that the clock stays on its way.
    await simulator.stop()
    await clock.advance(FEBRUARY)

    for change in (
        clock.advance(MARCH),
        clock.customer("grace"),
        clock.calls.delete_async(clock.id),
        shop.change(subscription["id"], cancel_at_period_end=True),
        shop.new_card(ada),
    ):
        with pytest.raises(stripe.RateLimitError, match="Test clock advancement underway"):
            await change

    await simulator.start()
    await clock.ready()
    assert (await shop.change(subscription["id"], cancel_at_period_end=True))["cancel_at"] == MARCH


async def test_a_clock_that_cannot_advance_says_so_and_others_continue(
    simulator: StripeSimulator, shop: Shop, clock: Rehearsal, inbox: Inbox
) -> None:
    subscription = await shop.subscribe(await clock.customer("ada"))
    with simulator._store.transaction():
        broken = simulator._store.get(subscription["id"], "subscription")
        assert broken is not None
        del broken["pause_collection"]
        simulator._store.save(broken, due=FEBRUARY)

    await clock.advance(MARCH)

    await inbox.has("test_helpers.test_clock.internal_failure")
    assert ((await clock.now())["status"], (await clock.now())["frozen_time"]) == ("internal_failure", BEGIN)
    other = (await clock.calls.create_async({"frozen_time": BEGIN})).id
    await clock.calls.advance_async(other, {"frozen_time": MARCH})
    await inbox.has("test_helpers.test_clock.ready")


async def test_a_clock_has_three_customers_of_three_subscriptions(shop: Shop, clock: Rehearsal) -> None:
    ada, *_ = [await clock.customer(name) for name in ("ada", "grace", "edsger")]
    for plan in ("starter", "pro", "seat"):
        await shop.subscribe(ada, plan)

    with pytest.raises(stripe.InvalidRequestError, match="at most 3 customers"):
        await clock.customer("barbara")
    with pytest.raises(stripe.InvalidRequestError, match="at most 3 subscriptions"):
        await shop.subscribe(ada, "yearly")


async def test_lists_show_what_is_on_a_clock_only_to_those_who_ask_for_it(shop: Shop, clock: Rehearsal) -> None:
    real, ada = await shop.customer("grace"), await clock.customer("ada")
    ours, on_clock = await shop.subscribe(real), await shop.subscribe(ada)
    customers, subscriptions = shop.client.v1.customers, shop.client.v1.subscriptions

    assert [each.id for each in (await customers.list_async()).data] == [real]
    assert [each.id for each in (await customers.list_async({"test_clock": clock.id})).data] == [ada]
    assert [each.id for each in (await subscriptions.list_async()).data] == [ours["id"]]
    assert [each.id for each in (await subscriptions.list_async({"test_clock": clock.id})).data] == [on_clock["id"]]
    assert [each.id for each in (await subscriptions.list_async({"customer": ada})).data] == [on_clock["id"]]


async def test_a_deleted_clock_deletes_its_customers(shop: Shop, clock: Rehearsal, inbox: Inbox) -> None:
    ada = await clock.customer("ada")
    subscription = await shop.subscribe(ada)
    other = (await clock.calls.create_async({"frozen_time": BEGIN})).id

    gone = plain(await clock.calls.delete_async(clock.id))

    assert (gone["id"], gone["deleted"]) == (clock.id, True)
    assert [each.id for each in (await clock.calls.list_async()).data] == [other]
    assert plain(await shop.client.v1.customers.retrieve_async(ada))["deleted"]
    ended = await shop.subscription(subscription["id"])
    assert (ended["status"], ended["ended_at"]) == ("canceled", BEGIN)
    with pytest.raises(stripe.InvalidRequestError, match="No such customer"):
        await shop.subscribe(ada)
    for kind in ("customer.subscription.deleted", "customer.deleted", "test_helpers.test_clock.deleted"):
        await inbox.has(kind)
    with pytest.raises(stripe.InvalidRequestError, match="No such test_clock"):
        await clock.now()
