"""Delivering one event again: what comes of it is told, and what cannot be delivered stays as it was."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

import pytest

from domain.errors import GatewayUnavailable, Rejected
from domain.provider.events import Disposition, KeptEvent, ProviderEvent, Routing
from domain.webhooks.inbox import EventState, InboxRow
from domain.webhooks.ports import Delivered
from services.webhooks.replay import EventReplay

AT = datetime(2026, 11, 21, tzinfo=UTC)
KEPT = KeptEvent(ProviderEvent("evt_1", "invoice.paid", "in_1", "cus_1", None), AT)
ROW = InboxRow("evt_1", "invoice.paid", "in_1", "cus_1", "", AT, AT, Disposition.SET_ASIDE, "set aside")


class OneEvent:
    """The inbox of tenant `acme`, with one event."""

    async def event(self, tenant: str, event_id: str) -> tuple[KeptEvent, InboxRow] | None:
        return (KEPT, ROW) if (tenant, event_id) == ("acme", "evt_1") else None


class Delivering:
    """Delivers with a fixed outcome, and notes what it was given."""

    def __init__(
        self, verdicts: Mapping[str, Routing] | None = None, failed: Mapping[str, Exception] | None = None
    ) -> None:
        self._verdicts, self._failed = verdicts or {}, failed or {}
        self.given: list[tuple[Sequence[KeptEvent], bool]] = []

    async def __call__(self, messages: Sequence[KeptEvent], *, redelivered: bool = False) -> Delivered:
        self.given.append((messages, redelivered))
        return Delivered(self._verdicts, [], self._failed, messages[-1])


def replay(delivering: Delivering) -> EventReplay:
    return EventReplay(OneEvent(), delivering)


async def test_an_event_that_was_set_aside_is_so_no_longer_once_it_is_delivered() -> None:
    delivering = Delivering({"evt_1": Routing(Disposition.DELIVERED, "delivered to subscription 1")})
    found = await replay(delivering).replay("acme", "evt_1")
    assert (found.state, found.outcome) == (EventState.DELIVERED, "delivered to subscription 1")
    assert delivering.given == [([KEPT], True)]


async def test_another_tenants_event_is_unknown_and_nothing_is_delivered() -> None:
    delivering = Delivering()
    with pytest.raises(Rejected) as refused:
        await replay(delivering).replay("umbrella", "evt_1")
    assert refused.value.code == "unknown_event"
    assert delivering.given == []


@pytest.mark.parametrize(
    ("outcome", "error", "code"),
    [
        ({}, Rejected, "not_deliverable"),
        (
            {"failed": {"evt_1": GatewayUnavailable("away", code="temporal_unavailable")}},
            GatewayUnavailable,
            "temporal_unavailable",
        ),
        ({"failed": {"evt_1": ZeroDivisionError()}}, GatewayUnavailable, "gateway_unavailable"),
    ],
    ids=["nowhere", "temporal", "our-fault"],
)
async def test_what_cannot_be_delivered_is_told_with_the_reason(
    outcome: dict[str, Any], error: type[Exception], code: str
) -> None:
    with pytest.raises(error) as failure:
        await replay(Delivering(**outcome)).replay("acme", "evt_1")
    assert getattr(failure.value, "code", "") == code
