"""What is heard of the outside in other ways: cards chosen elsewhere, and messages that only say where to look."""

from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import timedelta

import pytest

from domain.names import subscription_workflow_id
from sandbox.stack import Stack
from tests.harness.lives import CONVERTED, Life
from workflows.subscription.workflow import SubscriptionWorkflow

Begin = Callable[..., Awaitable[Life]]


@pytest.fixture
async def thin(stack: Stack) -> AsyncIterator[None]:
    """Stripe has a second destination, for thin events."""
    stack.simulator.sends_thin_events = True
    yield
    stack.simulator.sends_thin_events = False


async def test_a_card_chosen_in_the_portal_is_the_card_on_file(begin: Begin, stack: Stack) -> None:
    life = await begin(payment_method="pm_card_visa")
    await life.live(timedelta(minutes=1))
    [customer] = stack.simulator._known(life.external_id)

    chosen = await stack.provider.wallets.put_card(customer, "", "pm_card_mastercard", key=f"portal/{life.id}")
    await life.live(timedelta(minutes=1))

    workflow = stack.client.get_workflow_handle(subscription_workflow_id(life.id))
    assert (await workflow.query(SubscriptionWorkflow.current)).card == chosen
    assert [entry["cause"]["kind"] for entry in await life.past()][-1] == "webhook"
    await life.live_until_converted()
    assert await life.mails() == CONVERTED


async def test_a_card_that_we_have_put_on_file_ourselves_is_not_looked_at_again(begin: Begin, stack: Stack) -> None:
    life = await begin(payment_method="pm_card_visa")
    await life.command("payment-method", payment_method="pm_card_mastercard")
    await life.live(timedelta(minutes=1))

    history = await stack.client.get_workflow_handle(subscription_workflow_id(life.id)).fetch_history()
    activities = Counter(
        event.activity_task_scheduled_event_attributes.activity_type.name
        for event in history.events
        if event.HasField("activity_task_scheduled_event_attributes")
    )
    assert activities == {"put_card": 2}
    assert not [entry for entry in await life.past() if entry["cause"]["kind"] == "webhook"]


@pytest.mark.usefixtures("thin")
async def test_thin_events_besides_the_others_change_nothing(begin: Begin) -> None:
    life = await begin(payment_method="pm_card_visa")
    await life.live_until_converted()
    await life.live_until("renew")
    await life.live(timedelta(hours=4))

    assert (await life.kinds())["renewed"] == 1
    assert await life.mails() == CONVERTED + Counter(receipt=1)
    assert await life.bills() == Counter(paid=2)
