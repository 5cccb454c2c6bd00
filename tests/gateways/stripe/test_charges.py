"""Taking money at Stripe: first periods, open invoices, restarts."""

import asyncio
from datetime import UTC, datetime, timedelta

import pytest

from domain.catalog.plans import Item
from domain.errors import GatewayRefused, GatewayUnavailable
from domain.provider.payments import Charge, ChargeOutcome
from tests.gateways.till import STARTER, USERS, Till

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


async def test_the_first_period_is_paid_and_returned_with_its_invoice(till: Till) -> None:
    start = datetime(2031, 1, 31, 12, tzinfo=UTC)
    await till.simulator.advance("ada", start)
    wallet = await till.wallet()

    charge = await till.begin(wallet, items=(STARTER, USERS))

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
    (agreement,) = await till.agreements(wallet)
    assert (agreement["id"], agreement["status"]) == (charge.agreement_ref, "active")
    assert agreement["metadata"] == {"tenure_subscription": "s", "tenure_try": "s/charge/1"}


@pytest.mark.parametrize(("code", "advice", "hard"), REFUSALS)
async def test_nothing_is_left_when_the_first_charge_is_declined(
    till: Till, code: str, advice: str, hard: bool
) -> None:
    wallet = await till.wallet()
    till.simulator.set_card_answers("ada", [code, "ok"])

    charge = await till.begin(wallet)

    assert charge.outcome is ChargeOutcome.DECLINED
    assert charge.decline is not None
    assert (charge.decline.code, charge.decline.advice, charge.decline.is_hard) == (code, advice, hard)
    assert (charge.agreement_ref, charge.invoice) == ("", None)
    assert await till.agreements(wallet) == []
    assert await till.bills(wallet) == []
    # The same attempt gets the same answer; a new one asks the bank again.
    assert await till.begin(wallet) == charge
    assert (await till.begin(wallet, "s/charge/2")).outcome is ChargeOutcome.PAID


async def test_a_first_charge_that_wants_the_customer_is_no_plain_decline(till: Till) -> None:
    wallet = await till.wallet(card="pm_card_authenticationRequired")

    charge = await till.begin(wallet)

    assert charge.outcome is ChargeOutcome.ACTION_REQUIRED
    assert charge.decline is not None
    assert (charge.decline.code, charge.decline.is_hard) == ("authentication_required", True)
    assert await till.agreements(wallet) == []


async def test_a_lost_answer_costs_nothing_when_the_first_charge_is_repeated(till: Till) -> None:
    wallet = await till.wallet()
    assert await till.provider.charges.begun(wallet.customer_ref, key="s/charge/1") is None
    till.wire.lose(1)
    with pytest.raises(GatewayUnavailable):
        await till.begin(wallet)

    found = await till.provider.charges.begun(wallet.customer_ref, key="s/charge/1")
    again = await till.begin(wallet)

    assert found is not None
    assert found == again
    assert again.outcome is ChargeOutcome.PAID
    assert await till.statuses(wallet) == ["paid"]
    assert await till.provider.charges.begun(wallet.customer_ref, key="s/charge/2") is None


async def test_the_sandboxs_own_lost_answer_is_survived_too(till: Till) -> None:
    wallet = await till.wallet()
    till.simulator.set_faults(stripe={"timeout_after_commit": 1})
    with pytest.raises(GatewayUnavailable):
        await till.begin(wallet)

    assert (await till.begin(wallet)).outcome is ChargeOutcome.PAID
    assert await till.statuses(wallet) == ["paid"]


async def test_two_at_once_under_one_key_charge_once(till: Till) -> None:
    wallet = await till.wallet()
    await till.begin(wallet, "warm-up/the-price")
    till.simulator.set_faults(stripe={"delay_s": 0.1})

    answers = await asyncio.gather(till.begin(wallet), till.begin(wallet), return_exceptions=True)

    assert sorted(type(answer).__name__ for answer in answers) == ["Charge", "GatewayBusy"]
    (charge,) = [answer for answer in answers if isinstance(answer, Charge)]
    assert await till.begin(wallet) == charge
    assert await till.statuses(wallet) == ["paid", "paid"]


async def test_a_price_that_was_never_pushed_is_refused_with_what_to_do(till: Till) -> None:
    wallet = await till.wallet()

    with pytest.raises(GatewayRefused, match=r"'shop_gold_month_v1'.*tenure catalog push") as refused:
        await till.begin(wallet, items=(STARTER, Item("shop_gold_month_v1", 1)))

    assert refused.value.code == "unknown_price"
    assert await till.agreements(wallet) == []


# ── Open invoices ──


async def test_an_open_invoice_is_paid_once_under_one_key(till: Till) -> None:
    wallet, agreement, bill = await till.owing()
    till.wire.lose(1)
    with pytest.raises(GatewayUnavailable):
        await till.provider.charges.collect(bill, key="try/1")

    charge, again = [await till.provider.charges.collect(bill, key="try/1") for _ in range(2)]

    assert charge == again
    assert charge.invoice is not None
    assert (charge.outcome, charge.agreement_ref) == (ChargeOutcome.PAID, agreement)
    assert (charge.invoice.ref, charge.invoice.status, charge.invoice.amount) == (bill, "paid", 4900)
    assert charge.invoice.attempts == 1, "the renewal's own try: ours is by hand"
    assert await till.statuses(wallet) == ["paid", "paid"]


@pytest.mark.parametrize(("code", "advice", "hard"), REFUSALS)
async def test_an_open_invoice_stays_open_when_the_card_is_declined(
    till: Till, code: str, advice: str, hard: bool
) -> None:
    wallet, _, bill = await till.owing()
    till.simulator.set_card_answers("ada", [code, "ok"])

    charge, again = [await till.provider.charges.collect(bill, key="try/1") for _ in range(2)]

    assert charge == again
    assert charge.outcome is ChargeOutcome.DECLINED
    assert charge.decline is not None
    assert (charge.decline.code, charge.decline.advice, charge.decline.is_hard) == (code, advice, hard)
    assert await till.statuses(wallet) == ["paid", "open"]
    assert (await till.provider.charges.collect(bill, key="try/2")).outcome is ChargeOutcome.PAID


async def test_the_customer_gets_a_link_when_an_open_invoice_needs_confirmation(till: Till) -> None:
    _, _, bill = await till.owing()
    till.simulator.set_card_answers("ada", ["authentication_required"])

    charge = await till.provider.charges.collect(bill, key="try/1")

    assert charge.outcome is ChargeOutcome.ACTION_REQUIRED
    assert charge.decline is not None
    assert charge.invoice is not None
    assert charge.decline.code == "authentication_required"
    assert charge.decline.action_url == charge.invoice.url == f"{till.simulator.base_url}/i/{bill}"


# ── Restarts ──


async def test_a_restart_charges_a_period_from_now_and_voids_the_old_invoice(till: Till) -> None:
    wallet, agreement, bill = await till.owing()
    await till.provider.billing.hold(agreement, True, key="hold/on")
    await till.simulator.advance("ada", till.simulator.now("ada") + timedelta(days=10))
    now = till.simulator.now("ada")

    charge = await till.provider.charges.restart(agreement, bill, key="again/1")

    assert (charge.outcome, charge.agreement_ref) == (ChargeOutcome.PAID, agreement)
    assert charge.invoice is not None
    assert charge.period_start is not None
    assert charge.period_end is not None
    assert abs(charge.period_start - now) < timedelta(minutes=1)
    assert 28 <= (charge.period_end - charge.period_start).days <= 31
    assert (charge.invoice.amount, charge.invoice.period_start) == (4900, charge.period_start)
    assert await till.statuses(wallet) == ["paid", "void", "paid"]
    (standing,) = await till.agreements(wallet)
    assert (standing["status"], standing["pause_collection"]) == ("active", None)
    await till.renew()
    assert await till.statuses(wallet) == ["paid", "void", "paid", "paid"]


@pytest.mark.parametrize("lost", [1, 2], ids=["the new period's", "the old bill's"])
async def test_a_restart_charges_once_when_an_answer_gets_lost(till: Till, lost: int) -> None:
    wallet, agreement, bill = await till.owing()
    await till.simulator.advance("ada", till.simulator.now("ada") + timedelta(days=2))
    till.wire.lose(lost)
    with pytest.raises(GatewayUnavailable):
        await till.provider.charges.restart(agreement, bill, key="again/1")

    charge, again = [await till.provider.charges.restart(agreement, bill, key="again/1") for _ in range(2)]

    assert charge == again
    assert charge.outcome is ChargeOutcome.PAID
    assert await till.statuses(wallet) == ["paid", "void", "paid"]


async def test_an_open_invoice_is_paid_once_when_stripe_has_forgotten_the_key(till: Till) -> None:
    wallet, _, bill = await till.owing()
    charge = await till.provider.charges.collect(bill, key="try/1")
    forget_keys(till)

    assert await till.provider.charges.collect(bill, key="try/1") == charge
    assert await till.statuses(wallet) == ["paid", "paid"]


def forget_keys(till: Till) -> None:
    """What Stripe does after a day."""
    till.simulator._store.execute("DELETE FROM calls")


async def test_nothing_changes_when_a_restart_is_declined(till: Till) -> None:
    wallet, agreement, bill = await till.owing()
    await till.provider.billing.hold(agreement, True, key="hold/on")
    (before,) = await till.agreements(wallet)
    till.simulator.set_card_answers("ada", ["do_not_honor", "ok"])

    charge, again = [await till.provider.charges.restart(agreement, bill, key="again/1") for _ in range(2)]

    assert charge == again
    assert charge.outcome is ChargeOutcome.DECLINED
    assert charge.decline is not None
    assert charge.decline.code == "do_not_honor"
    assert await till.statuses(wallet) == ["paid", "open"]
    assert await till.agreements(wallet) == [before]
    assert (await till.provider.charges.restart(agreement, bill, key="again/2")).outcome is ChargeOutcome.PAID


async def test_a_restart_needs_no_invoice_to_void(till: Till) -> None:
    wallet, begun = await till.sold()
    await till.simulator.advance("ada", till.simulator.now("ada") + timedelta(days=5))

    assert (await till.provider.charges.restart(begun.agreement_ref, "", key="again/1")).outcome is ChargeOutcome.PAID
    assert await till.statuses(wallet) == ["paid", "paid"]


async def test_an_ended_agreement_is_not_restarted(till: Till) -> None:
    wallet, begun = await till.sold()
    await till.provider.billing.end(begun.agreement_ref, "", key="end")

    with pytest.raises(GatewayRefused, match="canceled"):
        await till.provider.charges.restart(begun.agreement_ref, "", key="again/1")

    assert await till.statuses(wallet) == ["paid"]


async def test_an_invoice_has_its_total_and_what_a_credit_leaves_to_pay(till: Till) -> None:
    wallet = await till.wallet("ada-with-credit")
    await till.client.v1.customers.update_async(wallet.customer_ref, {"balance": -1000})

    charge = await till.begin(wallet)

    bill = charge.invoice
    assert bill is not None
    assert (bill.total, bill.credit_applied, bill.amount_due, bill.amount_paid) == (4900, 1000, 3900, 3900)
    assert bill.issued_at is not None
    assert bill.paid_at is not None
    assert bill.issued_at <= bill.paid_at
