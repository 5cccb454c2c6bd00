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
from storage.access.audit import AuditLog
from storage.subscriptions.read_model import Subscriptions
from storage.subscriptions.write_model import SubscriptionRecords
from tests.harness.lives import Life
from tests.harness.patience import until
from tests.harness.trial_key import TRIAL_KEY

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


# Disputes


async def test_a_lost_dispute_ends_the_subscription(payer: Life) -> None:
    await disputed(payer)

    await disputed(payer, "lost")

    assert await payer.status() == ("canceled", "none")
    assert (await payer.stands())["status_reason"] == "dispute_lost"
    assert await payer.mails() == PAID + Counter(canceled=1)
    assert [entry["kind"] for entry in await payer.past()][-3:] == ["disputed", "dispute_closed", "canceled"]
    await payer.live(60 * A_DAY)
    assert (await payer.bills())["paid"] == 1


async def test_an_inquiry_that_becomes_a_dispute_stops_billing_then(payer: Life) -> None:
    await disputed(payer, "inquiry")
    assert await payer.status() == ("active", "full")
    assert (await payer.kinds())["dispute_noted"] == 1

    await disputed(payer, "opened")

    assert await payer.status() == ("active", "limited")
    assert (await payer.kinds())["disputed"] == 1
    await payer.live(40 * A_DAY)
    assert (await payer.bills())["paid"] == 1


# After the end


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
    past, records = Subscriptions(stack.engine), SubscriptionRecords(stack.engine, TRIAL_KEY)
    mails, audit = TemporalMailDispatcher(stack.client), AuditLog(stack.engine)
    afterwards = LateReversals(stack.provider.reversals, past, records, mails, audit)

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
