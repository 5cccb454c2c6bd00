"""Operators look after the engine in the console, with scripts switched off."""

from uuid import uuid4

import pytest

from domain.reconciliation.differences import DifferenceKind, Discrepancy
from domain.reconciliation.ports import Found
from sandbox.stack import Stack
from storage.access.console_sessions import new_sign_in_link
from storage.access.operators import OperatorRole, Operators
from storage.reconciliation import Reconciliations
from tests.api.inbox.test_inbox import set_aside
from tests.browser.conftest import Arrive
from tests.browser.customers import PAYING, Begin
from tests.browser.visitor import Visitor
from tests.harness.names import named_after


@pytest.fixture
async def operator(arrive: Arrive, stack: Stack, request: pytest.FixtureRequest) -> Visitor:
    """An admin of tenant `default`, signed in to the console."""
    ada, _ = await Operators(stack.engine).add(
        f"{named_after(request)}@example.com", OperatorRole.ADMIN, tenant="default"
    )
    visitor = await arrive()
    await visitor.opens(await new_sign_in_link(stack.engine, ada, stack.addresses.api_url))
    await visitor.presses("Sign in")
    return visitor


async def test_a_webhook_that_was_set_aside_is_delivered_again(
    operator: Visitor, customer: Begin, stack: Stack
) -> None:
    life = await customer(**PAYING)
    event = await set_aside(stack, life.id)

    await operator.opens(f"/console/webhooks?state=set_aside&subscription={life.id}")
    await operator.sees_here("console: webhooks set aside", event, "Set aside", "set aside: the customer is not known")
    await operator.presses(f"Deliver again {event}", role="link")
    await operator.sees_here("console: deliver a webhook again", "Nothing is booked twice")
    await operator.presses("Deliver again")
    await operator.sees_here("console: no reason to deliver again", "Say why")
    await operator.writes("Why?", "the customer is known since")
    await operator.presses("Deliver again")
    await operator.sees_here("console: webhooks", event, f"delivered to subscription {life.id}")


async def test_a_planted_difference_is_healed(operator: Visitor, customer: Begin, stack: Stack) -> None:
    life = await customer(**PAYING)
    differs = Discrepancy(DifferenceKind.REVENUE_DIFFERS, "its movements do not add up", life.id, tenant="default")
    by_hand = Discrepancy(DifferenceKind.ITEMS_DIFFER, "1 x a here, 2 x a there", life.id, tenant="default")
    await Reconciliations(stack.engine).keep(str(uuid4()), [Found(differs), Found(by_hand)])

    await operator.opens("/console/reconciliation")
    await operator.sees_here("console: differences", "the missing movement is recorded", "decide which is right")
    await operator.presses(f"Heal revenue differs of {life.id[:8]}", role="link")
    await operator.sees_here("console: heal a difference", "its movements do not add up")
    await operator.writes("Why?", "the figures are wrong")
    await operator.presses("Heal now")
    await operator.sees_here("console: after healing", "decide which is right")
    assert "its movements do not add up" not in await operator.text()
    await operator.presses("Reconcile now", role="link")
    await operator.sees_here("console: reconcile now", "While a run is in progress, no other is started")


async def test_schedules_mails_and_the_system_are_shown(operator: Visitor) -> None:
    await operator.opens("/console/schedules")
    await operator.sees_here("console: schedules", "sweep-webhooks", "reconcile", "Run it manually with Trigger")
    await operator.presses("Pause report-usage", role="link")
    await operator.sees_here("console: pause a schedule", "No more runs begin until it is resumed")
    await operator.opens("/console/mails")
    await operator.sees_here("console: mails", "Mails that did not go out")
    await operator.opens("/console/system")
    await operator.sees_here("console: system", "Task queue payments", "manufacturing_v1")


async def test_an_endpoint_is_added_and_what_was_sent_there_is_looked_at(operator: Visitor, customer: Begin) -> None:
    await operator.opens("/console/endpoints")
    await operator.sees_here("console: endpoints", "Create a webhook endpoint")
    await operator.writes("Address", "http://127.0.0.1:9/hooks")
    await operator.presses("Add")
    await operator.sees_here("console: the secret of an endpoint", "Events are sent there now", "whsec_")
    await operator.presses("Open the endpoint", role="link")
    await customer(**PAYING)
    await operator.presses("Show")
    await operator.sees_here("console: an endpoint", "Send what it has missed", "subscription.created")
    await operator.presses("Delete", role="link")
    await operator.writes("Why?", "a test")
    await operator.presses("Delete")
