"""Money that goes back: refunds, and payments that the customer's bank disputes."""

from collections import Counter

import pytest

from domain.provider.hints import EventHint, EventKind
from tests.workflows.conftest import Begin
from tests.workflows.world.life import A_DAY, Life, as_shown
from tests.workflows.world.world import World
from workflows.subscription.workflow import SubscriptionWorkflow

PAID = Counter(converted=1, receipt=1)


@pytest.fixture
async def payer(begin: Begin) -> Life:
    """A customer who has just paid for a month."""
    return await begin(trial_days=0, payment_method="visa")


# Refunds


async def test_partial_refunds_are_each_recorded_and_mailed_once(payer: Life) -> None:
    await payer.refund(1000)
    assert payer.mails == PAID + Counter(refunded=1)

    await payer.refund(500)

    assert payer.mails == PAID + Counter(refunded=2)
    refunds = [entry for entry in payer.journal if entry.kind == "refunded"]
    assert [(entry.details["amount"], entry.cause.kind) for entry in refunds] == [
        ("1000", "webhook"),
        ("1500", "webhook"),
    ]
    assert all("in part" in entry.summary for entry in refunds)


async def test_a_full_refund_keeps_the_subscription_by_the_default_policy(payer: Life) -> None:
    await payer.refund()

    assert payer.status == ("active", "full")
    assert payer.journal[-1].summary.startswith("Refunded in full: $49.00")
    await payer.live_until("renew")
    assert payer.kinds["renewed"] == 1
    assert payer.mails == PAID + Counter(refunded=1, receipt=1)


async def test_a_downgrade_credits_no_refunded_money(begin: Begin) -> None:
    life = await begin(plan="professional", trial_days=0, payment_method="visa")
    await life.live(8 * A_DAY)
    await life.refund()
    await life.live(A_DAY)

    preview = await life.command("preview-change", plan="starter", when="now")
    await life.command("change-plan", plan="starter", when="now", **as_shown(preview))

    assert 0 < preview.due_now < 4900, "the rest of the period on Starter; nothing is credited for Professional"
    assert all(line.amount >= 0 for line in preview.lines)
    await life.live_until("renew")
    assert sorted(invoice.amount for invoice in life.invoices) == sorted([19900, preview.due_now, 4900])


async def test_a_repeated_refund_event_changes_nothing(payer: Life) -> None:
    await payer.refund(1000)
    before, mails = payer.subscription, payer.mails
    charge = payer.journal[-1].details["reversal"]

    await payer.handle.signal(
        SubscriptionWorkflow.provider_event, EventHint("evt_repeated", EventKind.REFUNDED, charge)
    )
    await payer.settle()

    assert (payer.subscription, payer.mails) == (before, mails)
    assert payer.kinds["refunded"] == 1


# Disputes


async def test_a_dispute_limits_access_and_stops_billing(payer: Life) -> None:
    await payer.dispute("opened")

    assert payer.status == ("active", "limited")
    assert payer.ahead == []
    assert await payer.refused("change-plan", plan="professional") == "payment_disputed"
    assert await payer.refused("pause") == "payment_disputed"
    await payer.live(70 * A_DAY)
    assert payer.status == ("active", "limited")
    assert payer.bills["paid"] == 1
    assert payer.mails == PAID


async def test_a_dispute_won_within_the_period_restores_access_and_the_renewal(payer: Life) -> None:
    renews_at = payer.subscription.period_end
    await payer.dispute("opened")
    await payer.live(5 * A_DAY)

    await payer.dispute("won")

    assert payer.status == ("active", "full")
    assert payer.subscription.period_end == renews_at
    assert payer.bills["paid"] == 1
    await payer.live_until("renew")
    assert payer.bills["paid"] == 2
    assert payer.kinds["renewed"] == 1


async def test_a_dispute_won_after_the_period_begins_a_new_one(payer: Life) -> None:
    await payer.dispute("opened")
    await payer.live(40 * A_DAY)

    await payer.dispute("won")

    assert payer.status == ("active", "full")
    assert payer.bills["paid"] == 2
    ends_at = payer.subscription.period_end
    assert ends_at is not None
    assert ends_at > payer.now + 27 * A_DAY
    await payer.live_until("renew")
    assert payer.bills["paid"] == 3


async def test_a_dispute_stops_the_ladder_and_winning_it_resumes_the_ladder(payer: Life, world: World) -> None:
    await payer.live_until_declined("insufficient_funds")
    await payer.live_until("recover")
    before, step = payer.mails, world.records.steps[payer.id].ahead[0]

    await payer.dispute("opened")

    assert (payer.status, payer.ahead) == (("past_due", "limited"), [])
    assert await payer.refused("retry-payment") == "payment_disputed"
    attempts = world.provider.calls.made["collect"]
    await payer.live(60 * A_DAY)
    assert payer.mails == before
    assert world.provider.calls.made["collect"] == attempts
    await payer.dispute("won")
    assert payer.status == ("past_due", "full")
    resumed = world.records.steps[payer.id].ahead[0]
    assert (resumed.action, resumed.why) == (step.action, step.why)
    assert resumed.at > payer.now


async def test_a_new_card_is_not_charged_while_a_payment_is_disputed(payer: Life, world: World) -> None:
    await payer.live_until_declined("insufficient_funds")
    await payer.dispute("opened")
    paid, attempts = payer.bills["paid"], world.provider.calls.made["collect"]

    await payer.checks_out("mastercard")

    assert payer.subscription.card is not None
    assert payer.subscription.card.brand == "mastercard"
    assert (payer.bills["paid"], world.provider.calls.made["collect"]) == (paid, attempts)


async def test_a_lost_dispute_ends_the_subscription(payer: Life) -> None:
    await payer.dispute("opened")

    await payer.dispute("lost")

    assert payer.status == ("canceled", "none")
    assert payer.subscription.status_reason == "dispute_lost"
    assert payer.mails == PAID + Counter(canceled=1)
    assert [entry.kind for entry in payer.journal][-3:] == ["disputed", "dispute_closed", "canceled"]
    await payer.live(60 * A_DAY)
    assert payer.bills["paid"] == 1


# After the end


async def test_a_refund_after_the_end_is_recorded_and_mailed_once(payer: Life, world: World) -> None:
    await payer.command("cancel", at="now")
    before = payer.mails

    await payer.refund(1000)
    assert payer.mails == before + Counter(refunded=1)
    await payer.refund()

    assert payer.mails == before + Counter(refunded=2)
    assert payer.status == ("canceled", "none")
    refunds = [entry for entry in payer.journal if entry.kind == "refunded"]
    assert [(entry.details["amount"], entry.cause.kind) for entry in refunds] == [
        ("1000", "webhook"),
        ("4900", "webhook"),
    ]


async def test_a_dispute_after_the_end_is_recorded_at_each_turn(payer: Life) -> None:
    await payer.command("cancel", at="now")
    before = payer.mails

    await payer.dispute("opened")
    await payer.dispute("lost")

    assert payer.kinds["dispute_noted"] == 2
    assert payer.mails == before
    assert payer.status == ("canceled", "none")
