"""Refunds and disputes as Stripe has them, and whose payment they reverse."""

from typing import Any

import pytest

from domain.errors import GatewayRefused
from domain.provider.payments import DisputeStatus, Reversal, ReversalKind
from gateways.stripe.reversals import STATUSES
from tests.gateways.rig import StripeRig
from tests.harness.stripe_watch import StripeWatch
from tests.sandbox.stripe.published import choices


async def the_charge(rig: StripeRig) -> dict[str, Any]:
    """The objects of a sale at Stripe: invoice, payment intent and charge."""
    wallet, begun = await rig.sold()
    assert begun.invoice is not None
    intent = (
        await rig.client.v1.invoices.retrieve_async(begun.invoice.ref, {"expand": ["payments.data.payment"]})
    ).to_dict()["payments"]["data"][0]["payment"]["payment_intent"]
    found = (await rig.client.v1.payment_intents.retrieve_async(intent)).to_dict()
    return {
        "bill": begun.invoice.ref,
        "agreement": begun.agreement_ref,
        "customer": wallet.customer_ref,
        "ref": found["latest_charge"],
    }


async def test_refunds_of_a_charge_are_summed(rig: StripeRig) -> None:
    charge = await the_charge(rig)

    rig.simulator.refund("ada", 1000)
    part = await rig.provider.reversals.reversal(ReversalKind.REFUND, charge["ref"])
    await rig.client.v1.refunds.create_async({"charge": charge["ref"], "reason": "requested_by_customer"})
    whole = await rig.provider.reversals.reversal(ReversalKind.REFUND, charge["ref"])

    told = ReversalKind.REFUND, charge["ref"], charge["bill"]
    of = {"agreement_ref": charge["agreement"]}
    assert part == Reversal(*told, 1000, "usd", **of)
    assert (part.amount_paid, part.card_brand, part.card_last4) == (4900, "visa", "4242")
    assert part.invoice_number
    assert whole == Reversal(*told, 4900, "usd", is_full=True, reason="requested_by_customer", **of)


@pytest.mark.parametrize(
    ("turns", "status"),
    [
        (["opened"], DisputeStatus.OPEN),
        (["opened", "won"], DisputeStatus.WON),
        (["opened", "lost"], DisputeStatus.LOST),
        (["inquiry"], DisputeStatus.INQUIRY),
        (["inquiry", "won"], DisputeStatus.WON),
        (["inquiry", "opened"], DisputeStatus.OPEN),
        (["inquiry", "opened", "lost"], DisputeStatus.LOST),
    ],
    ids=" then ".join,
)
async def test_a_dispute_has_its_current_state(rig: StripeRig, turns: list[str], status: DisputeStatus) -> None:
    charge = await the_charge(rig)
    refs = [rig.simulator.dispute("ada", turn)["id"] for turn in turns]

    found = await rig.provider.reversals.reversal(ReversalKind.DISPUTE, refs[0])

    assert set(refs) == {found.ref}
    assert found == Reversal(
        ReversalKind.DISPUTE,
        refs[0],
        charge["bill"],
        4900,
        "usd",
        is_full=True,
        status=status,
        reason="fraudulent",
        agreement_ref=charge["agreement"],
    )


def test_every_status_that_stripe_publishes_is_known() -> None:
    assert set(choices("dispute", "status")) == set(STATUSES)


async def test_an_unknown_status_counts_as_an_open_dispute(rig: StripeRig, stripe_watch: StripeWatch) -> None:
    await the_charge(rig)
    dispute = rig.simulator.dispute("ada")
    stored = rig.simulator._store.get(dispute["id"], "dispute")
    assert stored is not None
    rig.simulator._store.save(stored | {"status": "thought_of_later"})

    assert (await rig.provider.reversals.reversal(ReversalKind.DISPUTE, dispute["id"])).status is DisputeStatus.OPEN
    # Which is why the SDK, as it is pinned, does not know it.
    assert all("thought_of_later" in told for told in stripe_watch.taken())


async def test_what_is_unknown_is_refused(rig: StripeRig) -> None:
    for kind, ref in ((ReversalKind.REFUND, "ch_none"), (ReversalKind.DISPUTE, "du_none")):
        with pytest.raises(GatewayRefused):
            await rig.provider.reversals.reversal(kind, ref)
