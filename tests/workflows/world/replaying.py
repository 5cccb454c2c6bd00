"""What a life has written is replayed when its test ends, against the code that wrote it."""

from collections.abc import AsyncIterator

from temporalio.client import WorkflowHistory
from temporalio.worker import Replayer, UnsandboxedWorkflowRunner

from services.payload_codec import converter_with
from tests.workflows.world.life import Life
from workflows.subscription.workflow import SubscriptionWorkflow

REPLAYER = Replayer(
    workflows=[SubscriptionWorkflow], workflow_runner=UnsandboxedWorkflowRunner(), data_converter=converter_with(())
)


async def runs(life: Life) -> AsyncIterator[WorkflowHistory]:
    """The history of every run of a life, from its first."""
    client, run = life.world.client, (await life.handle.describe()).raw_info.first_run_id
    while run:
        history = await client.get_workflow_handle(life.handle.id, run_id=run).fetch_history()
        yield history
        run = history.events[-1].workflow_execution_continued_as_new_event_attributes.new_execution_run_id


async def replays(life: Life) -> None:
    async for history in runs(life):
        await REPLAYER.replay_workflow(history)
