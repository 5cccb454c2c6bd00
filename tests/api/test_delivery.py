"""Messages that name only a charge: whose they are is asked, and what comes of every answer."""

from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from uuid import uuid4

import pytest

from domain.errors import GatewayRefused, GatewayUnavailable
from domain.names import DEFAULT_TENANT
from domain.news import News
from domain.ports import ProviderEvent
from sandbox.stack import Stack
from storage.inbox import Inbox
from storage.subscriptions import Subscriptions
from tests.api.test_webhooks import kept
from tests.harness.callers import Caller
from workflows.delivery import Delivery

Whose = Callable[[str], Awaitable[str]]


async def a_dispute(stack: Stack) -> ProviderEvent:
    """Kept in the inbox; its charge is one that Stripe does not know."""
    event = ProviderEvent(f"evt_{uuid4().hex}", "charge.dispute.created", "du_1", "", News.DISPUTED, "ch_of_nobody")
    await Inbox(stack.engine).receive(event, b"{}", tenant=DEFAULT_TENANT)
    return event


def delivery(stack: Stack, whose: Whose | None) -> Delivery:
    return Delivery(stack.client, Inbox(stack.engine), Subscriptions(stack.engine), whose)


async def nobodys(charge: str) -> str:
    assert charge == "ch_of_nobody"
    return ""


async def refusing(charge: str) -> str:
    raise GatewayRefused(f"no word about {charge}", code="no_word")


async def silent(charge: str) -> str:
    raise GatewayUnavailable(f"no answer about {charge}")


@pytest.mark.parametrize(
    ("whose", "outcome"),
    [
        (nobodys, "passed over: concerns no customer"),
        (refusing, "passed over: the provider does not tell whose it is (no_word)"),
    ],
)
async def test_a_dispute_of_nobody_is_passed_over_with_the_reason(stack: Stack, whose: Whose, outcome: str) -> None:
    event = await a_dispute(stack)

    assert await delivery(stack, whose).deliver(event, datetime.now(UTC))

    assert await kept(stack, event.id) == [outcome]


async def test_a_dispute_waits_for_somebody_who_can_ask(stack: Stack) -> None:
    event = await a_dispute(stack)

    assert not await delivery(stack, None).deliver(event, datetime.now(UTC))


async def test_a_dispute_is_not_lost_when_the_provider_gives_no_answer(stack: Stack) -> None:
    event = await a_dispute(stack)

    with pytest.raises(GatewayUnavailable, match="no answer about ch_of_nobody"):
        await delivery(stack, silent).deliver(event, datetime.now(UTC))


async def test_the_payer_is_not_asked_for_when_the_message_names_them(stack: Stack, admin: Caller, name: str) -> None:
    made = await admin.signed_up(name, payment_method="pm_card_visa", trial_days=0)
    charge = stack.simulator.refund(name, 100)["charge"]
    (customer,) = stack.simulator._known(name)
    event = ProviderEvent(f"evt_{uuid4().hex}", "charge.refunded", charge, customer, News.REFUNDED)
    await Inbox(stack.engine).receive(event, b"{}", tenant=DEFAULT_TENANT)

    assert await delivery(stack, silent).deliver(event, datetime.now(UTC))

    assert await kept(stack, event.id) == [f"delivered to subscription {made['id']}"]
