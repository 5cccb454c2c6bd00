"""Stripe replays refusals under their key for a day: after a fix a call needs another key, a decline gets none."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime

import pytest

from domain.errors import TenureError
from domain.provider.agreements import NewAgreement
from domain.provider.identifiers import key_after_refusals
from domain.provider.payments import ChargeOutcome, Wallet
from domain.provider.ports import Provider
from gateways.stripe.http_client import connected
from gateways.stripe.provider import stripe_provider
from tests.gateways.rig import API_KEY, STARTER, USERS, StripeRig

KEY = "s/try"


@dataclass
class Sale:
    wallet: Wallet
    agreement: str
    bill: str
    at: datetime


Do = Callable[[Provider, Sale, str], Awaitable[object]]
STEPS: dict[str, tuple[str, Do]] = {
    "begin": (
        "/v1/subscriptions",
        lambda provider, sale, key: provider.charges.begin(
            NewAgreement("s", sale.wallet.customer_ref, sale.wallet.card.ref if sale.wallet.card else "", (STARTER,)),
            key=key,
        ),
    ),
    "collect": ("/v1/invoices/[^/]+/pay", lambda provider, sale, key: provider.charges.collect(sale.bill, key=key)),
    "restart": (
        "/v1/subscriptions/[^/]+",
        lambda provider, sale, key: provider.charges.restart(sale.agreement, "", key=key),
    ),
    "change": (
        "/v1/subscriptions/[^/]+",
        lambda provider, sale, key: provider.changes.change(sale.agreement, (STARTER, USERS), sale.at, key=key),
    ),
    "hold": (
        "/v1/subscriptions/[^/]+",
        lambda provider, sale, key: provider.billing.hold(sale.agreement, True, key=key),
    ),
    "ends": (
        "/v1/subscriptions/[^/]+",
        lambda provider, sale, key: provider.billing.end_at_period_end(sale.agreement, True, key=key),
    ),
    "end": ("/v1/subscriptions/[^/]+", lambda provider, sale, key: provider.billing.end(sale.agreement, "", key=key)),
}


async def a_sale(rig: StripeRig) -> Sale:
    wallet, agreement, bill = await rig.owing()
    return Sale(wallet, agreement, bill, rig.simulator.now("ada"))


async def refused(rig: StripeRig, path: str, asking: Awaitable[object], status: int) -> None:
    """Refuses the first call to *path* for a cause that is fixed right after."""
    with rig.simulator.gates.one(path, is_done=False) as gate:
        task = asyncio.ensure_future(asking)
        await gate.reached()
        rig.simulator.set_faults(stripe={"error_rate": 1, "status": status})
        gate.open()
        with pytest.raises(TenureError):
            await task
    rig.simulator.set_faults(stripe={})


@pytest.mark.parametrize("status", [400, 403, 404])
@pytest.mark.parametrize(("path", "do"), STEPS.values(), ids=STEPS.keys())
async def test_a_refused_step_continues_with_the_next_attempt_once_the_cause_is_fixed(
    rig: StripeRig, path: str, do: Do, status: int
) -> None:
    sale = await a_sale(rig)
    await refused(rig, path, do(rig.provider, sale, KEY), status)
    paid = (await rig.statuses(sale.wallet)).count("paid")
    if do is not STEPS["end"][1]:  # a DELETE has no key: it may be repeated as it is
        with pytest.raises(TenureError):
            await do(rig.provider, sale, KEY)

    first, again = [await do(rig.provider, sale, key_after_refusals(KEY, 1)) for _ in range(2)]

    assert first == again
    assert (await rig.statuses(sale.wallet)).count("paid") <= paid + 1
    assert len(await rig.agreements(sale.wallet)) <= 2


@pytest.mark.parametrize("status", [400, 403, 404])
@pytest.mark.parametrize("does", [does for does in STEPS if does != "end"])
async def test_a_refused_call_succeeds_under_its_own_key_once_the_cause_is_fixed(
    rig: StripeRig, does: str, status: int
) -> None:
    """A repeated command has the same key: it is the same request."""
    sale, (path, do) = await a_sale(rig), STEPS[does]
    for _ in range(2):
        async with connected(API_KEY, rig.simulator.base_url) as client:
            await refused(rig, path, do(stripe_provider(client), sale, KEY), status)
    paid = (await rig.statuses(sale.wallet)).count("paid")

    async with connected(API_KEY, rig.simulator.base_url) as client:
        first, again = [await do(stripe_provider(client), sale, KEY) for _ in range(2)]

    assert first == again
    assert (await rig.statuses(sale.wallet)).count("paid") <= paid + 1


async def test_the_next_attempt_finds_what_the_first_one_did(rig: StripeRig) -> None:
    sale = await a_sale(rig)
    key = key_after_refusals(KEY, 1)
    done = await rig.provider.changes.change(sale.agreement, (STARTER, USERS), sale.at, key=KEY)

    found = await rig.provider.changes.change(sale.agreement, (STARTER, USERS), sale.at, key=key)

    assert found == done
    assert (await rig.statuses(sale.wallet)).count("paid") == 2


@pytest.mark.parametrize("does", ["begin", "restart", "change"])
async def test_a_decline_is_the_answer_also_for_another_process_and_one_attempt_at_the_card(
    rig: StripeRig, does: str
) -> None:
    """The worker that received the answer is killed before it can pass it on."""
    sale = await a_sale(rig)
    _, do = STEPS[does]
    rig.simulator.set_card_answers("ada", ["insufficient_funds", "ok"])
    declined = await do(rig.provider, sale, KEY)

    async with connected(API_KEY, rig.simulator.base_url) as client:
        told_again = [await do(stripe_provider(client), sale, KEY) for _ in range(3)]

    assert all(told == declined for told in told_again)
    assert getattr(declined, "outcome", None) is ChargeOutcome.DECLINED
    # The bank's next answer is still to come: it was asked once.
    assert getattr(await do(rig.provider, sale, "s/another-try"), "outcome", None) is ChargeOutcome.PAID
