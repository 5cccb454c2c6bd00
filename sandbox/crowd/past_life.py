"""One customer's subscription, lived in the past: sign-up, commands, and time that passes in between."""

import asyncio
import json
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, TypeVar

from sqlalchemy.ext.asyncio import AsyncEngine

from domain.errors import GatewayUnavailable
from domain.names import DEFAULT_TENANT
from domain.provider.event_ports import EventReader
from domain.provider.events import KeptEvent, PastEvent, ProviderEvent
from domain.subscription.sign_up import SignUp
from domain.subscription.state import Subscription
from sandbox.crowd.past_temporal import PastTemporal
from sandbox.crowd.past_workflow import Activities, PastWorkflow
from sandbox.stripe import StripeSimulator
from services.webhooks.delivery import Delivery
from storage.subscriptions.sign_ups import SignUps
from storage.webhooks.inbox import Inbox
from workflows.subscription.messages import Command, SubscriptionInput

T = TypeVar("T")

A_MOMENT = timedelta(seconds=1)
"""Between what happens and what is heard of it."""
TRIES, PAUSE = 60, 1.0
"""Of what the servers are too busy for, and seconds in between: a past is not given up for that."""


async def patiently(ask: Callable[[], Awaitable[T]]) -> T:
    """What is asked for, also where a server does not answer at once.

    Raises:
        GatewayUnavailable: it has not answered for a minute or longer.
    """
    for _ in range(TRIES - 1):
        try:
            return await ask()
        except GatewayUnavailable:
            await asyncio.sleep(PAUSE)
    return await ask()


@dataclass(frozen=True)
class Surroundings:
    """Everything outside of a subscription's workflow that its past is written to."""

    engine: AsyncEngine
    simulator: StripeSimulator
    temporal: PastTemporal
    activities: Activities
    events: EventReader
    inbox: Inbox
    delivery: Delivery
    sent: dict[str, datetime] = field(default_factory=dict)
    """When the provider made each event that was received."""

    async def receive(self, past: Sequence[PastEvent]) -> list[ProviderEvent]:
        """Store events that were not there yet, and remember when they were made; return the new ones."""
        self.sent.update((each.event.id, _made_at(each.body)) for each in past)
        return await patiently(lambda: self.inbox.receive_past(past, tenant=DEFAULT_TENANT))


@dataclass(eq=False)
class PastLife:
    """A subscription whose time begins in the past, and only goes on when it is told to."""

    around: Surroundings
    external_id: str
    now: datetime
    workflow: PastWorkflow | None = None
    subscription: str = ""
    _keys: int = 0

    async def sign_up(self, sign_up: SignUp) -> None:
        """Sign the customer up now.

        Raises:
            TenureError: it was refused.
        """
        around, self.subscription = self.around, sign_up.subscription
        sign_ups = SignUps(around.engine)
        customer = await patiently(lambda: sign_ups.wait(sign_up.subscription, sign_up.tenant, sign_up.contact))
        start = SubscriptionInput(
            sign_up.begun(customer, self.now),
            sign_up.policy,
            sign_up.payment_method,
            sign_up.actor,
            sign_up.key,
            allow_another_trial=sign_up.allow_another_trial,
        )
        self.workflow = PastWorkflow(start, around.activities)
        around.temporal.run(self.subscription)
        try:
            await self.workflow.sign_up(self.now)
        finally:
            await self.settle()

    async def command(self, name: str, command: Command) -> None:
        """Send a command now.

        Raises:
            TenureError: it was refused.
        """
        await self._running.update(name, command, self.now)
        await self.settle()

    async def live_until(self, moment: datetime) -> None:
        """Let time pass, and everything happen that is due on the way, at its own time."""
        while self.now < moment:
            boundary = self.around.simulator.next_boundary(self.external_id)
            moments = [moment, *self._running.timers.values(), *([boundary] if boundary is not None else [])]
            self.now = max(self.now, min(moments))
            # Stripe's part first, since a workflow waits for its events.
            await self.around.simulator.advance(self.external_id, self.now)
            await self.settle()
            await self._running.fire_timers(self.now)
            await self.settle()

    async def state(self) -> Subscription:
        """The subscription as its workflow has it."""
        return await self._running.current(self.now)

    def replace_activity(self, name: str, act: Callable[[Any], Awaitable[Any]]) -> None:
        """Have *act* done from now on when the workflow calls this activity."""
        self._running.activities = {**self.around.activities, name: act}

    @property
    def is_over(self) -> bool:
        """True if its workflow has ended."""
        return self._running.is_over

    @property
    def _running(self) -> PastWorkflow:
        assert self.workflow is not None  # noqa: S101 - it has signed up
        return self.workflow

    async def settle(self) -> None:
        """Have everything heard that has happened so far."""
        while True:
            if self._running.is_over:
                self.around.temporal.end(self.subscription)
            webhooks = self.around.simulator.take_webhooks(self.external_id)
            if webhooks:
                await self._receive(webhooks)
            hints = self.around.temporal.taken(self.subscription)
            if not webhooks and not hints:
                return
            for hint in hints:
                await self._running.signal(hint, self.now)

    async def _receive(self, webhooks: list[tuple[bytes, str]]) -> None:
        past = [PastEvent(self.around.events.read(body, signature), body) for body, signature in webhooks]
        new = await self.around.receive(past)
        kept = [KeptEvent(event, datetime.now(UTC)) for event in new if event.news is not None]
        if kept:
            await patiently(lambda: self.around.delivery.deliver(kept))


def _made_at(body: bytes) -> datetime:
    return datetime.fromtimestamp(json.loads(body)["created"], UTC)
