"""A later release: its subscriptions take a step as they begin that the present one does not know.

Nothing is changed by the import: `install` does, in the process of a worker that is to run it.
"""

from datetime import timedelta

from temporalio import workflow
from temporalio.common import VersioningBehavior

with workflow.unsafe.imports_passed_through():
    from workflows.subscription.messages import SubscriptionInput
from workflows.subscription.upgrading import UpgradingSubscriptionWorkflow
from workflows.subscription.workflow import SubscriptionWorkflow

PATCH = "of-the-next-release"
A_STEP = timedelta(milliseconds=1)


@workflow.defn(name="SubscriptionWorkflow")
class NextSubscriptionWorkflow(SubscriptionWorkflow):
    """A subscription of workers without versions."""

    @workflow.init
    def __init__(self, start: SubscriptionInput) -> None:
        super().__init__(start)

    @workflow.run
    async def run(self, start: SubscriptionInput) -> str:
        if workflow.patched(PATCH):
            await workflow.sleep(A_STEP)
        return await super().run(start)


@workflow.defn(name="SubscriptionWorkflow", versioning_behavior=VersioningBehavior.AUTO_UPGRADE)
class NextUpgradingSubscriptionWorkflow(UpgradingSubscriptionWorkflow):
    """The same of workers with versions."""

    @workflow.init
    def __init__(self, start: SubscriptionInput) -> None:
        super().__init__(start)

    @workflow.run
    async def run(self, start: SubscriptionInput) -> str:
        if workflow.patched(PATCH):
            await workflow.sleep(A_STEP)
        return await super().run(start)


def install() -> None:
    """Have this process's workers run it."""
    from worker import build  # noqa: PLC0415 - Temporal's sandbox imports this module as well

    others = tuple(each for each in build.WORKFLOWS if each is not SubscriptionWorkflow)
    build.WORKFLOWS = (NextSubscriptionWorkflow, *others)  # type: ignore[assignment]
    build.UPGRADING_WORKFLOWS = (NextUpgradingSubscriptionWorkflow, *others)
