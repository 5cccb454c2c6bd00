"""Changes that we prorate ourselves: whichever answer is lost, each half happens once."""

from datetime import timedelta

import pytest
from temporalio.testing import ActivityEnvironment

from activities.changing import ChangeActivities, ChangeRequest
from domain.catalog.plans import Item
from domain.errors import GatewayUnavailable
from domain.provider.overage_usage import BilledUsage
from domain.provider.payments import Charge, ChargeOutcome, ReversalKind
from domain.provider.proration import OwnPeriod
from gateways.stripe.catalog_push import push
from gateways.stripe.metadata import CHANGE, CHANGE_INVOICE
from tests.contracts.provider import CATALOG, COUNTED_AS, RUNS, SCALE
from tests.contracts.provider import PRO as SHOP_PRO
from tests.contracts.stripe_world import StripeWorld
from tests.gateways.changing import PRO, STARTS, YEARLY, Deal, bill_of, rig, users
from tests.gateways.rig import STARTER, StripeRig

__all__ = ["rig"]

HALF = timedelta(days=10)
CALLS = 6
"""Create the invoice, note it on the agreement, fill, finalise and pay it, change the items."""


class OwnDeal(Deal):
    """An agreement half through our own period; Stripe's is on hold."""

    @property
    def own(self) -> OwnPeriod:
        return OwnPeriod(self.at - HALF, self.at + HALF, self.start)

    @classmethod
    async def held(cls, rig: StripeRig, *items: Item) -> "OwnDeal":
        deal = await cls.of(rig, *items)
        assert isinstance(deal, OwnDeal)
        await rig.provider.billing.hold(deal.ref, True, key="s/hold/on")
        return deal

    async def change_apart(self, *items: Item, key: str = "s/change/1") -> Charge:
        return await self.rig.provider.changes.change(self.ref, items, self.at, self.own, key=key)


def forget_keys(rig: StripeRig) -> None:
    rig.simulator._store.execute("DELETE FROM calls")


@pytest.mark.parametrize("forgets", [False, True], ids=["at-once", "after-a-day"])
@pytest.mark.parametrize("lost", range(1, CALLS + 1))
async def test_whichever_answer_is_lost_the_change_is_billed_and_made_once(
    rig: StripeRig, lost: int, forgets: bool
) -> None:
    deal = await OwnDeal.held(rig, STARTER)
    rig.wire.lose(lost)
    with pytest.raises(GatewayUnavailable):
        await deal.change_apart(PRO)
    if forgets:
        forget_keys(rig)

    charge = await deal.change_apart(PRO)

    assert bill_of(charge).amount == 9950 - 2450
    assert charge.is_apart
    assert await rig.statuses(deal.wallet) == ["paid", "paid"]
    assert await deal.items() == {PRO.lookup_key: 1}
    agreement = await deal.agreement()
    assert agreement["pause_collection"], "the next period is begun by us all the same"
    assert agreement["metadata"][CHANGE] == "s/change/1"
    assert agreement["metadata"][CHANGE_INVOICE] == bill_of(charge).ref


@pytest.mark.parametrize("forgets", [False, True], ids=["at-once", "after-a-day"])
@pytest.mark.parametrize("lost", [5, 6], ids=["the-refusal", "that-the-bill-is-void"])
async def test_a_declined_change_asks_the_card_once_and_leaves_no_bill_open(
    rig: StripeRig, lost: int, forgets: bool
) -> None:
    deal = await OwnDeal.held(rig, STARTER)
    rig.simulator.set_card_answers("ada", ["insufficient_funds", "ok"])
    rig.wire.lose(lost)
    with pytest.raises(GatewayUnavailable):
        await deal.change_apart(PRO)
    if forgets:
        forget_keys(rig)

    charge = await deal.change_apart(PRO)
    again = await deal.change_apart(PRO)

    assert (charge.outcome, again.outcome) == (ChargeOutcome.DECLINED, ChargeOutcome.DECLINED)
    assert charge.decline is not None
    assert charge.decline.code == "insufficient_funds"
    assert await rig.statuses(deal.wallet) == ["paid", "void"]
    assert await deal.items() == {STARTER.lookup_key: 1}


async def test_without_a_card_nothing_is_left_to_pay(rig: StripeRig) -> None:
    deal = await OwnDeal.held(rig, STARTER)
    assert deal.wallet.card is not None
    await rig.client.v1.payment_methods.detach_async(deal.wallet.card.ref)

    charge = await deal.change_apart(PRO)

    assert charge.decline is not None
    assert charge.decline.code == "no_card"
    assert await rig.statuses(deal.wallet) == ["paid", "void"]


async def test_a_card_that_wants_its_owner_is_told_as_such_and_leaves_nothing_open(rig: StripeRig) -> None:
    deal = await OwnDeal.held(rig, STARTER)
    rig.simulator.set_card_answers("ada", ["authentication_required", "ok"])

    charge = await deal.change_apart(PRO)

    assert charge.outcome is ChargeOutcome.ACTION_REQUIRED
    assert await rig.statuses(deal.wallet) == ["paid", "void"]


async def asked(deal: OwnDeal, *items: Item, key: str = "s/change/1") -> Charge:
    """Requests a change, or repeats it, while the customer is present."""
    return await deal.rig.provider.changes.change(deal.ref, items or (PRO,), deal.at, deal.own, key=key, present=True)


async def waiting(rig: StripeRig) -> tuple[OwnDeal, Charge]:
    deal = await OwnDeal.held(rig, STARTER)
    rig.simulator.set_card_answers("ada", ["authentication_required", "ok"])
    return deal, await asked(deal)


async def test_a_one_off_invoice_waits_for_a_present_customer_and_the_old_plan_stays(rig: StripeRig) -> None:
    deal, charge = await waiting(rig)
    again = await asked(deal)

    assert (charge.outcome, charge.is_apart, again) == (ChargeOutcome.ACTION_REQUIRED, True, charge)
    assert charge.invoice is not None
    assert charge.decline is not None
    assert charge.invoice.url == charge.decline.action_url
    assert charge.waits_until is not None
    assert charge.waits_until == again.waits_until
    assert timedelta() < charge.waits_until - rig.simulator.now("ada") <= timedelta(hours=23)
    assert await rig.statuses(deal.wallet) == ["paid", "open"]
    assert await deal.items() == {STARTER.lookup_key: 1}


@pytest.mark.parametrize("forgets", [False, True], ids=["at-once", "after-a-day"])
async def test_once_confirmed_the_change_is_applied_under_its_key(rig: StripeRig, forgets: bool) -> None:
    deal, charge = await waiting(rig)
    assert charge.invoice is not None
    await StripeWorld(rig).pay_by_hand(charge.invoice.ref)
    if forgets:
        forget_keys(rig)

    seen = await rig.provider.confirmations.confirmation(deal.ref, charge.invoice.ref)
    before = await deal.items()
    made, again = [await asked(deal) for _ in range(2)]

    assert (seen.outcome, before) == (ChargeOutcome.PAID, {STARTER.lookup_key: 1})
    assert bill_of(made).ref == charge.invoice.ref
    assert made.is_apart
    assert again == made
    assert await rig.statuses(deal.wallet) == ["paid", "paid"]
    assert await deal.items() == {PRO.lookup_key: 1}


async def test_a_withdrawn_invoice_is_void_and_a_late_withdrawal_finds_it_paid(rig: StripeRig) -> None:
    deal, charge = await waiting(rig)
    assert charge.invoice is not None
    gone = await rig.provider.confirmations.withdraw_confirmation(
        deal.ref, charge.invoice.ref, ends_agreement=False, key="w/1"
    )

    rig.simulator.set_card_answers("ada", ["authentication_required", "ok"])
    second = await asked(deal, key="s/change/2")
    assert second.invoice is not None
    await StripeWorld(rig).pay_by_hand(second.invoice.ref)
    paid = await rig.provider.confirmations.withdraw_confirmation(
        deal.ref, second.invoice.ref, ends_agreement=False, key="w/2"
    )

    assert (gone.outcome, paid.outcome) == (ChargeOutcome.GONE, ChargeOutcome.PAID)
    assert await rig.statuses(deal.wallet) == ["paid", "void", "paid"]


async def test_a_pending_invoice_is_voided_for_the_next_change(rig: StripeRig) -> None:
    """A change whose answer was lost."""
    deal, _ = await waiting(rig)

    charge = await asked(deal, STARTER, users(2), key="s/change/2")

    assert bill_of(charge).amount == 500
    assert await rig.statuses(deal.wallet) == ["paid", "void", "paid"]


@pytest.mark.parametrize("is_confirmed", [False, True])
async def test_for_a_workflow_of_an_earlier_release_nothing_is_left_to_be_confirmed(
    rig: StripeRig, is_confirmed: bool
) -> None:
    deal, charge = await waiting(rig)
    assert charge.invoice is not None
    if is_confirmed:
        await StripeWorld(rig).pay_by_hand(charge.invoice.ref)
    request = ChangeRequest(deal.ref, (PRO,), deal.at, "s/change/1", deal.own, present=True)

    provider = rig.provider
    changes = ChangeActivities(provider.changes, provider.quotes, provider.confirmations)

    told = await ActivityEnvironment().run(changes.change, request)

    assert told.waits_until is None
    assert told.outcome is (ChargeOutcome.PAID if is_confirmed else ChargeOutcome.ACTION_REQUIRED)
    assert await rig.statuses(deal.wallet) == ["paid", "paid" if is_confirmed else "void"]
    assert await deal.items() == {(PRO if is_confirmed else STARTER).lookup_key: 1}


async def test_a_plain_decline_voids_the_invoice_at_once_even_if_the_customer_is_present(rig: StripeRig) -> None:
    deal = await OwnDeal.held(rig, STARTER)
    rig.simulator.set_card_answers("ada", ["insufficient_funds", "ok"])

    charge, again = [await asked(deal) for _ in range(2)]

    assert (charge.outcome, charge.waits_until) == (ChargeOutcome.DECLINED, None)
    assert again.outcome is ChargeOutcome.DECLINED
    assert await rig.statuses(deal.wallet) == ["paid", "void"]


async def test_the_invoice_is_charged_to_the_agreements_own_card(rig: StripeRig) -> None:
    deal = await OwnDeal.held(rig, STARTER)
    assert deal.wallet.card is not None
    other = await rig.provider.wallets.put_card(deal.wallet.customer_ref, "", "pm_card_mastercard", key="ada/other")

    await deal.change_apart(PRO)

    made = (await deal.bills())[-1]
    assert made["default_payment_method"] == deal.wallet.card.ref != other.ref


async def test_another_interval_is_paid_for_once_and_counted_from_now(rig: StripeRig) -> None:
    deal = await OwnDeal.held(rig, STARTER)

    charge = await deal.change_apart(YEARLY)

    assert bill_of(charge).amount == 49900 - 2450
    assert sorted(await rig.statuses(deal.wallet)) == ["paid", "paid", "void"], "Stripe's own bill is void"
    assert charge.anchor == charge.period_start
    assert charge.period_start is not None
    assert charge.period_start > deal.at


async def test_another_interval_after_a_refund_is_begun_under_a_hold_of_its_own(rig: StripeRig) -> None:
    deal = await Deal.of(rig, STARTER)
    rig.simulator.refund("ada", None)

    charge = await deal.change(YEARLY)

    assert bill_of(charge).amount == 49900, "nothing is credited of what was refunded"
    assert sorted(await rig.statuses(deal.wallet)) == ["paid", "paid", "void"]
    assert (await deal.agreement())["pause_collection"], "to be taken back by who asked for the change"


async def test_after_our_own_proration_stripe_prorates_the_next_change_again(rig: StripeRig) -> None:
    deal = await OwnDeal.held(rig, STARTER)
    await deal.change_apart(STARTER, users(2), key="s/change/1")
    await rig.provider.billing.hold(deal.ref, False, key="s/hold/off")

    native = await deal.change(STARTER, users(3), key="s/change/2")
    again = await deal.change(STARTER, users(3), key="s/change/2")

    assert not native.is_apart
    assert again.invoice == native.invoice
    assert not (await deal.agreement())["metadata"].get(CHANGE_INVOICE)


async def test_a_refund_of_a_one_off_invoice_belongs_to_the_agreement(rig: StripeRig) -> None:
    deal = await OwnDeal.held(rig, STARTER)
    charge = await deal.change_apart(PRO)
    refund = rig.simulator.refund("ada", None)

    reversal = await rig.provider.reversals.reversal(ReversalKind.REFUND, refund["charge"])

    assert (reversal.invoice_ref, reversal.agreement_ref) == (bill_of(charge).ref, deal.ref)


async def test_usage_of_a_removed_plan_is_on_the_one_off_invoice_once(rig: StripeRig) -> None:
    await push(rig.client, CATALOG)
    await rig.simulator.advance("ada", STARTS)
    wallet = await rig.wallet()
    begun = await rig.begin(wallet, items=(SCALE, RUNS))
    await rig.simulator.advance("ada", STARTS + HALF)
    await rig.provider.billing.hold(begun.agreement_ref, True, key="s/hold/on")
    use = BilledUsage("default", "use/1", wallet.customer_ref, COUNTED_AS, 4, rig.simulator.now("ada"))
    await rig.provider.metering.report_usage(use, key=use.report_key)
    await rig.simulator.advance("ada", STARTS + HALF + timedelta(minutes=1))
    own = OwnPeriod(STARTS, STARTS + 2 * HALF, STARTS)

    quote = await rig.provider.quotes.quote(begun.agreement_ref, (SHOP_PRO,), STARTS + HALF, own)
    charge = await rig.provider.changes.change(begun.agreement_ref, (SHOP_PRO,), STARTS + HALF, own, key="s/change/1")
    restarted = await rig.provider.charges.restart(begun.agreement_ref, "", key="s/charge/2")

    assert quote.amount == 9950 - 14950 + 4 * 25
    assert charge.invoice is not None
    assert charge.invoice.amount == quote.amount
    assert restarted.invoice is not None
    assert restarted.invoice.amount == 19900 + quote.amount, "the credit, and no use a second time"


@pytest.mark.parametrize(
    ("lost", "outcome"),
    [
        pytest.param(2, ChargeOutcome.DECLINED, id="not billed yet"),
        pytest.param(5, ChargeOutcome.DECLINED, id="not asked of the card"),
        pytest.param(6, ChargeOutcome.PENDING, id="paid and not made"),
        pytest.param(7, ChargeOutcome.PAID, id="made"),
    ],
)
async def test_an_unanswered_change_is_reported_as_far_as_it_got(
    rig: StripeRig, lost: int, outcome: ChargeOutcome
) -> None:
    deal = await OwnDeal.held(rig, STARTER)
    rig.wire.lose(lost)
    with pytest.raises(GatewayUnavailable):
        await deal.change_apart(PRO)
    bills = await deal.bills()

    found = await rig.provider.changes.requested_change(deal.ref, key="s/change/1")

    assert found.outcome is outcome
    assert await deal.bills() == bills, "a look changes nothing"
