"""What operators see of a subscription in Temporal's UI: which one it is, and what each event and handler is for."""

from collections.abc import Awaitable, Callable
from datetime import timedelta

import pytest
from temporalio.api.enums.v1 import EventType
from temporalio.api.history.v1 import HistoryEvent
from temporalio.api.sdk.v1 import WorkflowMetadata
from temporalio.client import Client, WorkflowExecutionDescription, WorkflowHandle

from domain.names import subscription_workflow_id
from sandbox.stack import Stack
from tests.harness.lives import Life

Begin = Callable[..., Awaitable[Life]]

PAID_START = {"trial_days": 0, "payment_method": "pm_card_visa"}
SUMMARIZED = {
    EventType.EVENT_TYPE_ACTIVITY_TASK_SCHEDULED,
    EventType.EVENT_TYPE_TIMER_STARTED,
    EventType.EVENT_TYPE_MARKER_RECORDED,  # a local activity
}


@pytest.fixture
def client(stack: Stack) -> Client:
    return stack.client


def handle_of(client: Client, life: Life) -> WorkflowHandle[object, object]:
    return client.get_workflow_handle(subscription_workflow_id(life.id))


async def shown(client: Client, life: Life) -> WorkflowExecutionDescription:
    return await handle_of(client, life).describe()


async def continued_as_new(client: Client, life: Life) -> WorkflowExecutionDescription:
    """Let months pass until the workflow has continued as new."""
    first = (await shown(client, life)).run_id
    for _ in range(12):
        await life.live_until("renew")
        await life.live(timedelta(hours=2))
        now = await shown(client, life)
        if now.run_id != first:
            return now
    pytest.fail("it never continued as new")


async def test_the_memo_tells_which_subscription_it_is_and_holds_no_personal_data(begin: Begin, client: Client) -> None:
    life = await begin(**PAID_START)
    customer = (await life.stands())["customer"]

    memo = await (await shown(client, life)).memo()

    assert memo == {"summary": f"Starter by the month for customer {customer['id']}"}
    assert customer["external_id"] not in str(memo)
    assert customer["email"] not in str(memo)


async def test_the_memo_of_a_later_run_names_the_plan_of_that_time(begin: Begin, client: Client) -> None:
    life = await begin(**PAID_START)
    customer = (await life.stands())["customer"]["id"]

    await life.command("change-plan", plan="professional")
    later = await continued_as_new(client, life)

    assert await later.memo() == {"summary": f"Professional by the month for customer {customer}"}


async def test_everything_that_a_subscription_waits_for_has_a_summary(begin: Begin, client: Client) -> None:
    life = await begin(**PAID_START)
    await life.live_until("renew")

    events = [event async for event in handle_of(client, life).fetch_history_events() if event.event_type in SUMMARIZED]

    assert {event.event_type for event in events} == SUMMARIZED
    assert all(event.user_metadata.summary.data for event in events if not is_patch(event)), events


def is_patch(event: HistoryEvent) -> bool:
    return event.marker_recorded_event_attributes.marker_name == "core_patch"


async def test_every_signal_update_and_query_is_described(begin: Begin, client: Client) -> None:
    life = await begin(**PAID_START)

    known = await handle_of(client, life).query("__temporal_workflow_metadata", result_type=WorkflowMetadata)

    definition = known.definition
    offered = [*definition.signal_definitions, *definition.update_definitions, *definition.query_definitions]
    ours = [each for each in offered if not each.name.startswith("__")]
    assert {"hear", "cancel", "next_actions"} <= {each.name for each in ours}
    assert all(each.description.endswith(".") for each in ours), [each.name for each in ours if not each.description]
