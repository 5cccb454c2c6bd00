"""Somebody buys on a hosted page: signed up once, whoever hears of it first, or given back what they paid."""

import asyncio
from collections import Counter
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from domain.catalog.plans import Selection
from domain.errors import Rejected
from domain.purchases.ports import PurchaseState
from gateways.stripe.http_client import connected
from sandbox.product import RefusedError
from sandbox.secrets import Secrets
from sandbox.stack import Stack
from tests.harness.buyers import Buyer
from tests.harness.lives import Life
from tests.harness.patience import until

pytestmark = pytest.mark.usefixtures("healed")


async def test_what_is_paid_on_the_page_begins_once_however_often_it_is_told(buyer: Buyer) -> None:
    await buyer.product.faults(webhooks={"duplicate": True, "reorder": True})
    await buyer.opens(trial_days=0, quantity=1)
    assert await buyer.rows("customers", "external_id", buyer.name) == 0

    back = await buyer.completes(name="Ada King", line1="Dorset Street 1", city="London", country="GB")
    life = await buyer.begun()
    led_on = await buyer.follows(back)

    assert led_on.headers["location"] == "https://product.example/welcome"
    assert await life.status() == ("active", "full")
    assert await life.mails() == Counter(converted=1, receipt=1)
    assert await life.bills() == Counter(paid=1)
    assert (await life.kinds())["converted"] == 1
    await life.live_until("renew")
    await life.live(timedelta(hours=1))
    assert await life.bills() == Counter(paid=2)


async def test_a_card_given_for_a_trial_is_charged_at_its_end(buyer: Buyer) -> None:
    await buyer.opens(plan="professional")

    await buyer.completes("pm_card_mastercard")
    life = await buyer.begun()

    assert await life.status() == ("trialing", "full")
    assert await life.bills() == Counter()
    await life.live_until_converted()
    assert await life.bills() == Counter(paid=1)
    assert (await life.last_mail())["headers"]["X-Tenure-Occasion"] in ("converted", "receipt")


@pytest.mark.usefixtures("unheard")
async def test_who_returns_before_any_webhook_is_signed_up_and_led_on(buyer: Buyer) -> None:
    await buyer.opens(trial_days=0)

    led_on = await buyer.follows(await buyer.completes())

    assert (led_on.status_code, led_on.headers["location"]) == (303, "https://product.example/welcome")
    life = await buyer.begun()
    assert await life.status() == ("active", "full")


@pytest.mark.usefixtures("unheard")
async def test_a_purchase_of_which_nobody_heard_is_found_by_the_sweep(buyer: Buyer) -> None:
    await buyer.opens(trial_days=0)
    await buyer.completes()
    await buyer.is_due()

    await buyer.purchases.sweep(5)

    assert await (await buyer.begun()).status() == ("active", "full")


@pytest.mark.usefixtures("unheard")
async def test_a_webhook_that_comes_hours_late_begins_what_waits_and_changes_nothing_when_it_has_begun(
    buyer: Buyer, stack: Stack
) -> None:
    await buyer.opens(trial_days=0)
    await buyer.completes()
    late = replace(await buyer.late_event(), received_at=datetime.now(UTC) - timedelta(hours=12))

    first = await stack.api_parts.deliver([late])
    again = await stack.api_parts.deliver([late])

    assert {each.words for each in (*first.verdicts.values(), *again.verdicts.values())} == {
        "delivered: purchase begun"
    }
    life = await buyer.begun()
    assert await life.mails() == Counter(converted=1, receipt=1)
    assert await life.bills() == Counter(paid=1)


@pytest.mark.usefixtures("unheard")
async def test_whoever_comes_at_the_same_moment_begins_one_subscription(buyer: Buyer) -> None:
    await buyer.opens(trial_days=0)
    await buyer.completes()

    results = await asyncio.gather(*(buyer.purchases.settle(buyer.ref) for _ in range(5)), return_exceptions=True)

    assert PurchaseState.BEGUN in results
    assert await buyer.purchases.settle(buyer.ref) is PurchaseState.BEGUN
    life = await buyer.begun()
    assert await life.bills() == Counter(paid=1)
    assert (await life.kinds())["converted"] == 1


async def test_a_former_customer_comes_back_as_the_same_at_stripe(buyer: Buyer) -> None:
    former = await Life.begun(buyer.product, buyer.name, payment_method="pm_card_visa")
    await former.command("cancel", at="now")
    await buyer.opens(trial_days=0)

    await buyer.completes("pm_card_mastercard")
    life = await buyer.begun()

    assert await life.status() == ("active", "full")
    found = await buyer.purchases.pages.purchase(buyer.ref)
    assert buyer.stack.simulator._known(buyer.name) == [found.customer_ref]


async def test_a_former_customer_without_a_card_gets_the_customer_of_the_page(buyer: Buyer) -> None:
    former = await Life.begun(buyer.product, buyer.name)
    await former.command("cancel", at="now")
    await buyer.opens(trial_days=0)

    await buyer.completes()
    life = await buyer.begun()

    assert await life.status() == ("active", "full")
    assert buyer.stack.simulator._known(buyer.name) == await buyer.stripe_customers()
    assert await buyer.rows("customers", "external_id", buyer.name) == 1


async def test_a_former_customer_whom_stripe_has_deleted_gets_the_customer_of_the_page(
    buyer: Buyer, stack: Stack, stack_folder: Path
) -> None:
    former = await Life.begun(buyer.product, buyer.name, payment_method="pm_card_visa")
    await former.command("cancel", at="now")
    [deleted] = stack.simulator._known(buyer.name)
    async with connected(Secrets.of(stack_folder).stripe_key, stack.addresses.stripe_url) as account:
        await account.v1.customers.delete_async(deleted)
    await buyer.opens(trial_days=0)

    await buyer.completes()
    life = await buyer.begun()

    assert await life.status() == ("active", "full")
    assert await buyer.stripe_customers() != [deleted]
    [known] = await buyer.stripe_customers()
    assert await buyer.rows("customers", "customer_ref", known) == 1
    await life.live_until("renew")
    await life.live(timedelta(hours=1))
    assert await life.bills() == Counter(paid=2)


async def test_a_customer_who_came_and_went_meanwhile_has_the_customer_of_the_page_from_then_on(
    buyer: Buyer,
) -> None:
    await buyer.opens(trial_days=0)
    meanwhile = await Life.begun(buyer.product, buyer.name, payment_method="pm_card_visa")
    await meanwhile.command("cancel", at="now")

    await buyer.completes("pm_card_mastercard")
    life = await buyer.begun()

    assert await life.status() == ("active", "full")
    [known] = await buyer.stripe_customers()
    assert await buyer.rows("customers", "customer_ref", known) == 1


async def test_who_has_subscribed_meanwhile_gets_their_money_back_and_one_mail(buyer: Buyer) -> None:
    await buyer.opens(trial_days=0)
    live = await Life.begun(buyer.product, buyer.name, payment_method="pm_card_visa")

    back = await buyer.completes("pm_card_mastercard")
    undone = await buyer.over()

    assert "could not begin" in (await buyer.follows(back)).text
    [*_, entry] = await undone.past()
    assert entry["kind"] == "purchase_undone"
    assert entry["summary"] == "Purchase undone: the customer has a subscription already; $49.00 refunded"
    assert await live.status() == ("trialing", "full")
    await live.live(timedelta(minutes=10))
    assert len(await buyer.refusals()) == 1
    assert (await live.mails())["refunded"] == 0
    page = await buyer.purchases.pages.purchase(buyer.ref)
    agreement = await buyer.stack.provider.agreements.find(page.agreement_ref)
    assert agreement is not None
    assert agreement.is_over
    await until(lambda: buyer.heard_of("refunded", f"recorded for subscription {undone.id}, which is over"))
    await live.live_until_converted()
    assert await live.bills() == Counter(paid=1)


async def test_who_had_a_trial_meanwhile_keeps_no_card_and_hears_why(buyer: Buyer) -> None:
    await buyer.opens()
    trial = await Life.begun(buyer.product, buyer.name)
    await trial.command("cancel", at="now")

    await buyer.completes()
    undone = await buyer.over()

    assert (await undone.past())[-1]["summary"] == "Purchase undone: there was a trial before"
    [mail] = await buyer.refusals()
    assert "Nothing was charged" in mail["text"]


class NothingOnSale:
    async def sells(self, selection: Selection) -> bool:
        return False


@pytest.mark.usefixtures("unheard")
async def test_a_plan_that_is_gone_by_then_is_given_back(buyer: Buyer) -> None:
    await buyer.opens(trial_days=0)
    await buyer.completes()

    for _ in range(2):
        state = await replace(buyer.purchases, plans=NothingOnSale()).settle(buyer.ref)
        assert state is PurchaseState.REFUSED

    undone = await buyer.over()
    assert (await undone.past())[-1]["summary"].endswith("the plan is not sold any more; $49.00 refunded")
    assert len(await buyer.refusals()) == 1


@pytest.mark.usefixtures("unheard")
async def test_an_undoing_whose_answers_are_lost_gives_back_once(buyer: Buyer) -> None:
    await buyer.opens(trial_days=0)
    await buyer.completes()
    service = replace(buyer.purchases, plans=NothingOnSale())
    for _ in range(3):
        await buyer.product.faults(stripe={"timeout_after_commit": 1}, webhooks={"drop": True})
        with pytest.raises(Exception, match=r"."):
            await service.settle(buyer.ref)
    await buyer.product.faults(webhooks={"drop": True})

    assert await service.settle(buyer.ref) is PurchaseState.REFUSED

    await buyer.over()
    page = await buyer.purchases.pages.purchase(buyer.ref)
    found = await buyer.stack.provider.purchases.undo_purchase(page.ref, key="again")
    assert found is not None
    assert (found.amount, found.is_full) == (4900, True)
    assert len(await buyer.refusals()) == 1


async def test_a_page_that_nobody_completes_leaves_neither_a_customer_nor_a_trial(buyer: Buyer, stack: Stack) -> None:
    await buyer.opens()
    await stack.simulator.advance(buyer.ref, stack.simulator.now(buyer.ref) + timedelta(hours=25))

    assert await buyer.purchases.settle(buyer.ref) is PurchaseState.EXPIRED

    assert await buyer.rows("customers", "external_id", buyer.name) == 0
    assert await buyer.rows("sign_up_contacts", "external_id", buyer.name) == 0
    assert await buyer.stripe_customers() == []
    back = f"{stack.addresses.api_url}/checkout/return?session_id={buyer.ref}"
    assert (await buyer.follows(back)).status_code == 410
    trial = await Life.begun(buyer.product, buyer.name)
    assert await trial.status() == ("trialing", "full")


async def test_a_card_that_is_declined_or_a_bank_that_asks_keeps_the_page_open(buyer: Buyer) -> None:
    await buyer.opens(trial_days=0)
    with pytest.raises(RefusedError):
        await buyer.completes("pm_card_chargeDeclined")
    assert await buyer.purchases.settle(buyer.ref) is PurchaseState.OPEN
    assert await buyer.rows("customers", "external_id", buyer.name) == 0

    await buyer.completes("pm_card_threeDSecure2Required")

    assert await (await buyer.begun()).status() == ("active", "full")


async def test_a_repeat_of_the_request_leads_to_the_same_page(buyer: Buyer) -> None:
    first = await buyer.product.open_purchase(buyer.name, key=f"{buyer.name}/key")
    again = await buyer.product.open_purchase(buyer.name, key=f"{buyer.name}/key")
    other = await buyer.product.open_purchase(buyer.name, key=f"{buyer.name}/another")

    assert first == again
    assert first["url"] != other["url"]
    assert datetime.fromisoformat(first["expires_at"]) > datetime.now(UTC) + timedelta(hours=23)


async def test_the_page_of_nobody_is_not_found(stack: Stack, buyer: Buyer) -> None:
    for reference in ("", "cs_test_nobody", "../v1/keys"):
        shown = await buyer.follows(f"{stack.addresses.api_url}/checkout/return?session_id={reference}")
        assert shown.status_code == 404
    with pytest.raises(Rejected, match="no such purchase"):
        await buyer.purchases.settle("cs_test_nobody")


@pytest.mark.parametrize(
    ("requested", "status", "code"),
    [
        ({"plan": "nothing"}, 422, "unknown_plan"),
        ({"customer": {"email": "nobody"}}, 422, "malformed"),
        ({"success_url": "nowhere"}, 422, "malformed"),
        ({"trial_days": 91}, 422, "malformed"),
        ({"payment_method": "pm_card_visa"}, 422, "malformed"),
    ],
)
async def test_a_bad_request_is_refused_by_its_field(
    buyer: Buyer, requested: dict[str, Any], status: int, code: str
) -> None:
    with pytest.raises(RefusedError) as refused:
        await buyer.opens(**requested)

    assert (refused.value.status, refused.value.problem["code"]) == (status, code)
    assert all(not error["field"].startswith("[") for error in refused.value.problem["errors"])


async def test_who_has_a_subscription_is_sent_to_no_page_to_buy_another(buyer: Buyer) -> None:
    await Life.begun(buyer.product, buyer.name)

    with pytest.raises(RefusedError) as refused:
        await buyer.opens()

    assert (refused.value.status, refused.value.problem["code"]) == (409, "already_subscribed")
