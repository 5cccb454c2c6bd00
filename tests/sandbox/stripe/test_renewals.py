"""What follows from a period's end: renewals, their charges, and how cards answer them."""

import calendar
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import stripe

from tests.sandbox.stripe.shop import SETTLE_WITHIN, Inbox, Shop, moment, period_of


async def test_a_renewal_is_drafted_at_the_period_end_and_paid_an_hour_later(shop: Shop, inbox: Inbox) -> None:
    ada = await shop.customer()
    begun = await shop.subscribe(ada)
    end = moment(period_of(begun)[1])
    await shop.simulator.webhooks_settled("ada", SETTLE_WITHIN)
    inbox.events.clear()

    assert shop.simulator.next_boundary("ada") == end
    await shop.simulator.advance("ada", end)
    renewed = await shop.subscription(begun["id"])
    assert period_of(renewed)[0] == period_of(begun)[1]
    assert (await shop.invoices(ada))[-1]["status"] == "draft"

    assert shop.simulator.next_boundary("ada") == end + timedelta(hours=1)
    await shop.simulator.advance("ada", end + timedelta(hours=1))
    invoice = (await shop.invoices(ada))[-1]
    assert (invoice["status"], invoice["billing_reason"]) == ("paid", "subscription_cycle")
    assert invoice["parent"]["subscription_details"]["subscription"] == begun["id"]
    assert await shop.simulator.webhooks_settled("ada", SETTLE_WITHIN)
    assert inbox.kinds == [
        "invoice.created",
        "customer.subscription.updated",
        "invoice.finalized",
        "charge.succeeded",
        "payment_intent.succeeded",
        "invoice.paid",
    ]
    assert inbox.events[-1]["created"] == int((end + timedelta(hours=1)).timestamp())


async def test_a_declined_renewal_is_past_due_and_never_retried_by_itself(shop: Shop, inbox: Inbox) -> None:
    ada = await shop.customer()
    subscription = await shop.subscribe(ada)
    shop.simulator.set_card_answers("ada", ["insufficient_funds"])

    await shop.renew()

    assert (await shop.subscription(subscription["id"]))["status"] == "past_due"
    invoice = (await shop.invoices(ada))[-1]
    assert (invoice["status"], invoice["attempt_count"], invoice["next_payment_attempt"]) == ("open", 1, None)
    await shop.simulator.advance("ada", shop.simulator.now("ada") + timedelta(days=20))
    assert (await shop.invoices(ada))[-1]["attempt_count"] == 1
    assert await shop.simulator.webhooks_settled("ada", SETTLE_WITHIN)
    assert inbox.kinds[-4:] == [
        "charge.failed",
        "payment_intent.payment_failed",
        "invoice.payment_failed",
        "customer.subscription.updated",
    ]


async def test_a_retry_counts_and_says_why_until_it_is_paid_and_all_is_well(shop: Shop) -> None:
    ada = await shop.customer()
    subscription = await shop.subscribe(ada)
    shop.simulator.set_card_answers("ada", ["insufficient_funds", "do_not_honor", "ok"])
    await shop.renew()
    invoice = (await shop.invoices(ada))[-1]["id"]

    with pytest.raises(stripe.CardError) as refused:
        await shop.client.v1.invoices.pay_async(invoice, {"off_session": True})
    error: Any = refused.value.error
    assert (error.decline_code, error.advice_code) == ("do_not_honor", "try_again_later")
    assert error.payment_intent.last_payment_error.decline_code == "do_not_honor"
    assert (await shop.invoices(ada))[-1]["attempt_count"] == 1, "tries by hand are not counted"

    paid = await shop.client.v1.invoices.pay_async(invoice, {"expand": ["payments.data.payment.payment_intent"]})
    assert paid.status == "paid"
    assert paid.payments is not None
    payment = paid.payments.data[0]
    assert (payment.status, payment.payment.payment_intent.status) == ("paid", "succeeded")  # type: ignore[union-attr]
    assert (await shop.subscription(subscription["id"]))["status"] == "active"

    with pytest.raises(stripe.InvalidRequestError, match="Invoice is already paid"):
        await shop.client.v1.invoices.pay_async(invoice)


async def test_a_new_card_answers_for_itself_when_the_old_one_was_set_to_decline(shop: Shop) -> None:
    ada = await shop.customer()
    await shop.subscribe(ada)
    shop.simulator.set_card_answers("ada", ["stolen_card"])
    await shop.renew()

    await shop.new_card(ada)
    paid = await shop.client.v1.invoices.pay_async((await shop.invoices(ada))[-1]["id"])

    assert paid.status == "paid"


async def test_answers_given_before_there_is_a_card_belong_to_the_first_one(shop: Shop) -> None:
    ada = await shop.customer(card=None)
    shop.simulator.set_card_answers("ada", ["ok", "lost_card"])
    await shop.new_card(ada)
    subscription = await shop.subscribe(ada)
    assert subscription["status"] == "active"

    await shop.renew()

    assert (await shop.subscription(subscription["id"]))["status"] == "past_due"


async def test_an_unknown_card_answer_is_refused_with_the_known_ones(shop: Shop) -> None:
    await shop.customer()

    with pytest.raises(ValueError, match=r"'broke'.*insufficient_funds"):
        shop.simulator.set_card_answers("ada", ["broke"])


async def test_a_renewal_waits_for_the_customer_when_the_bank_wants_authentication(shop: Shop, inbox: Inbox) -> None:
    ada = await shop.customer()
    await shop.subscribe(ada)
    shop.simulator.set_card_answers("ada", ["authentication_required"])

    await shop.renew()

    invoice = (await shop.invoices(ada))[-1]
    assert invoice["status"] == "open"
    assert invoice["hosted_invoice_url"].startswith(shop.simulator.base_url)
    assert await shop.simulator.webhooks_settled("ada", SETTLE_WITHIN)
    assert {"invoice.payment_action_required", "invoice.payment_failed"} <= set(inbox.kinds)
    with pytest.raises(stripe.CardError) as refused:
        await shop.client.v1.invoices.pay_async(invoice["id"])
    assert refused.value.code == "invoice_payment_intent_requires_action"


async def test_a_renewal_without_a_card_fails(shop: Shop) -> None:
    ada = await shop.customer()
    subscription = await shop.subscribe(ada)
    await shop.client.v1.customers.update_async(ada, {"invoice_settings": {"default_payment_method": ""}})

    await shop.renew()

    assert (await shop.subscription(subscription["id"]))["status"] == "past_due"
    with pytest.raises(stripe.InvalidRequestError, match="no attached payment source") as refused:
        await shop.client.v1.invoices.pay_async((await shop.invoices(ada))[-1]["id"])
    assert refused.value.code == "resource_missing"


async def test_a_renewal_is_voided_while_collection_is_paused(shop: Shop) -> None:
    ada = await shop.customer()
    subscription = await shop.subscribe(ada)
    paused = await shop.change(subscription["id"], pause_collection={"behavior": "void"})
    assert paused["pause_collection"] == {"behavior": "void", "resumes_at": None}
    assert paused["status"] == "active"

    await shop.renew()
    assert (await shop.invoices(ada))[-1]["status"] == "void"

    assert (await shop.change(subscription["id"], pause_collection=""))["pause_collection"] is None
    await shop.renew()
    assert (await shop.invoices(ada))[-1]["status"] == "paid"


async def test_years_pass_in_order_when_the_clock_is_moved_far(shop: Shop) -> None:
    ada = await shop.customer()
    await shop.subscribe(ada)

    await shop.simulator.advance("ada", shop.simulator.now("ada") + timedelta(days=366))

    invoices = await shop.invoices(ada)
    assert len(invoices) == 13
    assert all(each["status"] == "paid" for each in invoices)
    assert [each["created"] for each in invoices] == sorted(each["created"] for each in invoices)
    assert abs((shop.simulator.now("ada") - shop.simulator.now("nobody")).days - 366) <= 1


@pytest.mark.parametrize("leaps", [False, True], ids=["28 days in February", "29 days in February"])
async def test_a_year_of_renewals_falls_on_the_last_days_of_months_when_it_begins_on_the_31st(
    shop: Shop, leaps: bool
) -> None:
    year = next(each for each in range(datetime.now(UTC).year + 1, 9999) if calendar.isleap(each) is leaps)
    await shop.simulator.advance("ada", datetime(year, 1, 31, 10, tzinfo=UTC))
    ada = await shop.customer()
    begun = await shop.subscribe(ada)

    for _ in range(12):
        await shop.renew()

    first, *renewals = await shop.invoices(ada)
    days = [moment(each["created"]).day for each in renewals]
    assert days == [29 if leaps else 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31, 31]
    assert [each["amount_paid"] for each in [first, *renewals]] == [4900] * 13
    periods = [(each["period_start"], each["period_end"]) for each in renewals]
    assert [start for start, _ in periods] == [first["created"], *(end for _, end in periods[:-1])]
    assert {moment(end).time() for _, end in periods} == {moment(first["created"]).time()}
    renewed = await shop.subscription(begun["id"])
    assert renewed["billing_cycle_anchor"] == first["created"]
    assert period_of(renewed)[0] == periods[-1][1]


async def test_a_subscription_stands_as_its_newest_invoice_does(shop: Shop) -> None:
    ada = await shop.customer()
    subscription = await shop.subscribe(ada)
    shop.simulator.set_card_answers("ada", ["insufficient_funds", "lost_card", "ok"])
    await shop.renew()
    await shop.renew()
    older, newest = [each["id"] for each in await shop.invoices(ada)][1:]

    await shop.client.v1.invoices.pay_async(older)
    assert (await shop.subscription(subscription["id"]))["status"] == "past_due"
    await shop.client.v1.invoices.pay_async(newest)
    assert (await shop.subscription(subscription["id"]))["status"] == "active"


async def test_a_paid_renewal_brings_a_subscription_up_to_date_when_an_older_invoice_is_open(shop: Shop) -> None:
    ada = await shop.customer()
    subscription = await shop.subscribe(ada)
    shop.simulator.set_card_answers("ada", ["insufficient_funds", "ok"])
    await shop.renew()
    await shop.renew()

    assert [each["status"] for each in await shop.invoices(ada)] == ["paid", "open", "paid"]
    assert (await shop.subscription(subscription["id"]))["status"] == "active"


async def test_a_customer_whom_stripe_does_not_know_is_named(shop: Shop) -> None:
    with pytest.raises(LookupError, match="no customer 'ida'"):
        shop.simulator.dispute("ida")
    with pytest.raises(LookupError, match="no customer 'ida'"):
        shop.simulator.refund("ida")
