"""What has become of subscriptions: which events they were told of, and which of their workflow tasks failed."""

from collections import Counter
from collections.abc import AsyncIterator, Iterable

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine
from temporalio.api.enums.v1 import EventType, WorkflowTaskFailedCause
from temporalio.api.history.v1 import HistoryEvent
from temporalio.client import Client

from domain.names import subscription_workflow_id
from domain.provider.hints import EventHint
from worker.composition.services import LEFT_TO_DISPATCHER

SIGNALED = EventType.EVENT_TYPE_WORKFLOW_EXECUTION_SIGNALED
FAILED = EventType.EVENT_TYPE_WORKFLOW_TASK_FAILED
SERVED = EventType.EVENT_TYPE_WORKFLOW_TASK_COMPLETED
NEWS_MEANWHILE = WorkflowTaskFailedCause.WORKFLOW_TASK_FAILED_CAUSE_UNHANDLED_COMMAND
"""Something came just as the workflow was about to end this run; it is told and decides anew."""
HEAR = "hear"
_LEFT = text("SELECT event_id FROM webhook_inbox WHERE handled_at - received_at >= :left_to_dispatcher")


async def told(client: Client, subscriptions: Iterable[str]) -> Counter[str]:
    """How often these subscriptions were told of each event of the provider, and so looked there."""
    counted: Counter[str] = Counter()
    for subscription in subscriptions:
        async for event in events(client, subscription):
            signal = event.workflow_execution_signaled_event_attributes
            if event.event_type == SIGNALED and signal.signal_name == HEAR:
                [hint] = await client.data_converter.decode(signal.input.payloads, [EventHint])
                counted[hint.event] += 1
    return counted


async def left_to_sweep(engine: AsyncEngine) -> set[str]:
    """The events that the API which stored them did not deliver in its time: it died, or its machine was too busy."""
    async with engine.connect() as connection:
        return set(await connection.scalars(_LEFT, {"left_to_dispatcher": LEFT_TO_DISPATCHER}))


async def failed_tasks(client: Client, subscriptions: Iterable[str]) -> Counter[str]:
    """How many tasks of these subscriptions have failed, by cause."""
    counted: Counter[str] = Counter()
    for subscription in subscriptions:
        async for event in events(client, subscription):
            cause = event.workflow_task_failed_event_attributes.cause
            if event.event_type == FAILED and cause != NEWS_MEANWHILE:
                counted[WorkflowTaskFailedCause.Name(cause).removeprefix("WORKFLOW_TASK_FAILED_CAUSE_").lower()] += 1
    return counted


async def builds(client: Client, subscription: str) -> list[str]:
    """Which build served each task of a subscription's present run; empty: a worker without a version."""
    history = await client.get_workflow_handle(subscription_workflow_id(subscription)).fetch_history()
    done = [each.workflow_task_completed_event_attributes for each in history.events if each.event_type == SERVED]
    return [each.deployment_version.build_id for each in done]


async def events(client: Client, subscription: str) -> AsyncIterator[HistoryEvent]:
    """The history of a subscription, all runs of it."""
    query = f'WorkflowId = "{subscription_workflow_id(subscription)}"'
    async for run in client.list_workflows(query):
        for event in (await client.get_workflow_handle(run.id, run_id=run.run_id).fetch_history()).events:
            yield event
