"""Attempts begun by an earlier release under the same key with other parameters: found if done, else continued."""

from collections.abc import Awaitable, Callable

import pytest
from temporalio.testing import ActivityEnvironment

from activities.changing import ChangeActivities, ChangeRequest
from activities.payments import BeginRequest, CollectRequest, PaymentActivities, RestartRequest
from domain.provider.payments import Charge, ChargeOutcome
from tests.gateways.rig import STARTER, USERS, StripeRig
from tests.gateways.stripe.test_kept_refusals import KEY, Sale, a_sale

Ask = Callable[[PaymentActivities, ChangeActivities, Sale], Awaitable[Charge]]


async def begin(payments: PaymentActivities, _: ChangeActivities, sale: Sale) -> Charge:
    card = sale.wallet.card.ref if sale.wallet.card else ""
    request = BeginRequest("s", sale.wallet.customer_ref, card, (STARTER,), KEY)
    return await ActivityEnvironment().run(payments.begin, request)


async def collect(payments: PaymentActivities, _: ChangeActivities, sale: Sale) -> Charge:
    return await ActivityEnvironment().run(payments.collect, CollectRequest(sale.bill, KEY))


async def restart(payments: PaymentActivities, _: ChangeActivities, sale: Sale) -> Charge:
    return await ActivityEnvironment().run(payments.restart, RestartRequest(sale.agreement, "", KEY))


async def change(_: PaymentActivities, changes: ChangeActivities, sale: Sale) -> Charge:
    request = ChangeRequest(sale.agreement, (STARTER, USERS), sale.at, KEY)
    return await ActivityEnvironment().run(changes.change, request)


@pytest.mark.parametrize("ask", [begin, collect, restart, change])
async def test_an_attempt_begun_with_other_parameters_continues_and_is_made_once(rig: StripeRig, ask: Ask) -> None:
    sale = await a_sale(rig)
    provider = rig.provider
    # Nobody's records are asked.
    payments = PaymentActivities(provider, None)  # type: ignore[arg-type]
    changes = ChangeActivities(provider.changes, provider.quotes, provider.confirmations)
    await rig.client.v1.customers.update_async(sale.wallet.customer_ref, {"phone": "1"}, {"idempotency_key": KEY})
    paid = (await rig.statuses(sale.wallet)).count("paid")

    first, again = [await ask(payments, changes, sale) for _ in range(2)]

    assert (first.outcome, again) == (ChargeOutcome.PAID, first)
    assert (await rig.statuses(sale.wallet)).count("paid") == paid + 1
