"""Unusable answers: none of them is ever taken for a decline, and each attempt is made once."""

import json
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from itertools import count

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from domain.catalog.plans import Item
from domain.errors import GatewayBusy, GatewayUnavailable, TenureError
from domain.provider.agreements import NewAgreement
from domain.provider.payments import Charge, ChargeOutcome
from domain.provider.ports import Provider
from gateways.stripe.http_client import connected
from gateways.stripe.provider import stripe_provider
from tests.gateways.rig import API_KEY, STARTER, USERS, Stage, StripeRig

NAMES = count(1)
DECLINES = {ChargeOutcome.DECLINED, ChargeOutcome.ACTION_REQUIRED}


@dataclass(frozen=True)
class Broken:
    """How the answers to writing calls are corrupted."""

    status: int
    body: str
    is_done: bool
    """Whether the call is carried out anyway."""
    is_cut: bool
    """Whether the connection ends in the middle of the answer."""


def an_error(kind: object, **fields: object) -> str:
    return json.dumps({"error": {"type": kind, "message": "broken", **fields}})


JUNK = [
    "",
    "null",
    "[]",
    "{}",
    "{",
    '{"error": null}',
    '{"error": "no"}',
    '{"error": {}}',
    "<html>502</html>",
    '"declined"',
]
TRUNCATED = '{"error": {"type": "card_error", "code": "card_declined", "decline_code": "insuff'
BROKEN = st.one_of(
    st.builds(
        Broken,
        status=st.sampled_from([200, 201, 302, 400, 402, 403, 404, 408, 409, 413, 429, 500, 502, 503, 504, 520]),
        body=st.sampled_from([*JUNK, TRUNCATED]) | st.text(max_size=20),
        is_done=st.booleans(),
        is_cut=st.booleans(),
    ),
    st.builds(
        Broken,
        status=st.sampled_from([409, 429, 500, 502, 503, 504]),
        body=st.sampled_from(
            [an_error("api_error"), an_error("invalid_request_error", code="lock_timeout"), an_error("card_error")]
        ),
        is_done=st.booleans(),
        is_cut=st.booleans(),
    ),
)


class Spoilt:
    """The simulator. While *broken* is set, answers to writing calls are corrupted."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app
        self.broken: Broken | None = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        broken = self.broken
        if broken is None or scope.get("method") == "GET":
            await self._app(scope, receive, send)
            return
        if broken.is_done:
            await self._app(scope, receive, _nowhere)
        headers = {"content-length": str(len(broken.body.encode()) + 10)} if broken.is_cut else {}
        answer = Response(broken.body, broken.status, headers, media_type="application/json")
        await answer(scope, receive, send)


async def _nowhere(_message: Message) -> None:
    return


@dataclass
class Counter:
    """A till connected as in production, on a wire that can corrupt answers."""

    rig: StripeRig
    spoilt: Spoilt
    provider: Provider

    async def prepared(self, does: str) -> tuple[str, Callable[[], Awaitable[Charge]]]:
        """A call for a customer, under one key, and the customer's name."""
        name = f"ambiguous-{next(NAMES)}"
        key = f"{name}/try"
        if does == "begin":
            wallet = await self.rig.wallet(name)
            return name, lambda: self._begin(wallet.customer_ref, wallet.card.ref if wallet.card else "", key)
        if does == "collect":
            _, _, bill = await self.rig.owing(name)
            return name, lambda: self.provider.charges.collect(bill, key=key)
        _, begun = await self.rig.sold(name)
        if does == "restart":
            return name, lambda: self.provider.charges.restart(begun.agreement_ref, "", key=key)
        items, at = (STARTER, Item(USERS.lookup_key, 2)), self.rig.simulator.now(name)
        return name, lambda: self.provider.changes.change(begun.agreement_ref, items, at, key=key)

    async def _begin(self, customer_ref: str, card_ref: str, key: str) -> Charge:
        """As the activity does it."""
        found = await self.provider.charges.begun(customer_ref, key=key)
        order = NewAgreement("s", customer_ref, card_ref, (STARTER,))
        return found or await self.provider.charges.begin(order, key=key)

    async def money_taken(self, name: str) -> int:
        (owner,) = self.rig.simulator._clocks.stripe_ids(name)
        charges = self.rig.simulator._store.find("charge", customer=owner)
        return sum(charge["paid"] for charge in charges)

    async def card_asked(self, name: str) -> int:
        (owner,) = self.rig.simulator._clocks.stripe_ids(name)
        return len(self.rig.simulator._store.find("charge", customer=owner))

    def forget_keys(self) -> None:
        """As Stripe does after a day."""
        self.rig.simulator._store.execute("DELETE FROM calls")


@pytest.fixture
async def counter(rig: StripeRig, stage: Stage) -> AsyncIterator[Counter]:
    assert stage.app is not None
    stage.app = spoilt = Spoilt(stage.app)
    async with connected(API_KEY, stage.url) as client:
        yield Counter(rig, spoilt, stripe_provider(client))


@settings(
    max_examples=30,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(does=st.sampled_from(["begin", "collect", "restart", "change"]), broken=BROKEN, forgotten=st.booleans())
async def test_a_corrupt_answer_is_never_a_decline_and_the_attempt_is_made_once(
    counter: Counter, does: str, broken: Broken, forgotten: bool
) -> None:
    name, call = await counter.prepared(does)
    before = await counter.money_taken(name)
    counter.spoilt.broken = broken
    with pytest.raises(TenureError) as failed:
        await call()
    assert isinstance(failed.value, GatewayUnavailable), f"{broken} is no word of Stripe's"
    counter.spoilt.broken = None
    if forgotten:
        counter.forget_keys()

    charge = await call()

    assert charge.outcome is ChargeOutcome.PAID
    assert await counter.money_taken(name) == before + 1
    assert await call() == charge


FAULTS = {
    "fails after": {"fault_after_rate": 1},
    "is cut after": {"lost_answer_rate": 1},
    "is locked": {"lock_rate": 1},
    "fails before": {"error_rate": 1},
}


@pytest.mark.parametrize("does", ["begin", "collect", "restart", "change"])
@pytest.mark.parametrize("fault", FAULTS.values(), ids=FAULTS.keys())
@pytest.mark.parametrize("forgotten", [False, True])
async def test_an_attempt_takes_money_once_despite_a_server_error(
    counter: Counter, does: str, fault: dict[str, object], forgotten: bool
) -> None:
    name, call = await counter.prepared(does)
    before = await counter.money_taken(name)
    counter.rig.simulator.set_faults(stripe=fault)
    for _ in range(2):
        try:
            await call()
        except GatewayUnavailable:
            continue
    counter.rig.simulator.set_faults(stripe={})
    if forgotten:
        counter.forget_keys()

    assert (await call()).outcome is ChargeOutcome.PAID
    assert await counter.money_taken(name) == before + 1


@pytest.mark.parametrize("forgotten", [False, True])
@pytest.mark.parametrize("fault", ["fault_after_rate", "lost_answer_rate"])
async def test_an_invoice_whose_refusal_was_lost_is_not_charged_twice(
    counter: Counter, fault: str, forgotten: bool
) -> None:
    name, call = await counter.prepared("collect")
    counter.rig.simulator.set_card_answers(name, ["insufficient_funds", "ok"])
    asked = await counter.card_asked(name)
    for _ in range(2):
        counter.rig.simulator.set_faults(stripe={fault: 1})
        with pytest.raises(GatewayUnavailable):
            await call()
        # First the note on the invoice is lost, then the refusal.
        if await counter.card_asked(name) > asked:
            break
    counter.rig.simulator.set_faults(stripe={})
    if forgotten:
        counter.forget_keys()

    charge = await call()

    assert charge.outcome is ChargeOutcome.DECLINED
    assert charge.decline is not None
    assert charge.decline.code == "insufficient_funds"
    assert await counter.card_asked(name) == asked + 1


async def repeated(call: Callable[[], Awaitable[object]]) -> None:
    """Retries as an activity does, until there is an answer."""
    for _ in range(5):
        try:
            await call()
        except GatewayUnavailable:
            continue
        return
    raise AssertionError("no answer came")


@pytest.mark.parametrize("does", ["hold", "end", "end_at_period_end", "put_card"])
@pytest.mark.parametrize("fault", FAULTS.values(), ids=FAULTS.keys())
async def test_what_sets_a_state_is_repeated_until_it_is_set(
    counter: Counter, does: str, fault: dict[str, object]
) -> None:
    wallet, begun = await counter.rig.sold("stateful")
    provider, agreement = counter.provider, begun.agreement_ref
    calls: dict[str, Callable[[], Awaitable[object]]] = {
        "hold": lambda: provider.billing.hold(agreement, True, key="k"),
        "end": lambda: provider.billing.end(agreement, "", key="k"),
        "end_at_period_end": lambda: provider.billing.end_at_period_end(agreement, True, key="k"),
        "put_card": lambda: provider.wallets.put_card(wallet.customer_ref, agreement, "pm_card_mastercard", key="k"),
    }
    counter.rig.simulator.set_faults(stripe=fault)
    with pytest.raises(GatewayBusy if "lock_rate" in fault else GatewayUnavailable):
        await calls[does]()
    counter.rig.simulator.set_faults(stripe={})

    await repeated(calls[does])

    (found,) = await counter.rig.agreements(wallet)
    assert {
        "hold": found["pause_collection"] is not None,
        "end": found["status"] == "canceled",
        "end_at_period_end": found["cancel_at_period_end"],
        "put_card": found["default_payment_method"] == await counter.rig.default_card(wallet),
    }[does]


@pytest.mark.parametrize("card", ["pm_card_visa", None])
@pytest.mark.parametrize("forgotten", [False, True])
async def test_a_wallet_whose_creation_went_unanswered_is_created_once(
    counter: Counter, card: str | None, forgotten: bool
) -> None:
    counter.rig.simulator.set_faults(stripe={"fault_after_rate": 1})
    with pytest.raises(GatewayUnavailable):
        await counter.rig.wallet("ada", card)
    counter.rig.simulator.set_faults(stripe={})
    if forgotten:
        counter.forget_keys()

    wallet = await counter.rig.wallet("ada", card)

    assert await counter.rig.customers() == 1
    assert (wallet.card is None) is (card is None)
