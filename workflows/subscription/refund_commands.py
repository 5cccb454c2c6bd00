"""The command that gives money back."""

from dataclasses import dataclass

from domain.subscription import guards
from workflows.subscription import activity_calls
from workflows.subscription.messages import Refund
from workflows.subscription.process import SubscriptionProcess
from workflows.subscription.recorder import StepRecorder


@dataclass(frozen=True, eq=False)
class RefundCommands:
    """Checks and carries out refunds. The provider's report of one is recognised, and recorded once."""

    _recorder: StepRecorder
    _process: SubscriptionProcess

    def check_refund(self, command: Refund) -> None:
        guards.check_refund(self._recorder.subscription, command.amount, command.at_most, command.reason)

    async def refund(self, command: Refund) -> None:
        """Give money back, record it, and end the subscription if the policy says so."""
        subscription = self._recorder.subscription
        for reversal in await activity_calls.refund(subscription, command.as_order(subscription.id)):
            await self._process.events.record(reversal, command.as_cause(), command.reason)
