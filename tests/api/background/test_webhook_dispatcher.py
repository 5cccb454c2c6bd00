"""Messages between acknowledgement and delivery: prompt, retried, or left to the sweep."""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime

import pytest

from api.background import webhook_dispatcher as couriers
from api.background.webhook_dispatcher import BATCH, WebhookDispatcher
from domain.errors import GatewayUnavailable
from domain.provider.events import Disposition, KeptEvent, ProviderEvent, Routing
from domain.provider.hints import EventKind
from domain.webhooks.ports import Delivered
from tests.harness.patience import PATIENT

DONE = Routing(Disposition.DELIVERED, "delivered")


def a_message(number: int = 1) -> KeptEvent:
    return KeptEvent(ProviderEvent(f"evt_{number}", "x", "in_1", "cus_1", EventKind.INVOICE_PAID), datetime.now(UTC))


@dataclass
class Round:
    """Records each batch, and blocks it until it is released."""

    batches: list[list[str]] = field(default_factory=list)
    has_begun: asyncio.Event = field(default_factory=asyncio.Event)
    may_end: asyncio.Event = field(default_factory=asyncio.Event)
    done: asyncio.Event = field(default_factory=asyncio.Event)
    had_outage: asyncio.Event = field(default_factory=asyncio.Event)
    failures: Mapping[str, Exception] = field(default_factory=dict)
    unaddressed: int = 0
    """How often a message matches no subscription."""
    outage: Exception | None = None

    async def __call__(self, messages: Sequence[KeptEvent]) -> Delivered:
        self.batches.append([each.event.id for each in messages])
        self.has_begun.set()
        await self.may_end.wait()
        if len(self.batches) <= self.unaddressed:
            return Delivered({}, messages, {}, messages[-1])
        if self.outage is not None:
            outage, self.outage = self.outage, None
            self.had_outage.set()
            raise outage
        self.done.set()
        left = [each for each in messages if each.event.id in self.failures]
        verdicts = {each.event.id: DONE for each in messages if each not in left}
        return Delivered(verdicts, left, self.failures, messages[-1])


@pytest.fixture(autouse=True)
def hurry(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(couriers, "RETRY_AFTER", (0.001,) * 3)


async def test_messages_that_arrive_during_a_batch_go_with_the_next() -> None:
    round_ = Round()
    dispatcher = WebhookDispatcher(round_)
    async with dispatcher.running(), asyncio.timeout(PATIENT):
        dispatcher.submit(a_message(1))
        await round_.has_begun.wait()
        for number in range(2, BATCH + 3):
            dispatcher.submit(a_message(number))
        round_.may_end.set()
        while len(round_.batches) < 3:
            await round_.done.wait()
            round_.done.clear()

    assert [len(batch) for batch in round_.batches] == [1, BATCH, 1]


async def test_at_shutdown_the_current_batch_is_finished_and_the_rest_is_left_to_the_sweep() -> None:
    round_ = Round()
    dispatcher = WebhookDispatcher(round_)
    async with dispatcher.running(), asyncio.timeout(PATIENT):
        dispatcher.submit(a_message(1))
        await round_.has_begun.wait()
        dispatcher.submit(a_message(2))
        asyncio.get_running_loop().call_later(0.05, round_.may_end.set)

    assert round_.done.is_set()
    assert round_.batches == [["evt_1"]]
    dispatcher.submit(a_message(3))


async def test_a_message_that_matches_no_subscription_yet_is_retried_soon() -> None:
    round_ = Round(unaddressed=2)
    round_.may_end.set()
    dispatcher = WebhookDispatcher(round_)
    async with dispatcher.running(), asyncio.timeout(PATIENT):
        dispatcher.submit(a_message())
        await round_.done.wait()

    assert round_.batches == [["evt_1"]] * 3


async def test_failures_are_left_to_the_sweep_and_delay_nothing() -> None:
    round_ = Round(failures={"evt_1": GatewayUnavailable("not now")})
    round_.may_end.set()
    dispatcher = WebhookDispatcher(round_)
    async with dispatcher.running(), asyncio.timeout(PATIENT):
        dispatcher.submit(a_message(1))
        await round_.done.wait()
        round_.done.clear()
        dispatcher.submit(a_message(2))
        await round_.done.wait()

    assert round_.batches == [["evt_1"], ["evt_2"]]


@pytest.mark.parametrize("outage", [GatewayUnavailable("the database is out of reach"), ZeroDivisionError()])
async def test_the_dispatcher_survives_any_error_of_a_batch(outage: Exception) -> None:
    round_ = Round(outage=outage)
    round_.may_end.set()
    dispatcher = WebhookDispatcher(round_)
    async with dispatcher.running(), asyncio.timeout(PATIENT):
        dispatcher.submit(a_message(1))
        await round_.had_outage.wait()
        dispatcher.submit(a_message(2))
        await round_.done.wait()

    assert round_.batches == [["evt_1"], ["evt_2"]]


async def test_the_number_of_messages_in_memory_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(couriers, "MAX_QUEUED", 2)
    round_ = Round()
    dispatcher = WebhookDispatcher(round_)
    async with dispatcher.running(), asyncio.timeout(PATIENT):
        for number in (1, 2, 3):
            dispatcher.submit(a_message(number))
        round_.may_end.set()
        await round_.done.wait()

    assert round_.batches == [["evt_1", "evt_2"]]
