"""The subscription's workflow on workers with versions."""

from temporalio import workflow
from temporalio.common import VersioningBehavior

with workflow.unsafe.imports_passed_through():
    from workflows.subscription.messages import SubscriptionInput
from workflows.subscription.workflow import SubscriptionWorkflow


@workflow.defn(name="SubscriptionWorkflow", versioning_behavior=VersioningBehavior.AUTO_UPGRADE)
class UpgradingSubscriptionWorkflow(SubscriptionWorkflow):
    """The same workflow, served by the current version from its next task on: it outlives every version.

    It is a class of its own because Temporal refuses a behaviour from workers without versions.
    """

    @workflow.init
    def __init__(self, start: SubscriptionInput) -> None:
        super().__init__(start)

    @workflow.run
    async def run(self, start: SubscriptionInput) -> str:
        return await super().run(start)
