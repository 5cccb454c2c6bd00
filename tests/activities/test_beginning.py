"""A first payment that was requested with the customer present, and is repeated without them."""

from dataclasses import replace

import pytest
from temporalio.testing import ActivityEnvironment

from activities.payments import BeginRequest, PaymentActivities, StandingRequest
from domain.catalog.plans import Item
from domain.provider.payments import Charge, ChargeOutcome
from tests.contracts.in_memory.world import InMemoryWorld
from tests.contracts.provider import PRO, STARTER, contact

KEY = "s/charge/1"


class Asking:
    """A customer of the provider in memory, and the step that begins."""

    def __init__(self, world: InMemoryWorld, customer_ref: str, card_ref: str) -> None:
        self.world = world
        self._order = ("s", customer_ref, card_ref, (STARTER,), KEY)
        # The records are not used.
        self._activities = PaymentActivities(world.provider, None)  # type: ignore[arg-type]

    @classmethod
    async def first(cls, bank_says: str = "ok") -> tuple["Asking", Charge]:
        world = InMemoryWorld()
        wallet = await world.provider.wallets.open_wallet(contact(), world.cards.good, key="sign-up")
        assert wallet.card is not None
        world.bank_says("ada", bank_says, "ok")
        asking = cls(world, wallet.customer_ref, wallet.card.ref)
        return asking, await asking.begin(present=True)

    @classmethod
    async def to_be_confirmed(cls) -> tuple["Asking", Charge]:
        return await cls.first("authentication_required")

    async def begin(self, *, present: bool) -> Charge:
        return await ActivityEnvironment().run(self._activities.begin, BeginRequest(*self._order, present=present))

    async def begin_pro_instead(self) -> Charge:
        """Something else is chosen, and nobody has heard what came of the first try."""
        order = replace(BeginRequest(*self._order), items=(PRO,), key="s/charge/2", present=True, earlier=(KEY,))
        return await ActivityEnvironment().run(self._activities.begin, order)

    async def stands(self, *tries: str) -> Charge | None:
        request = StandingRequest(self._order[1], "", "", "c", tries)
        return (await ActivityEnvironment().run(self._activities.standing, request)).begun

    async def sold(self) -> list[tuple[Item, ...]]:
        found = (await self.world.provider.agreements.page(None)).agreements
        return [tuple(Item(item.lookup_key, item.quantity) for item in each.items) for each in found]

    async def left(self) -> int:
        return len((await self.world.provider.agreements.page(None)).agreements)


async def test_repeated_with_the_customer_present_it_keeps_waiting() -> None:
    asking, waiting = await Asking.to_be_confirmed()

    again = await asking.begin(present=True)

    assert waiting.waits_until is not None
    assert (again.outcome, again.invoice, again.waits_until) == (waiting.outcome, waiting.invoice, waiting.waits_until)


@pytest.mark.parametrize("is_confirmed", [False, True])
async def test_repeated_without_the_customer_it_stops_waiting(is_confirmed: bool) -> None:
    asking, waiting = await Asking.to_be_confirmed()
    assert waiting.invoice is not None
    if is_confirmed:
        await asking.world.pay_by_hand(waiting.invoice.ref)

    again = await asking.begin(present=False)

    assert again.outcome is (ChargeOutcome.PAID if is_confirmed else ChargeOutcome.ACTION_REQUIRED)
    assert again.waits_until is None
    assert await asking.left() == (1 if is_confirmed else 0)


async def test_an_unanswered_attempt_that_paid_is_returned_with_its_key_when_something_else_is_requested() -> None:
    asking, paid = await Asking.first()

    found = await asking.begin_pro_instead()

    assert found == replace(paid, key=KEY)
    assert await asking.sold() == [(STARTER,)], "nothing is paid twice"


async def test_an_unanswered_attempt_that_awaits_the_bank_is_withdrawn_when_something_else_is_requested() -> None:
    asking, _ = await Asking.to_be_confirmed()

    found = await asking.begin_pro_instead()

    assert (found.outcome, found.key) == (ChargeOutcome.PAID, "")
    assert await asking.sold() == [(PRO,)]


async def test_a_check_returns_what_an_unanswered_attempt_has_begun_or_that_it_failed() -> None:
    asking, paid = await Asking.first()

    assert await asking.stands("s/charge/0", KEY) == replace(paid, key=KEY)
    nothing = await asking.stands("s/charge/0")
    assert nothing is not None
    assert nothing.outcome is ChargeOutcome.GONE
    assert await asking.stands() is None, "it was not asked"
