"""The sweep of events while Temporal, or one workflow, takes no signals: every event gets its turn, none is lost."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, cast

import pytest
from temporalio.client import Client
from temporalio.service import RPCError, RPCStatusCode

from domain.errors import GatewayUnavailable
from domain.provider.events import Address, Directory, KeptEvent, ProviderEvent, Routing
from domain.provider.hints import EventKind
from services.webhooks.delivery import Delivery

SECONDS = 20.0


class FailingClient:
    """A Temporal client that fails signals to one workflow, or to all."""

    def __init__(self, failing: RPCStatusCode, only: str | None = None) -> None:
        self._failing = failing
        self._only = only

    def get_workflow_handle(self, workflow_id: str) -> "FailingClient":
        return FailingClient(self._failing, None if self._only in (None, workflow_id) else "others")

    async def signal(self, *_: object) -> None:
        if self._only is None:
            raise RPCError("not now", self._failing, b"")


class InMemoryInbox:
    """An inbox in memory."""

    def __init__(self, messages: Iterable[KeptEvent]) -> None:
        self._messages = {message.event.id: message for message in messages}
        self.handled: dict[str, Routing] = {}

    async def waiting(self, *, limit: int, after: KeptEvent | None) -> Sequence[KeptEvent]:
        left = sorted((m for m in self._messages.values() if m.event.id not in self.handled), key=_place)
        return [m for m in left if after is None or _place(m) > _place(after)][:limit]

    async def mark_handled(self, verdicts: Mapping[str, Routing], *, redelivered: bool = False) -> None:
        self.handled.update(verdicts)


class KnownCustomers:
    """Each customer at the provider has a subscription of the same name."""

    async def look_up(self, customer_refs: Iterable[str], agreement_refs: Iterable[str]) -> Directory:
        return Directory({ref: [Address(ref)] for ref in customer_refs}, {})


def _place(message: KeptEvent) -> tuple[datetime, str]:
    return message.received_at, message.event.id


def messages(customers: Iterable[str], age: timedelta) -> list[KeptEvent]:
    began = datetime.now(UTC) - age
    return [
        KeptEvent(
            ProviderEvent(f"evt_{customer}_{number}", "invoice.paid", f"in_{number}", customer, EventKind.INVOICE_PAID),
            began + timedelta(seconds=number),
        )
        for number, customer in enumerate(customers)
    ]


def delivery(client: FailingClient, inbox: InMemoryInbox) -> Delivery:
    return Delivery(cast("Client", cast("Any", client)), inbox, KnownCustomers())


@pytest.mark.parametrize("status", [RPCStatusCode.INVALID_ARGUMENT, RPCStatusCode.UNAVAILABLE])
async def test_one_workflow_that_accepts_no_signal_does_not_delay_the_others(status: RPCStatusCode) -> None:
    failing = messages(["bad"] * 20, timedelta(minutes=9))
    inbox = InMemoryInbox(failing + messages(map(str, range(300)), timedelta(minutes=5)))

    with pytest.raises(GatewayUnavailable):
        await delivery(FailingClient(status, "subscription/bad"), inbox).sweep(SECONDS)

    assert len(inbox.handled) == 300


async def test_an_event_that_a_workflow_never_accepts_is_set_aside_after_an_hour() -> None:
    inbox = InMemoryInbox(messages(["bad"], timedelta(hours=2)))

    with pytest.raises(GatewayUnavailable):
        await delivery(FailingClient(RPCStatusCode.INVALID_ARGUMENT, "subscription/bad"), inbox).sweep(SECONDS)

    assert Counter(verdict.disposition.value for verdict in inbox.handled.values()) == Counter(set_aside=1)


async def test_an_outage_of_temporal_sets_no_event_aside_however_old() -> None:
    inbox = InMemoryInbox(messages(map(str, range(200)), timedelta(days=4)))

    with pytest.raises(GatewayUnavailable):
        await delivery(FailingClient(RPCStatusCode.UNAVAILABLE), inbox).sweep(SECONDS)

    assert inbox.handled == {}
