"""What was lived in a session is replayed at its end, against the code that wrote it."""

from temporalio.worker import Replayer

from sandbox.stack import Stack
from services.payload_codec import converter_with
from worker.build import WORKFLOWS, workflow_runner

LATEST = "WorkflowType IN ('SubscriptionWorkflow', 'ReconcileWorkflow')"
REPLAYED = 25


async def every_life_replays(stack: Stack) -> None:
    """Whatever happened to them in whatever order: the latest histories of a stack replay."""
    replayer = Replayer(workflows=WORKFLOWS, workflow_runner=workflow_runner(), data_converter=converter_with(()))
    lives = stack.client.list_workflows(LATEST, limit=REPLAYED)
    results = await replayer.replay_workflows(lives.map_histories(), raise_on_replay_failure=False)
    assert not results.replay_failures, results.replay_failures
