"""Whatever is lost and repeated: no attempt ever takes money twice."""

from collections import Counter
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import timedelta
from itertools import count
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from domain.catalog.plans import Item
from domain.errors import GatewayRefused, GatewayUnavailable
from domain.provider.payments import Charge, ChargeOutcome, Wallet
from tests.gateways.rig import STARTER, USERS, StripeRig

FINAL_STATUSES = ("ok", "ok", "insufficient_funds", "lost_card", "authentication_required")
NUMBERS = count(1)


@dataclass(frozen=True)
class Step:
    """A call at the till, and what goes wrong on the way."""

    does: str
    bank: str
    lost: frozenset[int]
    """Which of the next writing calls get no answer."""
    repeats: int
    """How often it is called again although it was answered."""
    forgotten: bool
    """Whether Stripe has forgotten the keys by then."""


STEPS = st.builds(
    Step,
    does=st.sampled_from(
        ["begin", "collect", "restart", "change", "change", "hold", "release", "card", "month", "month", "end"]
    ),
    bank=st.sampled_from(FINAL_STATUSES),
    lost=st.frozensets(st.integers(1, 3), max_size=2),
    repeats=st.integers(0, 2),
    forgotten=st.booleans(),
)


class Life:
    """One customer at the till, and what each attempt has cost them."""

    def __init__(self, rig: StripeRig, name: str, wallet: Wallet) -> None:
        self.rig, self.name, self.wallet = rig, name, wallet
        self.agreement = ""
        self.tries = 0

    async def live(self, step: Step) -> None:
        if step.does == "month":
            self.rig.simulator.set_card_answers(self.name, [step.bank])
            now = self.rig.simulator.now(self.name)
            await self.rig.simulator.advance(self.name, now + timedelta(days=32))
            return
        self.rig.simulator.set_card_answers(self.name, [step.bank, "ok"])
        self.tries += 1
        before = await self.paid_bills()
        charge = await self._settled(step, self._call(step.does, f"{self.name}/{self.tries}"))
        cost = await self.paid_bills() - before
        if isinstance(charge, Charge):
            self._judge(step, charge, cost, before)
        else:
            assert not cost, f"{step.does} takes no money"

    def _judge(self, step: Step, charge: Charge, cost: Counter[str], before: Counter[str]) -> None:
        if charge.outcome is not ChargeOutcome.PAID:
            assert not cost, f"{step} says {charge.outcome} and took money"
            return
        assert charge.invoice is not None
        paid_already = charge.invoice.ref in before
        assert cost == (Counter() if paid_already else Counter({charge.invoice.ref: 1})), step
        self.agreement = charge.agreement_ref

    def _call(self, does: str, key: str) -> Callable[[], Awaitable[Any]]:
        does = does if self.agreement or does == "card" else "begin"
        if does == "change":
            return self._change(key)
        if does in ("hold", "release"):
            return lambda: self.rig.provider.billing.hold(self.agreement, does == "hold", key=key)
        calls: dict[str, Callable[[str], Awaitable[Any]]] = {
            "collect": self._collect,
            "restart": self._restart,
            "card": self._put_card,
            "end": self._end,
        }
        call = calls.get(does, self._begin)
        return lambda: call(key)

    async def _begin(self, key: str) -> Charge | None:
        """As the activity does it: check first what an earlier attempt has left."""
        if self.agreement:
            return None
        found = await self.rig.provider.charges.begun(self.wallet.customer_ref, key=key)
        return found or await self.rig.begin(self.wallet, key)

    async def _collect(self, key: str) -> Charge:
        # The invoice of one attempt is always the same.
        bills = await self.rig.bills(self.wallet)
        drafts = {bill["id"] for bill in bills if bill["status"] == "draft"}
        return await self.rig.provider.charges.collect(
            next(b["id"] for b in reversed(bills) if b["id"] not in drafts), key=key
        )

    async def _restart(self, key: str) -> Charge:
        return await self.rig.provider.charges.restart(self.agreement, "", key=key)

    def _change(self, key: str) -> Callable[[], Awaitable[Charge]]:
        """The number of users changes with every attempt."""
        items, at = (STARTER, Item(USERS.lookup_key, self.tries)), self.rig.simulator.now(self.name)
        return lambda: self.rig.provider.changes.change(self.agreement, items, at, key=key)

    async def _put_card(self, key: str) -> None:
        # A test card's name stands for another card each time, once its key is forgotten: not compared.
        await self.rig.provider.wallets.put_card(self.wallet.customer_ref, self.agreement, "pm_card_visa", key=key)

    async def _end(self, key: str) -> None:
        await self.rig.provider.billing.end(self.agreement, "", key=key)

    async def _settled(self, step: Step, call: Callable[[], Awaitable[Any]]) -> Any:
        """The result of a call that is repeated until it is answered, and then once more."""
        self.rig.wire.lose(*step.lost)
        answers: list[Any] = []
        while len(answers) <= step.repeats:
            try:
                answers.append(await call())
            except GatewayUnavailable:
                pass
            except GatewayRefused as refused:
                answers.append(refused.code)
            if step.forgotten and answers and not _was_refused_by_the_bank(answers[0]):
                self.rig.simulator._store.execute("DELETE FROM calls")
        self.rig.wire.lose()
        assert answers.count(answers[0]) == len(answers), f"{step} was answered differently: {answers}"
        return answers[0]

    async def paid_bills(self) -> Counter[str]:
        return Counter(bill["id"] for bill in await self.rig.bills(self.wallet) if bill["status"] == "paid")


def _was_refused_by_the_bank(answer: object) -> bool:
    """After a refusal an attempt under a forgotten key is a new one, which may well be paid."""
    return isinstance(answer, Charge) and answer.outcome in (ChargeOutcome.DECLINED, ChargeOutcome.ACTION_REQUIRED)


@settings(
    max_examples=25,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(steps=st.lists(STEPS, min_size=1, max_size=8))
async def test_no_attempt_takes_money_twice_whatever_is_lost_and_repeated(rig: StripeRig, steps: list[Step]) -> None:
    name = f"life-{next(NUMBERS)}"
    life = Life(rig, name, await rig.wallet(name))

    for step in steps:
        await life.live(step)

    bills = await rig.bills(life.wallet)
    paid = [bill for bill in bills if bill["status"] == "paid"]
    assert sum(bill["amount_paid"] for bill in bills) == sum(bill["amount_due"] for bill in paid)
    if "change" not in {step.does for step in steps}:
        assert {bill["amount_paid"] for bill in paid} <= {4900}
    assert len(await rig.agreements(life.wallet)) <= 1


@pytest.mark.parametrize("does", ["begin", "collect", "restart", "change"])
@pytest.mark.parametrize("forgotten", [False, True])
async def test_an_attempt_makes_one_invoice_when_its_answers_are_lost(
    rig: StripeRig, does: str, forgotten: bool
) -> None:
    wallet = await rig.wallet()
    life = Life(rig, "ada", wallet)
    if does != "begin":
        await life.live(Step("begin", "ok", frozenset(), 0, False))
        await life.live(Step("month", "insufficient_funds", frozenset(), 0, False))
    before = (await life.paid_bills()).total()

    await life.live(Step(does, "ok", frozenset({1, 2}), 2, forgotten))

    assert (await life.paid_bills()).total() == before + 1


async def test_a_replayed_server_error_is_checked_before_the_attempt_continues(rig: StripeRig) -> None:
    wallet = await rig.wallet()
    rig.simulator.set_faults(stripe={"fault_after_rate": 1.0})
    with pytest.raises(GatewayUnavailable):
        await rig.begin(wallet)
    rig.simulator.set_faults(stripe={})

    with pytest.raises(GatewayUnavailable):
        # Had the fault come up only now, nobody would have asked what came of the first call.
        await rig.begin(wallet)

    assert len(await rig.agreements(wallet)) == 1
    begun = await rig.provider.charges.begun(wallet.customer_ref, key="s/charge/1")
    assert begun is not None
    assert begun.outcome is ChargeOutcome.PAID
