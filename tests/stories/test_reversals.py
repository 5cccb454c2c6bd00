"""Money that goes back: refunds, and payments that the customer's bank disputes."""

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable
from datetime import timedelta

import pytest
from sqlalchemy import text

from domain.names import subscription_workflow_id
from domain.provider.hints import EventHint, EventKind
from sandbox.stack import Stack
from services.mail_dispatcher import TemporalMailDispatcher
from services.webhooks.late_reversals import LateReversals
from storage.subscriptions.read_model import Subscriptions
from storage.subscriptions.write_model import SubscriptionRecords
from tests.harness.lives import Life
from tests.harness.patience import until
from workflows.subscription.workflow import SubscriptionWorkflow

Begin = Callable[..., Awaitable[Life]]

A_DAY = timedelta(days=1)
PAID_START = {"trial_days": 0, "payment_method": "pm_card_visa"}
PAID = Counter(converted=1, receipt=1)


@pytest.fixture
async def payer(begin: Begin) -> Life:
    """A customer who has just paid for a month."""
    return await begin(**PAID_START)


async def disputed(life: Life, status: str = "opened") -> None:
    await life.product.dispute(life.external_id, status)
    await life.mails()


# Refunds


async def test_refunds_in_part_are_written_down_and_told_each_once(payer: Life) -> None:
    await payer.product.refund(payer.external_id, 1000)
    assert await payer.mails() == PAID + Counter(refunded=1)
    assert "$10.00" in (await payer.last_mail())["text"]

    await payer.product.refund(payer.external_id, 500)

    assert await payer.mails() == PAID + Counter(refunded=2)
    mail = await payer.last_mail()
    assert mail["subject"] == "We gave you back $5.00"
    assert "We gave you back $5.00 of the $49.00 that you paid with invoice" in mail["text"]
    assert "Refunded in all: $15.00" in mail["text"]
    told = [entry for entry in await payer.past() if entry["kind"] == "refunded"]
    assert [entry["details"]["amount"] for entry in told] == ["1000", "1500"]
    assert [entry["cause"]["kind"] for entry in told] == ["webhook", "webhook"]
    assert all("in part" in entry["summary"] for entry in told)
    [bill] = (await payer.product.get("/v1/invoices", customer=payer.external_id))["data"]
    assert (bill["total"], bill["amount_paid"], bill["amount_refunded"]) == (4900, 4900, 1500)
    assert bill["paid_at"] >= bill["issued_at"]


async def test_a_refund_in_full_keeps_the_subscription_by_the_default_policy(payer: Life) -> None:
    await payer.product.refund(payer.external_id)

    assert await payer.mails() == PAID + Counter(refunded=1)
    assert await payer.status() == ("active", "full")
    assert [entry["summary"] for entry in await payer.past()][-1].startswith("Refunded in full: 4900")
    await payer.live_until("renew")
    await payer.live(timedelta(hours=2))
    assert (await payer.kinds())["renewed"] == 1
    assert await payer.mails() == PAID + Counter(refunded=1, receipt=1)


async def test_a_downgrade_credits_no_money_that_was_refunded(begin: Begin) -> None:
    life = await begin(plan="professional", **PAID_START)
    await life.live(8 * A_DAY)
    await life.product.refund(life.external_id)
    await life.live(A_DAY)

    preview = await life.command("preview-change", plan="starter", when="now")
    await life.command("change-plan", plan="starter", when="now")

    assert 0 < preview["due_now"] < 4900, "what is left of Starter, and nothing credited for Professional"
    assert all(line["amount"] >= 0 for line in preview["lines"])
    await life.live_until("renew")
    await life.live(timedelta(hours=2))
    bills = (await life.product.get("/v1/invoices", customer=life.external_id))["data"]
    assert sorted(bill["amount"] for bill in bills) == sorted([19900, preview["due_now"], 4900]), "renewals are paid"


async def test_a_refund_that_is_told_again_changes_nothing(payer: Life, stack: Stack) -> None:
    await payer.product.refund(payer.external_id, 1000)
    mails, stands = await payer.mails(), await payer.stands()
    charge = (await payer.past())[-1]["details"]["reversal"]

    workflow = stack.client.get_workflow_handle(subscription_workflow_id(payer.id))
    await workflow.signal(SubscriptionWorkflow.provider_event, EventHint("evt_told_again", EventKind.REFUNDED, charge))

    assert await payer.mails() == mails
    assert await payer.stands() == stands
    assert (await payer.kinds())["refunded"] == 1


# Disputes


async def test_while_a_payment_is_disputed_access_is_limited_and_nothing_is_billed(payer: Life) -> None:
    await disputed(payer)

    assert await payer.status() == ("active", "limited")
    assert await payer.ahead() == []
    assert await payer.refused("change-plan", plan="professional") == (409, "payment_disputed")
    assert await payer.refused("pause") == (409, "payment_disputed")
    await payer.live(70 * A_DAY)
    assert await payer.status() == ("active", "limited")
    assert (await payer.bills())["paid"] == 1
    assert await payer.mails() == PAID


async def test_a_dispute_won_within_the_period_gives_access_back_and_the_renewal_comes_as_ever(payer: Life) -> None:
    renews_at = (await payer.stands())["current_period_end"]
    await disputed(payer)
    await payer.live(5 * A_DAY)

    await disputed(payer, "won")

    assert await payer.status() == ("active", "full")
    assert (await payer.stands())["current_period_end"] == renews_at
    assert (await payer.bills())["paid"] == 1
    await payer.live_until("renew")
    await payer.live(timedelta(hours=4))
    assert (await payer.bills())["paid"] == 2
    kinds = await payer.kinds()
    assert (kinds["renewed"], kinds["provider_asked"]) == (1, 1), "asked once when it was won, then left in peace"


async def test_a_dispute_won_after_the_periods_end_begins_a_new_period(payer: Life) -> None:
    await disputed(payer)
    await payer.live(40 * A_DAY)

    await disputed(payer, "won")

    assert await payer.status() == ("active", "full")
    assert (await payer.bills())["paid"] == 2
    assert (await payer.stands())["current_period_end"] > (payer.now + 27 * A_DAY).isoformat()
    await payer.live_until("renew")
    await payer.live(timedelta(hours=4))
    assert (await payer.bills())["paid"] == 3


async def test_a_dispute_stops_the_ladder_and_winning_lets_it_go_on_where_it_was(payer: Life, stack: Stack) -> None:
    await payer.live_until_declined("insufficient_funds")
    await payer.live_until("recover")
    before, (step, *_rest) = await payer.mails(), (await payer.stands())["next_actions"]

    await disputed(payer)

    assert (await payer.status(), await payer.ahead()) == (("past_due", "limited"), [])
    assert await payer.refused("retry-payment") == (409, "payment_disputed")
    tries = len(payments_tried(stack))
    await payer.live(60 * A_DAY)
    assert await payer.mails() == before
    assert len(payments_tried(stack)) == tries
    await disputed(payer, "won")
    assert await payer.status() == ("past_due", "full")
    (again, *_rest) = (await payer.stands())["next_actions"]
    assert (again["action"], again["why"]) == (step["action"], step["why"])
    assert again["at"] > payer.now.isoformat()


def payments_tried(stack: Stack) -> list[object]:
    return [call for call in stack.simulator.call_log() if call[1].endswith("/pay")]


async def test_a_lost_dispute_ends_the_subscription(payer: Life) -> None:
    await disputed(payer)

    await disputed(payer, "lost")

    assert await payer.status() == ("canceled", "none")
    assert (await payer.stands())["status_reason"] == "dispute_lost"
    assert await payer.mails() == PAID + Counter(canceled=1)
    assert [entry["kind"] for entry in await payer.past()][-3:] == ["disputed", "dispute_closed", "canceled"]
    await payer.live(60 * A_DAY)
    assert (await payer.bills())["paid"] == 1


async def test_an_inquiry_of_the_bank_is_only_noted(payer: Life) -> None:
    await disputed(payer, "inquiry")

    assert await payer.status() == ("active", "full")
    assert (await payer.kinds())["dispute_noted"] == 1
    await payer.live_until("renew")
    await payer.live(timedelta(hours=4))
    assert (await payer.bills())["paid"] == 2
    assert await payer.mails() == PAID + Counter(receipt=1)


async def test_an_inquiry_that_becomes_a_dispute_stops_billing_then(payer: Life) -> None:
    await disputed(payer, "inquiry")

    await disputed(payer, "opened")

    assert await payer.status() == ("active", "limited")
    assert (await payer.kinds())["disputed"] == 1
    await payer.live(40 * A_DAY)
    assert (await payer.bills())["paid"] == 1


# After the end


async def test_a_refund_after_the_end_is_written_down_and_told_once(payer: Life, stack: Stack) -> None:
    await payer.command("cancel", at="now", reason="moved on")
    before = await payer.mails()

    await payer.product.refund(payer.external_id, 1000)
    assert await payer.mails() == before + Counter(refunded=1)
    await payer.product.refund(payer.external_id)

    assert await payer.mails() == before + Counter(refunded=2)
    assert await payer.status() == ("canceled", "none")
    told = [entry for entry in await payer.past() if entry["kind"] == "refunded"]
    assert [(entry["details"]["amount"], entry["cause"]["kind"]) for entry in told] == [
        ("1000", "webhook"),
        ("4900", "webhook"),
    ]
    assert await reversals_of(payer, stack) == [("refund", "refunded", 4900)]


async def test_a_dispute_after_the_end_is_written_down_as_it_goes_on(payer: Life, stack: Stack) -> None:
    await payer.command("cancel", at="now")
    before = await payer.mails()

    await disputed(payer)
    await disputed(payer, "lost")

    assert await reversals_of(payer, stack) == [("dispute", "lost", 4900)]
    assert (await payer.kinds())["dispute_noted"] == 2
    assert await payer.mails() == before
    assert await payer.status() == ("canceled", "none")


async def test_what_is_told_of_again_after_the_end_is_written_down_once(payer: Life, stack: Stack) -> None:
    await payer.command("cancel", at="now")
    await payer.product.refund(payer.external_id, 1000)
    before = await payer.mails(), await payer.past()
    charge = before[1][-1]["details"]["reversal"]
    past, records = Subscriptions(stack.engine), SubscriptionRecords(stack.engine)
    afterwards = LateReversals(stack.provider.reversals, past, records, TemporalMailDispatcher(stack.client))

    hints = [EventHint(f"evt_again_{number}", EventKind.REFUNDED, charge) for number in range(3)]
    said = await asyncio.gather(*(afterwards.note(payer.id, hint) for hint in hints))

    words = {verdict.words for verdict in said if verdict is not None}
    assert words == {f"recorded for subscription {payer.id}, which is over"}
    assert (await payer.mails(), await payer.past()) == before


async def reversals_of(life: Life, stack: Stack) -> list[tuple[str, str, int]]:
    """What is known of money that went back: kind, status, amount."""
    wanted = text("select kind, status, amount from reversals where subscription = cast(:id as uuid)")
    async with stack.engine.connect() as connection:
        return [tuple(row) for row in await connection.execute(wanted, {"id": life.id})]


@pytest.mark.usefixtures("healed")
async def test_a_refund_that_is_told_while_the_subscription_ends_is_not_lost(payer: Life, stack: Stack) -> None:
    await payer.product.faults(stripe={"error_rate": 1})
    workflow = stack.client.get_workflow_handle(subscription_workflow_id(payer.id))

    async def is_tried() -> bool:
        return bool((await workflow.describe()).raw_description.pending_activities)

    async def is_told() -> bool:
        return await outcome_of_refund(payer, stack) == f"delivered to subscription {payer.id}"

    canceling = asyncio.create_task(payer.command("cancel", at="now"))
    await until(is_tried)

    await payer.product.refund(payer.external_id, 1000)
    await until(is_told)
    assert (await payer.status())[0] == "active", "the cancellation is still on its way"
    await payer.product.faults()
    await canceling

    assert await payer.status() == ("canceled", "none")
    assert await payer.mails() == PAID + Counter(refunded=1, canceled=1)
    assert [entry["kind"] for entry in await payer.past()][-2:] == ["canceled", "refunded"]


async def outcome_of_refund(life: Life, stack: Stack) -> str | None:
    """What has become of the message of a refund; None: nothing yet."""
    wanted = text(
        "select outcome from webhook_inbox join customers using (customer_ref)"
        " where customers.external_id = :customer and news = 'refunded'"
    )
    async with stack.engine.connect() as connection:
        return (await connection.execute(wanted, {"customer": life.external_id})).scalar()
