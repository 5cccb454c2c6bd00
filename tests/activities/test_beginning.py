"""A first payment that was asked for while the customer was there, and is asked for again when nobody is."""

import pytest
from temporalio.testing import ActivityEnvironment

from activities.payments import BeginRequest, PaymentActivities
from domain.payments import Charge, ChargeOutcome
from tests.contracts.in_memory.world import InMemoryProvider
from tests.contracts.provider import STARTER, contact

KEY = "s/charge/1"


class Asking:
    """A customer of the provider in memory, and the step that begins."""

    def __init__(self, world: InMemoryProvider, customer_ref: str, card_ref: str) -> None:
        self.world = world
        self._order = ("s", customer_ref, card_ref, (STARTER,), KEY)
        # Nobody's records are asked.
        self._activities = PaymentActivities(world.adapter, None)  # type: ignore[arg-type]

    @classmethod
    async def to_be_confirmed(cls) -> tuple["Asking", Charge]:
        world = InMemoryProvider()
        wallet = await world.adapter.open_wallet(contact(), world.cards.good, key="sign-up")
        assert wallet.card is not None
        world.bank_says("ada", "authentication_required", "ok")
        asking = cls(world, wallet.customer_ref, wallet.card.ref)
        return asking, await asking.begin(present=True)

    async def begin(self, *, present: bool) -> Charge:
        return await ActivityEnvironment().run(self._activities.begin, BeginRequest(*self._order, present=present))

    async def left(self) -> int:
        return len((await self.world.adapter.agreements(None)).agreements)


async def test_asked_again_while_they_are_there_it_waits_on() -> None:
    asking, waiting = await Asking.to_be_confirmed()

    again = await asking.begin(present=True)

    assert waiting.waits_until is not None
    assert (again.outcome, again.invoice, again.waits_until) == (waiting.outcome, waiting.invoice, waiting.waits_until)


@pytest.mark.parametrize("is_confirmed", [False, True])
async def test_asked_again_when_nobody_is_it_waits_no_more(is_confirmed: bool) -> None:
    asking, waiting = await Asking.to_be_confirmed()
    assert waiting.invoice is not None
    if is_confirmed:
        await asking.world.pay_by_hand(waiting.invoice.ref)

    again = await asking.begin(present=False)

    assert again.outcome is (ChargeOutcome.PAID if is_confirmed else ChargeOutcome.ACTION_REQUIRED)
    assert again.waits_until is None
    assert await asking.left() == (1 if is_confirmed else 0)
