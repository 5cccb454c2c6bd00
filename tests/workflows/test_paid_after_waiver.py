"""Invoices that were written off and are paid all the same: the money is recorded, and receipted once."""

from collections import Counter
from datetime import timedelta

import pytest

from domain.events.types import EventType
from domain.subscription.lifecycle import Status
from tests.workflows.conftest import Begin
from tests.workflows.world.life import LONGER_THAN_IS_ASKED, Life
from tests.workflows.world.world import World


@pytest.fixture
async def payer(begin: Begin) -> Life:
    """A customer who has just paid for a month."""
    return await begin(trial_days=0, payment_method="visa")


def open_bill(life: Life) -> str:
    [bill] = [invoice.ref for invoice in life.invoices if invoice.status == "open"]
    return bill


async def written_off(life: Life, world: World) -> str:
    """The renewal that was declined, and that support has marked uncollectible."""
    await life.live_until_declined("insufficient_funds")
    bill = open_bill(life)
    await world.provider.outside.write_off(bill)
    await life.settle()
    return bill


def events_of(life: Life, bill: str, type_: EventType) -> int:
    """How often products were told this of an invoice."""
    told = [each for each in life.world.records.events.values() if each.subscription == life.id and each.type is type_]
    return sum(each.payload["invoice"]["id"] == bill for each in told)


async def test_an_invoice_that_was_written_off_is_no_longer_owed_and_not_taken_for_paid(
    payer: Life, world: World
) -> None:
    bill = await written_off(payer, world)

    assert payer.status == ("active", "full")
    assert payer.bills == Counter(paid=1, uncollectible=1)
    assert (payer.mails["receipt"], events_of(payer, bill, EventType.INVOICE_VOIDED)) == (1, 1)


async def test_its_payment_is_recorded_and_receipted_once_however_often_it_is_reported(
    payer: Life, world: World
) -> None:
    bill = await written_off(payer, world)
    before = payer.subscription

    await payer.pays(bill)
    past = [event for _, event in world.provider.payments.books.past if event.event.object_id == bill]
    for _ in range(2):
        await world.post.deliver(past, redelivered=True)
        await payer.wake()
        await payer.settle()

    assert payer.bills == Counter(paid=2)
    assert (payer.mails["receipt"], events_of(payer, bill, EventType.INVOICE_PAID)) == (2, 1)
    assert payer.kinds["waived_bill_paid"] == 1
    after = payer.subscription
    assert (after.status, after.access, after.period_end) == (before.status, before.access, before.period_end)
    assert after.waived_invoices == ()


async def test_its_payment_is_recorded_after_another_renewal_and_while_that_one_is_owed(
    payer: Life, world: World
) -> None:
    bill = await written_off(payer, world)
    payer.card_answers("ok")
    await payer.live_until("renew")
    assert payer.bills == Counter(paid=2, uncollectible=1)
    await payer.live_until_declined("insufficient_funds")
    owed = open_bill(payer)

    await payer.pays(bill)

    assert payer.bills == Counter(paid=3, open=1)
    assert payer.status == ("past_due", "full"), "what is owed since is still owed"
    assert payer.subscription.recovery is not None
    assert payer.subscription.recovery.invoice_ref == owed
    await payer.pays(owed)
    assert (payer.status, payer.bills) == (("active", "full"), Counter(paid=4))


async def test_plain_renewals_stay_plain_after_a_waiver(payer: Life, world: World) -> None:
    await written_off(payer, world)
    payer.card_answers("ok")

    await payer.live_until("renew")
    await payer.live_until("renew")

    assert payer.kinds["renewed"] == 2
    assert len(payer.subscription.waived_invoices) == 1


async def test_its_payment_gives_no_access_while_an_operator_holds_the_subscription(payer: Life, world: World) -> None:
    bill = await written_off(payer, world)
    await payer.command("suspend", reason="a question about the account")

    await payer.pays(bill)

    assert payer.status == ("suspended", "none")
    assert (payer.bills, payer.mails["receipt"]) == (Counter(paid=2), 2)


async def test_an_invoice_that_is_written_off_while_an_operator_holds_the_subscription_may_be_paid_too(
    payer: Life, world: World
) -> None:
    await payer.live_until_declined("insufficient_funds")
    bill = open_bill(payer)
    await payer.command("suspend", reason="a question about the account")
    await world.provider.outside.write_off(bill)
    await payer.settle()
    assert payer.bills == Counter(paid=1, uncollectible=1)

    await payer.pays(bill)

    assert payer.status == ("suspended", "none")
    assert (payer.bills, payer.mails["receipt"]) == (Counter(paid=2), 2)


async def test_the_card_that_has_paid_it_comes_on_file(payer: Life, world: World) -> None:
    bill = await written_off(payer, world)

    await payer.pays(bill, "mastercard")

    assert payer.subscription.card is not None
    assert payer.subscription.card.brand == "mastercard"


async def test_its_payment_is_found_when_no_message_says_so(payer: Life, world: World) -> None:
    bill = await written_off(payer, world)
    world.provider.loses_messages = True
    await payer.pays(bill)
    assert payer.bills == Counter(paid=1, uncollectible=1)

    await payer.command("reconcile")
    await payer.command("reconcile")

    assert (payer.bills, payer.mails["receipt"]) == (Counter(paid=2), 2)
    assert events_of(payer, bill, EventType.INVOICE_PAID) == 1


async def test_a_void_invoice_is_not_waited_for(payer: Life, world: World) -> None:
    await payer.live_until_declined("insufficient_funds")
    bill = open_bill(payer)
    await world.provider.outside.void(bill)
    await payer.settle()

    assert payer.status == ("active", "full")
    assert (payer.bills, payer.subscription.waived_invoices) == (Counter(paid=1, void=1), ())


async def test_its_payment_is_recorded_after_the_subscription_has_ended(payer: Life, world: World) -> None:
    bill = await written_off(payer, world)
    await payer.command("cancel", at="now")
    assert payer.subscription.status is Status.CANCELED

    await payer.pays(bill)
    await payer.live(timedelta(minutes=1))

    assert payer.subscription.status is Status.CANCELED
    assert (payer.bills, payer.mails["receipt"]) == (Counter(paid=2), 2)
    assert events_of(payer, bill, EventType.INVOICE_PAID) == 1


async def test_its_payment_is_recorded_while_the_end_is_still_to_be_reported(payer: Life, world: World) -> None:
    bill = await written_off(payer, world)
    world.provider.calls.fail("end")
    await payer.meanwhile(LONGER_THAN_IS_ASKED, "cancel", "end", at="now")
    assert payer.subscription.untold_end is not None

    await payer.pays(bill)
    world.provider.heal()
    await payer.live(timedelta(hours=2))

    assert payer.subscription.untold_end is None
    assert (payer.bills, payer.mails["receipt"]) == (Counter(paid=2), 2)
    assert (payer.kinds["waived_bill_paid"], payer.kinds["charged_after_end"]) == (1, 0)
