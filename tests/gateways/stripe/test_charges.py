"""Taking money at Stripe: first periods, open invoices, restarts."""

import asyncio
from datetime import UTC, datetime, timedelta

import pytest

from domain.catalog.plans import Item
from domain.errors import GatewayRefused, GatewayUnavailable
from domain.provider.payments import Charge, ChargeOutcome
from tests.gateways.rig import STARTER, USERS, StripeRig

HARD, SOFT = True, False
REFUSALS = [
    ("insufficient_funds", "try_again_later", SOFT),
    ("expired_card", "confirm_card_data", HARD),
    ("lost_card", "do_not_try_again", HARD),
    ("fraudulent", "do_not_try_again", HARD),
    ("transaction_not_allowed", "try_again_later", HARD),
    ("duplicate_transaction", "", SOFT),
]
"""Decline codes, the advice Stripe gives with them, and whether the same card may be tried again."""


# ── The first period ──


async def test_the_first_period_is_paid_and_returned_with_its_invoice(rig: StripeRig) -> None:
    start = datetime(2031, 1, 31, 12, tzinfo=UTC)
    await rig.simulator.advance("ada", start)
    wallet = await rig.wallet()

    charge = await rig.begin(wallet, items=(STARTER, USERS))

    bill = charge.invoice
    assert bill is not None
    assert (charge.outcome, charge.decline) == (ChargeOutcome.PAID, None)
    assert (bill.status, bill.amount, bill.currency, bill.attempts) == ("paid", 4900 + 3 * 500, "usd", 1)
    assert bill.number.endswith("-0001")
    assert bill.url.startswith("http")
    assert bill.pdf.startswith("http")
    assert charge.period_start is not None
    assert charge.period_end is not None
    assert abs(charge.period_start - start) < timedelta(minutes=1)
    assert charge.period_end.date().isoformat() == "2031-02-28"
    assert (bill.period_start, bill.period_end) == (charge.period_start, charge.period_end)
    (agreement,) = await rig.agreements(wallet)
    assert (agreement["id"], agreement["status"]) == (charge.agreement_ref, "active")
    assert agreement["metadata"] == {"tenure_subscription": "s", "tenure_try": "s/charge/1"}


@pytest.mark.parametrize(("code", "advice", "hard"), REFUSALS)
async def test_nothing_is_left_when_the_first_charge_is_declined(
    rig: StripeRig, code: str, advice: str, hard: bool
) -> None:
    wallet = await rig.wallet()
    rig.simulator.set_card_answers("ada", [code, "ok"])

    charge = await rig.begin(wallet)

    assert charge.outcome is ChargeOutcome.DECLINED
    assert charge.decline is not None
    assert (charge.decline.code, charge.decline.advice, charge.decline.is_hard) == (code, advice, hard)
    assert (charge.agreement_ref, charge.invoice) == ("", None)
    assert await rig.agreements(wallet) == []
    assert await rig.bills(wallet) == []
    # The same attempt gets the same answer; a new one asks the bank again.
    assert await rig.begin(wallet) == charge
    assert (await rig.begin(wallet, "s/charge/2")).outcome is ChargeOutcome.PAID


async def test_a_first_charge_that_wants_the_customer_is_no_plain_decline(rig: StripeRig) -> None:
    wallet = await rig.wallet(card="pm_card_authenticationRequired")

    charge = await rig.begin(wallet)

    assert charge.outcome is ChargeOutcome.ACTION_REQUIRED
    assert charge.decline is not None
    assert (charge.decline.code, charge.decline.is_hard) == ("authentication_required", True)
    assert await rig.agreements(wallet) == []


async def test_a_lost_answer_costs_nothing_when_the_first_charge_is_repeated(rig: StripeRig) -> None:
    wallet = await rig.wallet()
    assert await rig.provider.charges.begun(wallet.customer_ref, key="s/charge/1") is None
    rig.wire.lose(1)
    with pytest.raises(GatewayUnavailable):
        await rig.begin(wallet)

    found = await rig.provider.charges.begun(wallet.customer_ref, key="s/charge/1")
    again = await rig.begin(wallet)

    assert found is not None
    assert found == again
    assert again.outcome is ChargeOutcome.PAID
    assert await rig.statuses(wallet) == ["paid"]
    assert await rig.provider.charges.begun(wallet.customer_ref, key="s/charge/2") is None


async def test_the_sandboxs_own_lost_answer_is_survived_too(rig: StripeRig) -> None:
    wallet = await rig.wallet()
    rig.simulator.set_faults(stripe={"timeout_after_commit": 1})
    with pytest.raises(GatewayUnavailable):
        await rig.begin(wallet)

    assert (await rig.begin(wallet)).outcome is ChargeOutcome.PAID
    assert await rig.statuses(wallet) == ["paid"]


async def test_two_at_once_under_one_key_charge_once(rig: StripeRig) -> None:
    wallet = await rig.wallet()
    await rig.begin(wallet, "warm-up/the-price")
    rig.simulator.set_faults(stripe={"delay_s": 0.1})

    answers = await asyncio.gather(rig.begin(wallet), rig.begin(wallet), return_exceptions=True)

    assert sorted(type(answer).__name__ for answer in answers) == ["Charge", "GatewayBusy"]
    (charge,) = [answer for answer in answers if isinstance(answer, Charge)]
    assert await rig.begin(wallet) == charge
    assert await rig.statuses(wallet) == ["paid", "paid"]


async def test_a_price_that_was_never_pushed_is_refused_with_what_to_do(rig: StripeRig) -> None:
    wallet = await rig.wallet()

    with pytest.raises(GatewayRefused, match=r"'shop_gold_month_v1'.*tenure catalog push") as refused:
        await rig.begin(wallet, items=(STARTER, Item("shop_gold_month_v1", 1)))

    assert refused.value.code == "unknown_price"
    assert await rig.agreements(wallet) == []


# ── Open invoices ──


async def test_an_open_invoice_is_paid_once_under_one_key(rig: StripeRig) -> None:
    wallet, agreement, bill = await rig.owing()
    rig.wire.lose(1)
    with pytest.raises(GatewayUnavailable):
        await rig.provider.charges.collect(bill, key="try/1")

    charge, again = [await rig.provider.charges.collect(bill, key="try/1") for _ in range(2)]

    assert charge == again
    assert charge.invoice is not None
    assert (charge.outcome, charge.agreement_ref) == (ChargeOutcome.PAID, agreement)
    assert (charge.invoice.ref, charge.invoice.status, charge.invoice.amount) == (bill, "paid", 4900)
    assert charge.invoice.attempts == 1, "the renewal's own try: ours is by hand"
    assert await rig.statuses(wallet) == ["paid", "paid"]


@pytest.mark.parametrize(("code", "advice", "hard"), REFUSALS)
async def test_an_open_invoice_stays_open_when_the_card_is_declined(
    rig: StripeRig, code: str, advice: str, hard: bool
) -> None:
    wallet, _, bill = await rig.owing()
    rig.simulator.set_card_answers("ada", [code, "ok"])

    charge, again = [await rig.provider.charges.collect(bill, key="try/1") for _ in range(2)]

    assert charge == again
    assert charge.outcome is ChargeOutcome.DECLINED
    assert charge.decline is not None
    assert (charge.decline.code, charge.decline.advice, charge.decline.is_hard) == (code, advice, hard)
    assert await rig.statuses(wallet) == ["paid", "open"]
    assert (await rig.provider.charges.collect(bill, key="try/2")).outcome is ChargeOutcome.PAID


async def test_the_customer_gets_a_link_when_an_open_invoice_needs_confirmation(rig: StripeRig) -> None:
    _, _, bill = await rig.owing()
    rig.simulator.set_card_answers("ada", ["authentication_required"])

    charge = await rig.provider.charges.collect(bill, key="try/1")

    assert charge.outcome is ChargeOutcome.ACTION_REQUIRED
    assert charge.decline is not None
    assert charge.invoice is not None
    assert charge.decline.code == "authentication_required"
    assert charge.decline.action_url == charge.invoice.url == f"{rig.simulator.base_url}/i/{bill}"


# ── Restarts ──


async def test_a_restart_charges_a_period_from_now_and_voids_the_old_invoice(rig: StripeRig) -> None:
    wallet, agreement, bill = await rig.owing()
    await rig.provider.billing.hold(agreement, True, key="hold/on")
    await rig.simulator.advance("ada", rig.simulator.now("ada") + timedelta(days=10))
    now = rig.simulator.now("ada")

    charge = await rig.provider.charges.restart(agreement, bill, key="again/1")

    assert (charge.outcome, charge.agreement_ref) == (ChargeOutcome.PAID, agreement)
    assert charge.invoice is not None
    assert charge.period_start is not None
    assert charge.period_end is not None
    assert abs(charge.period_start - now) < timedelta(minutes=1)
    assert 28 <= (charge.period_end - charge.period_start).days <= 31
    assert (charge.invoice.amount, charge.invoice.period_start) == (4900, charge.period_start)
    assert await rig.statuses(wallet) == ["paid", "void", "paid"]
    (standing,) = await rig.agreements(wallet)
    assert (standing["status"], standing["pause_collection"]) == ("active", None)
    await rig.renew()
    assert await rig.statuses(wallet) == ["paid", "void", "paid", "paid"]


@pytest.mark.parametrize("lost", [1, 2], ids=["the new period's", "the old bill's"])
async def test_a_restart_charges_once_when_an_answer_gets_lost(rig: StripeRig, lost: int) -> None:
    wallet, agreement, bill = await rig.owing()
    await rig.simulator.advance("ada", rig.simulator.now("ada") + timedelta(days=2))
    rig.wire.lose(lost)
    with pytest.raises(GatewayUnavailable):
        await rig.provider.charges.restart(agreement, bill, key="again/1")

    charge, again = [await rig.provider.charges.restart(agreement, bill, key="again/1") for _ in range(2)]

    assert charge == again
    assert charge.outcome is ChargeOutcome.PAID
    assert await rig.statuses(wallet) == ["paid", "void", "paid"]


async def test_an_open_invoice_is_paid_once_when_stripe_has_forgotten_the_key(rig: StripeRig) -> None:
    wallet, _, bill = await rig.owing()
    charge = await rig.provider.charges.collect(bill, key="try/1")
    forget_keys(rig)

    assert await rig.provider.charges.collect(bill, key="try/1") == charge
    assert await rig.statuses(wallet) == ["paid", "paid"]


def forget_keys(rig: StripeRig) -> None:
    """What Stripe does after a day."""
    rig.simulator._store.execute("DELETE FROM calls")


async def test_nothing_changes_when_a_restart_is_declined(rig: StripeRig) -> None:
    wallet, agreement, bill = await rig.owing()
    await rig.provider.billing.hold(agreement, True, key="hold/on")
    (before,) = await rig.agreements(wallet)
    rig.simulator.set_card_answers("ada", ["do_not_honor", "ok"])

    charge, again = [await rig.provider.charges.restart(agreement, bill, key="again/1") for _ in range(2)]

    assert charge == again
    assert charge.outcome is ChargeOutcome.DECLINED
    assert charge.decline is not None
    assert charge.decline.code == "do_not_honor"
    assert await rig.statuses(wallet) == ["paid", "open"]
    assert await rig.agreements(wallet) == [before]
    assert (await rig.provider.charges.restart(agreement, bill, key="again/2")).outcome is ChargeOutcome.PAID


async def test_a_restart_needs_no_invoice_to_void(rig: StripeRig) -> None:
    wallet, begun = await rig.sold()
    await rig.simulator.advance("ada", rig.simulator.now("ada") + timedelta(days=5))

    assert (await rig.provider.charges.restart(begun.agreement_ref, "", key="again/1")).outcome is ChargeOutcome.PAID
    assert await rig.statuses(wallet) == ["paid", "paid"]


async def test_an_ended_agreement_is_not_restarted(rig: StripeRig) -> None:
    wallet, begun = await rig.sold()
    await rig.provider.billing.end(begun.agreement_ref, "", key="end")

    with pytest.raises(GatewayRefused, match="canceled"):
        await rig.provider.charges.restart(begun.agreement_ref, "", key="again/1")

    assert await rig.statuses(wallet) == ["paid"]


async def test_an_invoice_has_its_total_and_what_a_credit_leaves_to_pay(rig: StripeRig) -> None:
    wallet = await rig.wallet("ada-with-credit")
    await rig.client.v1.customers.update_async(wallet.customer_ref, {"balance": -1000})

    charge = await rig.begin(wallet)

    bill = charge.invoice
    assert bill is not None
    assert (bill.total, bill.credit_applied, bill.amount_due, bill.amount_paid) == (4900, 1000, 3900, 3900)
    assert bill.issued_at is not None
    assert bill.paid_at is not None
    assert bill.issued_at <= bill.paid_at
