"""The state of agreements at Stripe, and what ends or holds them."""

from datetime import timedelta

import pytest

from domain.errors import GatewayRefused, GatewayUnavailable
from domain.provider.payments import AgreementStatus, ChargeOutcome, ProviderState
from tests.gateways.rig import StripeRig

# ── State ──


async def test_a_paid_up_agreement_has_its_latest_invoice(rig: StripeRig) -> None:
    wallet, begun = await rig.sold()
    first = await rig.provider.billing.provider_state(wallet.customer_ref, begun.agreement_ref, "")
    assert first == ProviderState(wallet.card, AgreementStatus.LIVE, begun)

    await rig.renew()
    renewed = await rig.provider.billing.provider_state(wallet.customer_ref, begun.agreement_ref, "")

    assert renewed.latest is not None
    assert renewed.latest.invoice is not None
    assert renewed.latest.outcome is ChargeOutcome.PAID
    assert renewed.latest.invoice.number.endswith("-0002")
    assert renewed.latest.period_start == renewed.latest.invoice.period_start == begun.period_end


@pytest.mark.parametrize("code", ["insufficient_funds", "stolen_card"])
async def test_a_declined_renewal_is_open_with_its_reason(rig: StripeRig, code: str) -> None:
    wallet, agreement, bill = await rig.owing(answer=code)

    standing = await rig.provider.billing.provider_state(wallet.customer_ref, agreement, "")

    assert standing.agreement is AgreementStatus.LIVE
    assert standing.latest is not None
    assert standing.latest.decline is not None
    assert standing.latest.invoice is not None
    assert standing.latest.outcome is ChargeOutcome.DECLINED
    assert standing.latest.decline.code == code
    assert standing.latest.decline.advice
    assert (standing.latest.invoice.ref, standing.latest.invoice.status) == (bill, "open")


async def test_a_renewal_to_be_confirmed_has_the_link(rig: StripeRig) -> None:
    wallet, agreement, bill = await rig.owing(answer="authentication_required")

    latest = (await rig.provider.billing.provider_state(wallet.customer_ref, agreement, "")).latest

    assert latest is not None
    assert latest.outcome is ChargeOutcome.ACTION_REQUIRED
    assert latest.decline is not None
    assert latest.decline.action_url == f"{rig.simulator.base_url}/i/{bill}"


async def test_a_renewal_is_pending_while_its_invoice_is_a_draft(rig: StripeRig) -> None:
    wallet, begun = await rig.sold()
    boundary = rig.simulator.next_boundary("ada")
    assert boundary is not None
    await rig.simulator.advance("ada", boundary + timedelta(minutes=1))

    latest = (await rig.provider.billing.provider_state(wallet.customer_ref, begun.agreement_ref, "")).latest

    assert latest is not None
    assert latest.invoice is not None
    assert (latest.outcome, latest.invoice.status) == (ChargeOutcome.PENDING, "draft")


@pytest.mark.parametrize("how", ["void", "uncollectible"])
async def test_a_closed_invoice_is_gone(rig: StripeRig, how: str) -> None:
    wallet, agreement, bill = await rig.owing()
    invoices = rig.client.v1.invoices
    await (invoices.void_invoice_async(bill) if how == "void" else invoices.mark_uncollectible_async(bill))

    latest = (await rig.provider.billing.provider_state(wallet.customer_ref, agreement, "")).latest

    assert latest is not None
    assert latest.invoice is not None
    assert (latest.outcome, latest.decline, latest.invoice.status) == (ChargeOutcome.GONE, None, how)


async def test_a_given_invoice_is_read_instead_of_the_latest(rig: StripeRig) -> None:
    wallet, agreement, bill = await rig.owing()
    await rig.renew()
    newest = (await rig.provider.billing.provider_state(wallet.customer_ref, agreement, "")).latest
    given = (await rig.provider.billing.provider_state(wallet.customer_ref, agreement, bill)).latest

    assert newest is not None
    assert given is not None
    assert newest.invoice is not None
    assert given.invoice is not None
    assert (newest.outcome, given.outcome) == (ChargeOutcome.PAID, ChargeOutcome.DECLINED)
    assert given.invoice.ref == bill != newest.invoice.ref


async def test_an_ended_agreement_is_ended(rig: StripeRig) -> None:
    wallet, begun = await rig.sold()
    await rig.client.v1.subscriptions.cancel_async(begun.agreement_ref)

    standing = await rig.provider.billing.provider_state(wallet.customer_ref, begun.agreement_ref, "")

    assert standing.agreement is AgreementStatus.ENDED
    assert standing.latest is not None
    assert standing.latest.outcome is ChargeOutcome.PAID


async def test_an_unknown_agreement_is_refused(rig: StripeRig) -> None:
    wallet = await rig.wallet()

    with pytest.raises(GatewayRefused, match="cus_nobody_knows"):
        await rig.provider.billing.provider_state("cus_nobody_knows", "", "")
    with pytest.raises(GatewayRefused, match="sub_nobody_knows"):
        await rig.provider.billing.provider_state(wallet.customer_ref, "sub_nobody_knows", "")


# ── The end ──


async def test_an_end_voids_the_open_invoice_and_is_safe_to_repeat(rig: StripeRig) -> None:
    wallet, agreement, bill = await rig.owing()

    await rig.provider.billing.end(agreement, bill, key="end")
    await rig.provider.billing.end(agreement, bill, key="end")
    await rig.provider.billing.end(agreement, bill, key="end/by-another-way")

    (ended,) = await rig.agreements(wallet)
    assert ended["status"] == "canceled"
    assert await rig.statuses(wallet) == ["paid", "void"]


@pytest.mark.parametrize("lost", [1, 2], ids=["the bill's", "the agreement's"])
async def test_an_end_happens_despite_a_lost_answer(rig: StripeRig, lost: int) -> None:
    wallet, agreement, bill = await rig.owing()
    rig.wire.lose(lost)
    with pytest.raises(GatewayUnavailable):
        await rig.provider.billing.end(agreement, bill, key="end")

    await rig.provider.billing.end(agreement, bill, key="end")

    (ended,) = await rig.agreements(wallet)
    assert ended["status"] == "canceled"
    assert await rig.statuses(wallet) == ["paid", "void"]


async def test_an_end_gives_nothing_back_and_bills_nothing_more(rig: StripeRig) -> None:
    wallet, begun = await rig.sold()
    assert begun.period_end is not None

    await rig.provider.billing.end(begun.agreement_ref, "", key="end")
    await rig.simulator.advance("ada", begun.period_end + timedelta(days=60))

    (bill,) = await rig.bills(wallet)
    assert (bill["status"], bill["amount_paid"]) == ("paid", 4900)
    owner = (await rig.client.v1.customers.retrieve_async(wallet.customer_ref)).to_dict()
    assert owner["balance"] == 0


async def test_the_end_of_an_unknown_agreement_is_refused(rig: StripeRig) -> None:
    with pytest.raises(GatewayRefused, match="sub_nobody_knows"):
        await rig.provider.billing.end("sub_nobody_knows", "", key="end")


async def test_an_agreement_ends_with_its_period_on_request(rig: StripeRig) -> None:
    wallet, begun = await rig.sold()
    for _ in range(2):
        await rig.provider.billing.end_at_period_end(begun.agreement_ref, True, key="ends/on/1")
    standing = await rig.provider.billing.provider_state(wallet.customer_ref, begun.agreement_ref, "")
    assert standing.agreement is AgreementStatus.LIVE

    await rig.renew()

    standing = await rig.provider.billing.provider_state(wallet.customer_ref, begun.agreement_ref, "")
    assert standing.agreement is AgreementStatus.ENDED
    assert await rig.statuses(wallet) == ["paid"]


# ── On hold ──


async def test_renewals_cost_nothing_while_held_and_go_on_after_release(rig: StripeRig) -> None:
    wallet, begun = await rig.sold()
    for _ in range(2):
        await rig.provider.billing.hold(begun.agreement_ref, True, key="hold/on/1")
    await rig.renew()
    await rig.renew()

    held = await rig.provider.billing.provider_state(wallet.customer_ref, begun.agreement_ref, "")
    assert held.latest is not None
    assert (held.agreement, held.latest.outcome) == (AgreementStatus.LIVE, ChargeOutcome.GONE)
    assert await rig.statuses(wallet) == ["paid", "void", "void"]

    for _ in range(2):
        await rig.provider.billing.hold(begun.agreement_ref, False, key="hold/off/2")
    await rig.renew()

    bills = await rig.bills(wallet)
    assert [bill["status"] for bill in bills] == ["paid", "void", "void", "paid"]
    assert [bill["amount_paid"] for bill in bills] == [4900, 0, 0, 4900]


async def test_a_held_agreement_can_be_ended(rig: StripeRig) -> None:
    wallet, begun = await rig.sold()
    await rig.provider.billing.hold(begun.agreement_ref, True, key="hold/on/1")

    await rig.provider.billing.end(begun.agreement_ref, "", key="end")

    standing = await rig.provider.billing.provider_state(wallet.customer_ref, begun.agreement_ref, "")
    assert standing.agreement is AgreementStatus.ENDED


async def test_an_ended_agreement_can_neither_be_held_nor_scheduled_to_end(rig: StripeRig) -> None:
    _, begun = await rig.sold()
    await rig.provider.billing.end(begun.agreement_ref, "", key="end")

    with pytest.raises(GatewayRefused, match="canceled"):
        await rig.provider.billing.hold(begun.agreement_ref, True, key="hold/on/1")
    with pytest.raises(GatewayRefused, match="canceled"):
        await rig.provider.billing.end_at_period_end(begun.agreement_ref, True, key="ends/on/1")


def a_pause(reason: str) -> dict[str, object]:
    return {"paused": {"type": "subscription", "transitioned_at": 1_900_000_000, "subscription": {"type": reason}}}


@pytest.mark.parametrize(
    ("details", "told"),
    [
        (a_pause("pause_requested"), "pause_requested"),
        (a_pause("final_payment_failure"), "final_payment_failure"),
        (None, "unknown"),
    ],
)
async def test_a_pause_made_elsewhere_is_reported_with_its_reason(
    rig: StripeRig, details: dict[str, object] | None, told: str
) -> None:
    wallet, begun = await rig.sold()
    found = rig.simulator._store.get(begun.agreement_ref, "subscription")
    assert found is not None
    rig.simulator._store.save({**found, "status": "paused", "status_details": details})

    standing = await rig.provider.billing.provider_state(wallet.customer_ref, begun.agreement_ref, "")

    assert (standing.agreement, standing.paused_for) == (AgreementStatus.LIVE, told)
