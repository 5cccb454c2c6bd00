"""The inbox over HTTP: a webhook that was set aside is found, delivered again once, and noted in the audit."""

from collections.abc import AsyncIterator
from typing import Any
from uuid import uuid4

import pytest
from sqlalchemy import text

from domain.provider.events import Disposition, ProviderEvent, Routing
from domain.provider.hints import EventKind
from sandbox.stack import Stack
from storage.access.api_keys import Role
from storage.webhooks.inbox import Inbox
from tests.harness.callers import Caller, problem_of


@pytest.fixture
async def operator(stack: Stack) -> AsyncIterator[Caller]:
    async with Caller.of_role(stack, Role.OPERATOR) as caller:
        yield caller


async def set_aside(stack: Stack, subscription: str) -> str:
    """A webhook about a subscription's customer that was set aside; its id."""
    query = text(
        "SELECT customer_ref FROM customers c JOIN subscriptions s ON s.customer = c.id WHERE s.id = cast(:id AS uuid)"
    )
    async with stack.engine.connect() as connection:
        ref = (await connection.execute(query, {"id": subscription})).scalar_one()
    event = ProviderEvent(f"evt_{uuid4().hex}", "invoice.paid", "in_none", ref, EventKind.INVOICE_PAID)
    inbox = Inbox(stack.engine)
    await inbox.receive(event, b"{}")
    await inbox.mark_handled({event.id: Routing(Disposition.SET_ASIDE, "set aside: the customer is not known here")})
    return event.id


async def found(caller: Caller, event: str, **params: Any) -> list[dict[str, Any]]:
    answer = await caller.get("/v1/inbox", limit=100, **params)
    assert answer.status_code == 200, answer.text
    return [one for one in answer.json()["data"] if one["id"] == event]


async def test_a_webhook_that_was_set_aside_is_delivered_again_once_and_set_aside_no_longer(
    stack: Stack, admin: Caller, operator: Caller, name: str
) -> None:
    made = await admin.signed_up(name, payment_method="pm_card_visa")
    event = await set_aside(stack, made["id"])
    [before] = await found(operator, event, state="set_aside", subscription=made["id"], type="invoice.paid")
    assert (before["outcome"], before["object"]) == ("set aside: the customer is not known here", "in_none")

    answers = [
        await operator.post(f"/v1/inbox/{event}/replay", {"reason": "known since"}, key=f"{name}-replay")
        for _ in range(2)
    ]

    assert [one.status_code for one in answers] == [200, 200], answers[0].text
    assert answers[0].json() == answers[1].json()
    assert answers[1].headers["Idempotency-Replayed"] == "true"
    after = answers[0].json()
    assert (after["state"], after["outcome"]) == ("delivered", f"delivered to subscription {made['id']}")
    assert await found(operator, event, state="set_aside") == []
    assert (await found(operator, event, state="delivered", subscription=made["id"]))[0] == after
    [noted] = (await operator.get("/v1/audit", target=event)).json()["data"]
    assert (noted["action"], noted["outcome"], noted["reason"]) == ("replayEvent", "done", "known since")
    assert noted["target"] == {"kind": "event", "id": event}


async def test_what_is_unknown_or_without_a_reason_is_refused(operator: Caller) -> None:
    problem_of(await operator.post("/v1/inbox/evt_none/replay", {"reason": "a test"}), 404, "unknown_event")
    problem_of(await operator.post("/v1/inbox/evt_%00/replay", {"reason": "a test"}), 404, "unknown_event")
    problem_of(await operator.post("/v1/inbox/evt_none/replay", {}), 422, "malformed")
    problem_of(await operator.get("/v1/inbox", state="lost"), 422, "malformed")


async def test_the_summary_counts_what_is_set_aside(stack: Stack, admin: Caller, operator: Caller, name: str) -> None:
    made = await admin.signed_up(name, payment_method="pm_card_visa")
    await set_aside(stack, made["id"])

    summary = (await operator.get("/v1/inbox/summary")).json()

    assert summary["set_aside"] >= 1
    assert summary["last_hour"]["received"] >= 1
